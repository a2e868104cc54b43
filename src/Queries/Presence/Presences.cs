using Npgsql;
using NpgsqlTypes;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Projections;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Queries.Presence;

/// <summary>Which agents are listed: all filters together; null is any.</summary>
public sealed record PresencesQuery
{
    /// <summary>A base status, as in <c>do-not-disturb</c>.</summary>
    public string? Base { get; init; }
    public string? Status { get; init; }
    public string? Queue { get; init; }
    public string? Skill { get; init; }
    public bool? SignedIn { get; init; }

    /// <summary>Part of the id or the name.</summary>
    public string? Text { get; init; }
}

/// <summary>Presences as the read model has them.</summary>
public sealed class Presences(NpgsqlDataSource database, ReadPosition position, ConfigurationStream configuration, Names names)
{
    private static readonly string Sql = $"""
        select state::text from {PresenceModel.Agents}
        where (@after::text is null or agent_id > @after)
            and (@base::text is null or base = @base)
            and (@status::text is null or status_id = @status)
            and (@signed_in::boolean is null or signed_in = @signed_in)
            and (@queue::text is null or queues @> array[@queue])
            and (@skill::text is null or skills @> array[@skill])
            and (@text::text is null or agent_id ilike @text or agent_id = any (@named))
        order by agent_id limit @limit
        """;

    /// <summary>The presence of an agent.</summary>
    /// <exception cref="RefusedException">There is no such agent.</exception>
    public async Task<(PresenceAnswer Answer, ProjectionPosition Read)> FindAsync(string agentId, CancellationToken ct)
    {
        var read = await position.ReadAsync(ct);
        var open = await OpenFacts.FindAsync(database, agentId, ct) ?? throw RefusedException.AgentUnknown(agentId);
        return (PresenceAnswer.Of(open.Agent, configuration.Current) with { AsOf = read.AsOf }, read);
    }

    /// <summary>A page of agents with their presence, in the order of their ids.</summary>
    public async Task<(Page<PresenceAnswer> Answer, ProjectionPosition Read)> ListAsync(
        PresencesQuery query,
        Paging paging,
        CancellationToken ct
    )
    {
        var read = await position.ReadAsync(ct);
        var all = query.Text is null ? null : await names.ReadAsync(null, ct);
        string[] named = [.. all?.Where(n => n.Value.Contains(query.Text!, StringComparison.OrdinalIgnoreCase)).Select(n => n.Key) ?? []];
        var agents = new List<Agent>();
        await using (var command = database.CreateCommand(Sql))
        {
            Add("after", NpgsqlDbType.Text, paging.After);
            Add("base", NpgsqlDbType.Text, query.Base);
            Add("status", NpgsqlDbType.Text, query.Status);
            Add("signed_in", NpgsqlDbType.Boolean, query.SignedIn);
            Add("queue", NpgsqlDbType.Text, query.Queue);
            Add("skill", NpgsqlDbType.Text, query.Skill);
            Add("text", NpgsqlDbType.Text, query.Text is null ? null : "%" + Escape(query.Text) + "%");
            Add("named", NpgsqlDbType.Array | NpgsqlDbType.Text, named);
            Add("limit", NpgsqlDbType.Integer, paging.Limit + 1);
            await using var reader = await command.ExecuteReaderAsync(ct);
            while (await reader.ReadAsync(ct))
                agents.Add(LedgerJson.Read<OpenFacts>(reader.GetString(0)).Agent);

            void Add(string name, NpgsqlDbType type, object? value) =>
                command.Parameters.Add(new(name, type) { Value = value ?? DBNull.Value });
        }
        var displayed = all ?? await names.ReadAsync([.. agents.Select(a => a.AgentId)], ct);
        var page = paging.Of(
            agents,
            agent => agent.AgentId,
            agent =>
                PresenceAnswer.Of(agent, configuration.Current) with
                {
                    DisplayName = displayed.GetValueOrDefault(agent.AgentId),
                    Queues = agent.Settings.Queues,
                    Skills = SkillBody.Of(agent),
                }
        );
        return (page with { AsOf = read.AsOf }, read);
    }

    private static string Escape(string text) =>
        text.Replace("\\", @"\\", StringComparison.Ordinal)
            .Replace("%", "\\%", StringComparison.Ordinal)
            .Replace("_", "\\_", StringComparison.Ordinal);
}
