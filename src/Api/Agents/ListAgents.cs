using Npgsql;
using PresenceLedger.Api.Http;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Projections;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Api.Agents;

/// <summary>Agents with their presence, by what they show and where they work.</summary>
internal static class ListAgents
{
    private static readonly string Sql = $"""
        select p.state::text, d.data ->> 'displayName'
        from {PresenceModel.Agents} p
        left join {ReadSide.Schema}.mt_doc_directory d on d.id = p.agent_id
        where (@after::text is null or p.agent_id > @after)
            and (@base::text is null or p.base = @base)
            and (@status::text is null or p.status_id = @status)
            and (@signed_in::boolean is null or p.signed_in = @signed_in)
            and (@queue::text is null or p.queues @> array[@queue])
            and (@skill::text is null or p.skills @> array[@skill])
            and (@text::text is null or p.agent_id ilike @text or d.data ->> 'displayName' ilike @text)
        order by p.agent_id limit @limit
        """;

    public static void Map(RouteGroupBuilder api) =>
        api.MapGet("/agents", GetAsync)
            .WithTags("Queries")
            .WithMetadata(new Paged(), new ReadsYourWrites())
            .WithSummary("Agents with their presence; filters narrow, all of them together.")
            .Produces<Page<PresenceAnswer>>()
            .ProducesProblem(StatusCodes.Status400BadRequest);

    private static async Task<IResult> GetAsync(
        HttpContext http,
        NpgsqlDataSource database,
        ReadPosition position,
        ConfigurationStream configuration,
        string? @base,
        string? status,
        string? queue,
        string? skill,
        string? signedIn,
        string? text
    )
    {
        if (Paging.Read(http, out var paging) is { } badPage)
            return badPage;
        if (@base is not null && !BuiltInStatuses.All.Any(s => s.Id == @base && s.Id != BuiltInStatuses.Inactive.Id))
            return Problems.Validation("base", "must be available, busy, do-not-disturb, away or offline");
        foreach (var (field, id) in new[] { ("status", status), ("queue", queue), ("skill", skill) })
            if (id is not null && !Identifiers.IsValid(id))
                return Problems.Validation(field, Identifiers.Error);
        if (BodyChecks.Text(text) is { } badText)
            return Problems.Validation("text", badText);
        bool? onlySignedIn = null;
        if (signedIn is not null)
        {
            if (!bool.TryParse(signedIn, out var flag))
                return Problems.Validation("signedIn", "must be true or false");
            onlySignedIn = flag;
        }
        if (await ReadPositionHeaders.WaitAsync(http, position) is { } behind)
            return behind;

        var read = await position.ReadAsync(http.RequestAborted);
        await using var command = database.CreateCommand(Sql);
        Add("after", paging.After);
        Add("base", @base);
        Add("status", status);
        Add("queue", queue);
        Add("skill", skill);
        Add("text", text is null ? null : "%" + Escape(text) + "%");
        command.Parameters.Add(new("signed_in", NpgsqlTypes.NpgsqlDbType.Boolean) { Value = (object?)onlySignedIn ?? DBNull.Value });
        command.Parameters.Add(new("limit", NpgsqlTypes.NpgsqlDbType.Integer) { Value = paging.Limit + 1 });

        var items = new List<PresenceAnswer>();
        await using var reader = await command.ExecuteReaderAsync(http.RequestAborted);
        while (await reader.ReadAsync(http.RequestAborted))
        {
            var agent = LedgerJson.Read<OpenFacts>(reader.GetString(0)).Agent;
            items.Add(
                new PresenceAnswer(agent, configuration.Current)
                {
                    DisplayName = await reader.IsDBNullAsync(1, http.RequestAborted) ? null : reader.GetString(1),
                    Queues = agent.Settings.Queues,
                    Skills = [.. agent.Settings.Skills.Select(s => new SkillBody(s.Name, s.Proficiency))],
                }
            );
        }
        ReadPositionHeaders.Set(http, read.Position);
        var more = items.Count > paging.Limit;
        if (more)
            items.RemoveAt(paging.Limit);
        return Results.Json(
            new Page<PresenceAnswer>(items) { Next = more ? Paging.Cursor(items[^1].AgentId) : null, AsOf = read.AsOf },
            WireJson.Options
        );

        void Add(string name, string? value) =>
            command.Parameters.Add(new(name, NpgsqlTypes.NpgsqlDbType.Text) { Value = (object?)value ?? DBNull.Value });
    }

    private static string Escape(string text) =>
        text.Replace("\\", @"\\", StringComparison.Ordinal)
            .Replace("%", "\\%", StringComparison.Ordinal)
            .Replace("_", "\\_", StringComparison.Ordinal);
}
