using System.Globalization;
using System.Text.Json.Serialization;
using PresenceLedger.Api.Agents;
using PresenceLedger.Api.Http;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Ledger;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Api.Audit;

/// <summary>The whole state of an agent as of an instant, as the ledger knew it at another, or as of a version.</summary>
internal static class StateAt
{
    /// <summary>What states of the past are read with.</summary>
    public static void Add(IServiceCollection services) => services.AddSingleton<PastStates>().AddSingleton<PastCorrections>();

    public static void Map(RouteGroupBuilder agent) =>
        agent
            .MapGet("/state", GetAsync)
            .Allow(Permissions.CheckAudit)
            .WithTags("Audit")
            .WithSummary(
                "The state as of an instant (at), as the ledger knew it at another (knownAt), or as of a version; the present one where none is given."
            )
            .Produces<StateAnswer>()
            .ProducesProblems(400, 404);

    private static async Task<IResult> GetAsync(
        HttpContext http,
        string agentId,
        PastStates states,
        Records records,
        PastCorrections corrections,
        ILog log,
        TimeProvider clock,
        string? at,
        string? knownAt,
        string? version
    )
    {
        if (InstantQuery.Read(at, "at", out var instant) is { } badAt)
            return badAt;
        if (InstantQuery.Read(knownAt, "knownAt", out var known) is { } badKnownAt)
            return badKnownAt;
        if (known > clock.Now())
            return Problems.Validation("knownAt", "must not be in the future");
        if (version is not null && (at ?? knownAt) is not null)
            return Problems.Validation("version", "goes without 'at' and 'knownAt'");
        var upTo = long.MaxValue;
        if (version is not null && !long.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out upTo))
            return Problems.Validation("version", "must be a whole number from 0");

        var ct = http.RequestAborted;
        // What the ledger said at an instant of that instant.
        instant ??= known;
        var state = await states.AsOfAsync(agentId, new Horizon(instant, known, upTo), ct);
        if (!state.Agent.IsRegistered)
            return Problems.Of(await UnregisteredAsync(log, agentId, instant, known, ct));
        if (version is not null && upTo > state.Agent.Version)
            return Problems.Validation("version", $"must be at most {state.Agent.Version}, the agent's last");

        var asOf = instant ?? (version is null ? clock.Now() : state.Agent.LastOccurredAt);
        return Results.Json(
            new StateAnswer(
                asOf,
                known,
                new PresenceAnswer(state.Agent, await records.Configurations.AsOfAsync(asOf, known, ct)),
                await corrections.FindAsync(agentId, asOf, known, ct),
                state.Agent,
                Convert.ToHexStringLower(state.Hash)
            ),
            WireJson.Options
        );
    }

    /// <summary>Why there is no state: nobody knows the agent, or nobody did then.</summary>
    internal static async Task<Refusal> UnregisteredAsync(
        ILog log,
        string agentId,
        DateTimeOffset? at,
        DateTimeOffset? knownAt,
        CancellationToken ct
    )
    {
        if (await log.ReadStreamAsync(StreamNames.Agent(agentId), 0, 1, ct) is not [var first])
            return Refusal.AgentUnknown(agentId);
        var (occurredAt, recordedAt) = (first.Record.OccurredAt, first.Record.RecordedAt);
        return new Refusal(
            RefusalCodes.AgentUnknown,
            occurredAt > at
                ? $"Agent '{agentId}' was not registered at {Instant.Format(at.Value)}; it has been since {Instant.Format(occurredAt)}."
                : $"The ledger did not know of agent '{agentId}' at {Instant.Format(knownAt ?? recordedAt)}; "
                    + $"the registration was recorded at {Instant.Format(recordedAt)}."
        );
    }
}

/// <summary>The state as of an instant.</summary>
/// <param name="At">The instant that it is as of.</param>
/// <param name="KnownAt">Only what was recorded by then counts; left out where everything does.</param>
/// <param name="Presence">The presence it shows.</param>
/// <param name="Correction">What a supervisor said later that the status should have been at that instant; left out where nobody did.</param>
/// <param name="State">All of the state.</param>
/// <param name="Hash">The hash of the event it ends with.</param>
public sealed record StateAnswer(
    DateTimeOffset At,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] DateTimeOffset? KnownAt,
    PresenceAnswer Presence,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] CorrectionAnswer? Correction,
    Agent State,
    string Hash
);

/// <summary>A supervisor's word on the past.</summary>
/// <param name="Version">Version of the event.</param>
/// <param name="StatusId">What the status should have been.</param>
/// <param name="Base">The base of that status.</param>
/// <param name="From">From when.</param>
/// <param name="To">Until when.</param>
/// <param name="RecordedAt">When it was recorded.</param>
/// <param name="Actor">Who said so.</param>
public sealed record CorrectionAnswer(
    long Version,
    string StatusId,
    BaseStatus Base,
    DateTimeOffset From,
    DateTimeOffset To,
    DateTimeOffset RecordedAt,
    ActorAnswer Actor
);
