using System.ComponentModel;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Npgsql;
using PresenceLedger.Api.Http;
using PresenceLedger.Api.Privacy;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Routing;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Projections;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Api.Agents;

/// <summary>Which agents a piece of work may be given to, most available first; and why an agent is not among them.</summary>
internal static class Eligible
{
    private const int MostUnits = 1_000_000;
    private const int MostNames = 50;

    private static readonly Dictionary<string, BaseStatus> Bases = BuiltInStatuses
        .All.Where(s => s.Id != BuiltInStatuses.Inactive.Id)
        .ToDictionary(s => s.Id, s => s.Base, StringComparer.Ordinal);

    public static void Map(RouteGroupBuilder api) =>
        api.MapGet("/routing/eligible", GetAsync)
            .WithTags("Queries")
            .WithMetadata(new Paged(), new ReadsYourWrites(), new MayAnswer(typeof(EligibilityAnswer)))
            .WithSummary(
                "Signed-in agents whose base status is allowed and whose capacity suffices, most available first; or why an agent is not."
            )
            .Produces<Page<EligibleAgent>>()
            .ProducesProblems(400, 404, 503);

    private static async Task<IResult> GetAsync(
        HttpContext http,
        NpgsqlDataSource database,
        LatestAgents latest,
        ReadPosition position,
        ConfigurationStream configuration,
        Reasons given,
        Conflicts conflicts,
        [QueryList, Description("Base statuses, with commas between them (available,busy).")] string? allowed,
        [Description("Capacity units that the work takes (0).")] string? units,
        [QueryList, Description("Capacity profiles that it takes an item of.")] string? profiles,
        [Description("A queue that the agent works in.")] string? queue,
        [QueryList, Description("Skills, all of them.")] string? skills,
        [Description("An agent: answers whether it is eligible, and if not, why.")] string? why,
        [Description("With why: the least version of the agent.")] string? minVersion
    )
    {
        if (Read(http, units, queue, out var need) is { } bad)
            return bad;
        if (Paging.Read(http, out var paging, text => AvailabilityOf(text) is not null) is { } badPage)
            return badPage;
        if (why is not null && !Identifiers.IsValid(why))
            return Problems.Validation("why", Identifiers.Error);
        if (minVersion is not null && why is null)
            return Problems.Validation("minVersion", "goes with 'why', which names the agent that it is of");
        if (await ReadPositionHeaders.WaitAsync(http, position, why) is { } behind)
            return behind;
        return why is null ? await ListAsync() : await WhyAsync(why);

        async Task<IResult> ListAsync()
        {
            var read = await position.ReadAsync(http.RequestAborted);
            var after = paging.After is null ? null : AvailabilityOf(paging.After);
            var eligible = (await CandidatesAsync(database, latest, need, http.RequestAborted))
                .Where(agent => !Eligibility.Of(agent, configuration.Current, need).Any())
                .Select(agent => (Agent: agent, Availability: Availability.Of(agent, configuration.Current)))
                .Where(one => after is null || Availability.MostFirst.Compare(one.Availability, after.Value) > 0)
                .OrderBy(one => one.Availability, Availability.MostFirst)
                .Take(paging.Limit + 1)
                .ToArray();
            ReadPositionHeaders.Set(http, read.Position);
            return Results.Json(
                new Page<EligibleAgent>([
                    .. eligible.Take(paging.Limit).Select(one => EligibleAgent.Of(one.Agent, one.Availability, configuration.Current)),
                ])
                {
                    Next = eligible.Length > paging.Limit ? Paging.Cursor(TextOf(eligible[paging.Limit - 1].Availability)) : null,
                    AsOf = read.AsOf,
                },
                WireJson.Options
            );
        }

        async Task<IResult> WhyAsync(string agentId)
        {
            var read = await position.ReadAsync(http.RequestAborted);
            if (await OpenFacts.FindAsync(database, agentId, http.RequestAborted) is not { } open)
                return Problems.Of(Refusal.AgentUnknown(agentId));
            ReadPositionHeaders.Set(http, read.Position);
            var obstacles = Eligibility.Of(open.Agent, configuration.Current, need);
            var givenReasons = await given.ReadAsync([WhyNot.Given(open)], http.RequestAborted);
            var reasons = obstacles.Select(o => WhyNot.Of(o, open, givenReasons)).ToArray();
            var (inConflict, names) = await conflicts.OfAsync(open.Agent, http.RequestAborted);
            return Results.Json(
                new EligibilityAnswer(agentId, reasons.Length == 0, reasons, ConflictAnswer.Of(agentId, inConflict, names), read.AsOf),
                WireJson.Options
            );
        }
    }

    private static IResult? Read(HttpContext http, string? units, string? queue, out Need need)
    {
        need = new Need();
        if (QueryLists.Read(http, "allowed", "allowed", BaseError, out var allowed) is { } badAllowed)
            return badAllowed;
        if (allowed is not null)
            need = need with { Allowed = [.. allowed.Select(b => Bases[b])] };
        if (units is not null)
        {
            if (!int.TryParse(units, NumberStyles.None, CultureInfo.InvariantCulture, out var some) || some > MostUnits)
                return Problems.Validation("units", $"must be a whole number from 0 to {MostUnits}");
            need = need with { Units = some };
        }
        if (queue is not null && !Identifiers.IsValid(queue))
            return Problems.Validation("queue", Identifiers.Error);
        if (QueryLists.Identifiers(http, "profiles", out var profiles, MostNames) is { } badProfiles)
            return badProfiles;
        if (QueryLists.Identifiers(http, "skills", out var skills, MostNames) is { } badSkills)
            return badSkills;
        need = need with { Queue = queue, Profiles = [.. profiles ?? []], Skills = [.. skills ?? []] };
        return null;
    }

    private static string? BaseError(string text) =>
        Bases.ContainsKey(text) ? null : "must be available, busy, do-not-disturb, away or offline";

    /// <summary>Those whom SQL does not rule out.</summary>
    private static async Task<IEnumerable<Agent>> CandidatesAsync(
        NpgsqlDataSource database,
        LatestAgents latest,
        Need need,
        CancellationToken ct
    )
    {
        var condition = "signed_in and base = any ($1)";
        var parameters = new List<NpgsqlParameter>
        {
            new NpgsqlParameter<string[]>
            {
                TypedValue = [.. need.Allowed.Select(b => JsonNamingPolicy.KebabCaseLower.ConvertName(b.ToString()))],
            },
        };
        foreach (var (column, names) in new[] { ("queues", need.Queue is { } queue ? [queue] : []), ("skills", need.Skills) })
            if (names.Length > 0)
            {
                parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. names] });
                condition += $" and {column} @> ${parameters.Count.ToString(CultureInfo.InvariantCulture)}";
            }
        await using var connection = await database.OpenConnectionAsync(ct);
        return (await latest.WhereAsync(connection, null, condition, [.. parameters], ct)).Select(open => open.Agent);
    }

    private static string TextOf(Availability availability) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{availability.FreeShare:R}:{availability.Conversations}:{availability.Since.UtcTicks}:{availability.AgentId}"
        );

    private static Availability? AvailabilityOf(string? text) =>
        text?.Split(':', 4) is [var share, var conversations, var since, { } agentId]
        && double.TryParse(share, NumberStyles.Float, CultureInfo.InvariantCulture, out var freeShare)
        && int.TryParse(conversations, NumberStyles.None, CultureInfo.InvariantCulture, out var open)
        && long.TryParse(since, NumberStyles.None, CultureInfo.InvariantCulture, out var ticks)
        && ticks <= DateTimeOffset.MaxValue.Ticks
            ? new Availability(freeShare, open, new DateTimeOffset(ticks, TimeSpan.Zero), agentId)
            : null;
}

/// <summary>An agent to whom the work may be given.</summary>
public sealed record EligibleAgent
{
    public required string AgentId { get; init; }
    public required string StatusId { get; init; }
    public required BaseStatus Base { get; init; }

    /// <summary>Null where no units are configured.</summary>
    public required int? AvailableUnits { get; init; }
    public required IReadOnlyList<ProfileAnswer> Profiles { get; init; }

    /// <summary>How many are open.</summary>
    public required int Conversations { get; init; }

    /// <summary>When the last of them was assigned; without any, since when the status stands.</summary>
    public required DateTimeOffset Since { get; init; }
    public required IReadOnlyList<string> Queues { get; init; }
    public required IReadOnlyList<SkillBody> Skills { get; init; }

    internal static EligibleAgent Of(Agent agent, Availability availability, Configuration configuration)
    {
        var presence = new PresenceAnswer(agent, configuration);
        return new EligibleAgent
        {
            AgentId = agent.AgentId,
            StatusId = presence.StatusId,
            Base = presence.Base,
            AvailableUnits = presence.Capacity.Units?.Available,
            Profiles = presence.Capacity.Profiles,
            Conversations = availability.Conversations,
            Since = availability.Since,
            Queues = agent.Settings.Queues,
            Skills = [.. agent.Settings.Skills.Select(s => new SkillBody(s.Name, s.Proficiency))],
        };
    }
}

/// <summary>Whether an agent is eligible, and all that stands against it.</summary>
/// <param name="AgentId">The agent.</param>
/// <param name="Eligible">Nothing stands against it.</param>
/// <param name="Reasons">What stands against it.</param>
/// <param name="Conflicts">Its conversations that are open with others at the same time; they decide nothing (STK-3).</param>
/// <param name="AsOf">Up to when the answer is complete.</param>
public sealed record EligibilityAnswer(
    string AgentId,
    bool Eligible,
    IReadOnlyList<WhyNot> Reasons,
    IReadOnlyList<ConflictAnswer> Conflicts,
    DateTimeOffset AsOf
);

/// <summary>What stands against an agent; of a status also who made it stand, and why.</summary>
public sealed record WhyNot(string Code, string Detail)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? StatusId { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public BaseStatus? Base { get; init; }

    /// <summary>Who set it; left out before the first change.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Actor? Actor { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Rule { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ReasonAnswer? Reason { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? At { get; init; }

    internal static GivenReason Given(OpenFacts open) => new(open.Agent.AgentId, open.SetBy?.Reason, open.SetBy?.At ?? default);

    internal static WhyNot Of(Obstacle obstacle, OpenFacts open, ReasonsRead reasons) =>
        obstacle.Code is Eligibility.BaseNotAllowed
            ? new WhyNot(obstacle.Code, obstacle.Detail)
            {
                StatusId = open.Agent.Status.StatusId,
                Base = open.Agent.Status.Base,
                Actor = open.SetBy?.Actor,
                Rule = open.SetBy?.Rule,
                Reason = reasons.Of(Given(open)),
                At = open.SetBy?.At,
            }
            : new WhyNot(obstacle.Code, obstacle.Detail);
}
