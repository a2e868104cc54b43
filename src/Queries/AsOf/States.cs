using System.Text.Json;
using System.Text.Json.Nodes;
using PresenceLedger.Contracts;
using PresenceLedger.Domain;
using PresenceLedger.Ledger;
using PresenceLedger.Projections;
using PresenceLedger.Projections.Presence;
using PresenceLedger.Queries.Timeline;

namespace PresenceLedger.Queries.AsOf;

/// <summary>The whole state of an agent as of an instant, as the ledger knew it at another, or as of a version.</summary>
/// <param name="AgentId">The agent.</param>
/// <param name="At">The instant; where null that of <paramref name="KnownAt"/>, else now.</param>
/// <param name="KnownAt">Only what was recorded by then counts; null for all.</param>
/// <param name="Version">The version; null for the last.</param>
public sealed record StateQuery(string AgentId, DateTimeOffset? At, DateTimeOffset? KnownAt, long? Version);

/// <summary>What is other in the state of an agent at one instant than at another.</summary>
/// <param name="AgentId">The agent.</param>
/// <param name="From">The earlier instant.</param>
/// <param name="To">The later one; now where null.</param>
/// <param name="KnownAt">Only what was recorded by then counts; null for all.</param>
public sealed record DiffQuery(string AgentId, DateTimeOffset From, DateTimeOffset? To, DateTimeOffset? KnownAt);

/// <summary>Answers questions about states of the past.</summary>
public sealed class States(PastStates states, Records records, PastCorrections corrections, ILog log, TimeProvider clock)
{
    /// <summary>The state.</summary>
    /// <exception cref="RefusedException">There is none: nobody knows the agent, or nobody did then, or it has no such version.</exception>
    public async Task<StateAnswer> AnswerAsync(StateQuery query, CancellationToken ct)
    {
        // What the ledger said at an instant of that instant.
        var at = query.At ?? query.KnownAt;
        var state = await StateAsync(query.AgentId, new Horizon(at, query.KnownAt, query.Version ?? long.MaxValue), ct);
        if (query.Version > state.Agent.Version)
            throw new InvalidQueryException("version", $"must be at most {state.Agent.Version}, the agent's last");
        var asOf = at ?? (query.Version is null ? clock.Now() : state.Agent.LastOccurredAt);
        return new StateAnswer(
            asOf,
            query.KnownAt,
            (await PresenceAsync(state, asOf, query.KnownAt, ct))!,
            await corrections.FindAsync(query.AgentId, asOf, query.KnownAt, ct),
            state.Agent,
            Convert.ToHexStringLower(state.Hash)
        );
    }

    /// <summary>The difference.</summary>
    /// <exception cref="RefusedException">The instants are the wrong way round, or the agent was not registered at the later one.</exception>
    public async Task<DiffAnswer> AnswerAsync(DiffQuery query, CancellationToken ct)
    {
        var to = query.To ?? clock.Now();
        if (query.From > to)
            throw new InvalidQueryException("from", "must not be later than 'to'");
        var before = await states.AsOfAsync(query.AgentId, new Horizon(query.From, query.KnownAt), ct);
        var after = await StateAsync(query.AgentId, new Horizon(to, query.KnownAt), ct);
        var changes = Difference.Between(Node(before), Node(after));
        return new DiffAnswer(
            query.AgentId,
            query.From,
            to,
            query.KnownAt,
            [before.Agent.Version, after.Agent.Version],
            after.Agent.Version - before.Agent.Version,
            new PresencesAnswer(
                await PresenceAsync(before, query.From, query.KnownAt, ct),
                await PresenceAsync(after, to, query.KnownAt, ct)
            ),
            [.. changes.Select(c => new ChangeAnswer(c.Path, c.From, c.To))]
        );
    }

    private async Task<PastState> StateAsync(string agentId, Horizon horizon, CancellationToken ct)
    {
        var state = await states.AsOfAsync(agentId, horizon, ct);
        return state.Agent.IsRegistered ? state : throw new RefusedException(await UnregisteredAsync(agentId, horizon, ct));
    }

    /// <summary>Why there is no state: nobody knows the agent, or nobody did then.</summary>
    private async Task<Refusal> UnregisteredAsync(string agentId, Horizon horizon, CancellationToken ct)
    {
        if (await log.ReadStreamAsync(StreamNames.Agent(agentId), 0, 1, ct) is not [var first])
            return Refusal.AgentUnknown(agentId);
        var (occurredAt, recordedAt) = (first.Record.OccurredAt, first.Record.RecordedAt);
        return new Refusal(
            RefusalCodes.AgentUnknown,
            occurredAt > horizon.At
                ? $"Agent '{agentId}' was not registered at {Instant.Format(horizon.At.Value)}; it has been since {Instant.Format(occurredAt)}."
                : $"The ledger did not know of agent '{agentId}' at {Instant.Format(horizon.KnownAt ?? recordedAt)}; "
                    + $"the registration was recorded at {Instant.Format(recordedAt)}."
        );
    }

    private async Task<PresenceAnswer?> PresenceAsync(PastState state, DateTimeOffset at, DateTimeOffset? knownAt, CancellationToken ct) =>
        state.Agent.IsRegistered ? PresenceAnswer.Of(state.Agent, await records.Configurations.AsOfAsync(at, knownAt, ct)) : null;

    /// <summary>The state as the API shows it; nothing in it before registration.</summary>
    private static JsonNode? Node(PastState state) =>
        state.Agent.IsRegistered ? JsonSerializer.SerializeToNode(state.Agent, WireJson.Options) : new JsonObject();
}
