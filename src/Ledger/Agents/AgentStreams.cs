using PresenceLedger.Domain;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Ledger.Clock;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.Reasons;

namespace PresenceLedger.Ledger.Agents;

/// <summary>
/// A command on an agent was accepted: the agent after it, and what was recorded (nothing for a no-op): first of this agent, then of the one
/// that a conversation was transferred to.
/// </summary>
public sealed record AgentAccepted(Agent Agent, Configuration Configuration, IReadOnlyList<EventRecord> Events) : CommandOutcome
{
    /// <summary>Where it ends in global order; the start where nothing was recorded.</summary>
    public LogPosition Position { get; init; }
}

/// <summary>
/// The streams of agents: load (from memory, else a kept state and the events after it), decide, append at the expected version; on a conflict
/// fetch the tail and decide again. A hot command costs one durable round trip. A decision that records nothing is checked
/// against the log first, for another node may have moved the agent on. A transfer concerns two streams (<see cref="Transfer"/>).
/// </summary>
public sealed class AgentStreams(
    ILog log,
    IKeptStates keptStates,
    ISignsOfLife signsOfLife,
    ConfigurationStream configuration,
    IReasonTexts texts,
    ICalendar calendar,
    TimeProvider clock
) : IDisposable
{
    private readonly AgentCommits _commits = new(log, new LoadedAgents(log, keptStates), signsOfLife, configuration, calendar, clock);

    private LoadedAgents Agents => _commits.Agents;

    /// <summary>Handles a command that somebody gives: may they, then transact.</summary>
    /// <param name="agentId">The agent.</param>
    /// <param name="command">What is asked.</param>
    /// <param name="envelope">Who asks, and how.</param>
    /// <param name="answer">The answer to remember under the envelope's idempotency key, from the outcome.</param>
    /// <param name="ct">Cancels loading; an append that began is seen through.</param>
    /// <exception cref="LedgerUnavailableException">As for <see cref="TransactAsync"/>.</exception>
    public async Task<CommandOutcome> HandleAsync(
        string agentId,
        AgentCommand command,
        CommandEnvelope envelope,
        Func<CommandOutcome, string>? answer,
        CancellationToken ct
    ) =>
        Permissions.Check(envelope.Actor, agentId, command) is { } forbidden
            ? new CommandOutcome.Refused(forbidden)
            : await TransactAsync(agentId, command, envelope, answer, ct);

    /// <summary>Decides a command and appends what it leads to.</summary>
    /// <param name="agentId">The agent.</param>
    /// <param name="command">What is asked.</param>
    /// <param name="envelope">Who asks, and how.</param>
    /// <param name="answer">The answer to remember under the envelope's idempotency key, from the outcome.</param>
    /// <param name="ct">Cancels loading; an append that began is seen through.</param>
    /// <exception cref="LedgerUnavailableException">
    /// The log could not be reached, the time is not known, or too many change the agent at once.
    /// </exception>
    public async Task<CommandOutcome> TransactAsync(
        string agentId,
        AgentCommand command,
        CommandEnvelope envelope,
        Func<CommandOutcome, string>? answer,
        CancellationToken ct
    )
    {
        await clock.KnownAsync(ct);
        var arrivedAt = envelope.ArrivedAt?.ToMillisecond() ?? clock.Now();
        var pending = new PendingCommand(agentId, command, envelope, arrivedAt, new CommandReason(texts), answer);
        // A connection that says it closes is not seen to come back by saying so; one that signs in again is.
        var over = command is CloseConnection ? null : (command as SignIn)?.ConnectionId ?? envelope.ConnectionId;
        if (over is not null)
            signsOfLife.Arrived(agentId, over, arrivedAt);
        try
        {
            return Transfer.Is(agentId, command)
                ? await new Transfer(log, _commits, configuration, clock, pending).RunAsync(ct)
                : await _commits.RunAsync([agentId], (known, caughtUp) => TryAsync(pending, known[0], caughtUp, ct), ct);
        }
        finally
        {
            if (over is not null)
                signsOfLife.Decided(agentId, over, arrivedAt);
        }
    }

    /// <summary>Whether a connection was open when something arrived over it; what was due by then is recorded (CON-9).</summary>
    public async Task<bool> IsOpenAsync(string agentId, string connectionId, DateTimeOffset arrivedAt, CancellationToken ct)
    {
        var id = Guid.CreateVersion7(clock.GetUtcNow());
        var envelope = new CommandEnvelope(Actor.Ledger, id, id.ToString("N")) { ArrivedAt = arrivedAt };
        return await TransactAsync(agentId, new SettleDue(), envelope, answer: null, ct) is AgentAccepted accepted
            && accepted.Agent.Connections.ContainsKey(connectionId);
    }

    /// <summary>The agent as the log has it now.</summary>
    public async Task<Agent> CurrentAsync(string agentId, CancellationToken ct)
    {
        using var held = await Agents.EnterAsync([agentId], ct);
        return (await Agents.RefreshAsync(await Agents.LoadAsync(agentId, ct), ct)).Agent;
    }

    /// <summary>The agent as this node knows it: as of its last command here, or the log where there was none.</summary>
    public async Task<Agent> KnownAsync(string agentId, CancellationToken ct) => Cached(agentId)?.Agent ?? await CurrentAsync(agentId, ct);

    /// <summary>
    /// The agent after some events that follow each other, or later. What this node has in memory moves on with them, so that nothing is
    /// read of an agent whom other nodes change.
    /// </summary>
    /// <exception cref="InvalidDataException">An event of the agent cannot be read.</exception>
    internal async ValueTask<Agent> AfterAsync(string agentId, IReadOnlyList<EventRecord> events, CancellationToken ct) =>
        (await Agents.AfterAsync(agentId, events, ct)).Agent;

    /// <summary>What this node has in memory of an agent, with the hash of its last event; null where it has nothing.</summary>
    public KeptState? Cached(string agentId) => Agents.Find(agentId);

    /// <summary>The agent as of a version that the log has; -1 for before the first event.</summary>
    /// <exception cref="InvalidDataException">The log has no such version.</exception>
    public Task<Agent> AtAsync(string agentId, long version, CancellationToken ct) => Agents.AtAsync(agentId, version, ct);

    /// <inheritdoc />
    public void Dispose() => Agents.Dispose();

    /// <summary>One try; null where it is to be decided again on newer states.</summary>
    private async Task<CommandOutcome?> TryAsync(PendingCommand command, KeptState known, bool caughtUp, CancellationToken ct)
    {
        var settings = configuration.Current;
        command = command.CameFrom(known.Agent);
        var (decision, refused) = await _commits.DecideAsync(known.Agent, command, settings, ct);

        var now = clock.Now();
        if (!caughtUp && AgentCommits.RecordsLoss(decision))
            return null;
        var change = AgentCommits.Change(known, decision, command, settings, now);
        if (change is null && !caughtUp)
            return null;
        var outcome = refused ?? new AgentAccepted((change?.After ?? known).Agent, settings, change?.Append.Events ?? []);
        return await _commits.CommitAsync(command, settings, change is null ? [] : [change], outcome, now, leavesNothing: true, ct);
    }
}
