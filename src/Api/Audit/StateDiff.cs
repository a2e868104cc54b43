using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using PresenceLedger.Api.Agents;
using PresenceLedger.Api.Http;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Ledger;
using PresenceLedger.Projections;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Api.Audit;

/// <summary>What is other in the state of an agent at one instant than at another.</summary>
internal static class StateDiff
{
    public static void Map(RouteGroupBuilder agent) =>
        agent
            .MapGet("/diff", GetAsync)
            .Allow(Permissions.CheckAudit)
            .WithTags("Audit")
            .WithSummary(
                "What is other in the state at an instant (to; now) than at an earlier one (from), of what the ledger knew at knownAt."
            )
            .Produces<DiffAnswer>()
            .ProducesProblems(400, 404);

    private static async Task<IResult> GetAsync(
        HttpContext http,
        string agentId,
        PastStates states,
        Records records,
        ILog log,
        TimeProvider clock,
        string? from,
        string? to,
        string? knownAt
    )
    {
        if (InstantQuery.Read(from, "from", out var first) is { } badFrom)
            return badFrom;
        if (InstantQuery.Read(to, "to", out var second) is { } badTo)
            return badTo;
        if (InstantQuery.Read(knownAt, "knownAt", out var known) is { } badKnownAt)
            return badKnownAt;
        if (known > clock.Now())
            return Problems.Validation("knownAt", "must not be in the future");
        if (first is not { } begin)
            return Problems.Validation("from", "is required");
        var end = second ?? clock.Now();
        if (begin > end)
            return Problems.Validation("from", "must not be later than 'to'");

        var ct = http.RequestAborted;
        var before = await states.AsOfAsync(agentId, new Horizon(begin, known), ct);
        var after = await states.AsOfAsync(agentId, new Horizon(end, known), ct);
        if (!after.Agent.IsRegistered)
            return Problems.Of(await StateAt.UnregisteredAsync(log, agentId, end, known, ct));
        var changes = Difference.Between(Node(before), Node(after));
        return Results.Json(
            new DiffAnswer(
                agentId,
                begin,
                end,
                known,
                [before.Agent.Version, after.Agent.Version],
                after.Agent.Version - before.Agent.Version,
                new PresencesAnswer(await PresenceAsync(before, begin), await PresenceAsync(after, end)),
                [.. changes.Select(c => new ChangeAnswer(c.Path, c.From, c.To))]
            ),
            WireJson.Options
        );

        async Task<PresenceAnswer?> PresenceAsync(PastState state, DateTimeOffset at) =>
            state.Agent.IsRegistered ? new PresenceAnswer(state.Agent, await records.Configurations.AsOfAsync(at, known, ct)) : null;
    }

    /// <summary>The state as the API shows it; nothing in it before registration.</summary>
    private static JsonNode? Node(PastState state) =>
        state.Agent.IsRegistered ? JsonSerializer.SerializeToNode(state.Agent, WireJson.Options) : new JsonObject();
}

/// <summary>What is other.</summary>
/// <param name="AgentId">The agent.</param>
/// <param name="From">The earlier instant.</param>
/// <param name="To">The later one.</param>
/// <param name="KnownAt">Only what was recorded by then counts; left out where everything does.</param>
/// <param name="Versions">The versions of both states; -1 before registration.</param>
/// <param name="Events">How many events are between them.</param>
/// <param name="Presence">The presence of both.</param>
/// <param name="Changes">What is other, in the order of the paths.</param>
public sealed record DiffAnswer(
    string AgentId,
    DateTimeOffset From,
    DateTimeOffset To,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] DateTimeOffset? KnownAt,
    IReadOnlyList<long> Versions,
    long Events,
    PresencesAnswer Presence,
    IReadOnlyList<ChangeAnswer> Changes
);

/// <summary>The presence at two instants; null before registration.</summary>
public sealed record PresencesAnswer(PresenceAnswer? From, PresenceAnswer? To);

/// <summary>A member of the state that is other.</summary>
/// <param name="Path">Where, as in <c>conversations.c1.state</c>.</param>
/// <param name="From">What it was; null where it was not there.</param>
/// <param name="To">What it is.</param>
public sealed record ChangeAnswer(string Path, JsonNode? From, JsonNode? To);
