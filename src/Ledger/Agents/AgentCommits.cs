using System.Collections.Immutable;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.Reasons;

namespace PresenceLedger.Ledger.Agents;

/// <summary>A command on an agent, on its way into the log.</summary>
/// <param name="AgentId">The agent that it was given to.</param>
/// <param name="Command">What is asked.</param>
/// <param name="Envelope">Who asks, and how.</param>
/// <param name="ArrivedAt">When it arrived; for what the service does by itself, when it began.</param>
/// <param name="Reason">The text of its reason.</param>
/// <param name="Answer">The answer to remember under the envelope's idempotency key, from the outcome.</param>
internal sealed record PendingCommand(
    string AgentId,
    AgentCommand Command,
    CommandEnvelope Envelope,
    DateTimeOffset ArrivedAt,
    CommandReason Reason,
    Func<CommandOutcome, string>? Answer
)
{
    /// <summary>With where it came from, by the agent as it is.</summary>
    public PendingCommand CameFrom(Agent agent) => this with { Envelope = Envelope.CameFrom(agent, Command) };
}

/// <summary>What a command does to one agent.</summary>
internal sealed record AgentChange(KeptState Before, ImmutableArray<AgentEvent> Events, StreamAppend Append, KeptState After);

/// <summary>
/// What commands on one agent and on two have in common: they are tried until they go through, an agent's part is decided, and what was
/// decided is appended with the answer to remember.
/// </summary>
internal sealed class AgentCommits(
    ILog log,
    LoadedAgents agents,
    ISignsOfLife signsOfLife,
    ConfigurationStream configuration,
    ICalendar calendar,
    TimeProvider clock
)
{
    private const int Attempts = 50;

    /// <summary>The agents as this node has them in memory.</summary>
    public LoadedAgents Agents => agents;

    /// <summary>A decision that changes nothing.</summary>
    public static readonly Decision<AgentEvent> Nothing = new([], null);

    /// <summary>
    /// Tries until a command goes through: on the agents as this node knows them, then on what the log has of them. A try gives null where it is
    /// to be repeated on newer states.
    /// </summary>
    /// <exception cref="LedgerUnavailableException">The log could not be reached, or too many change the agent at once.</exception>
    public async Task<CommandOutcome> RunAsync(
        string[] agentIds,
        Func<KeptState[], bool, Task<CommandOutcome?>> tryAsync,
        CancellationToken ct
    )
    {
        try
        {
            using var held = await agents.EnterAsync(agentIds, ct);
            var known = new KeptState[agentIds.Length];
            for (var n = 0; n < known.Length; n++)
                known[n] = await agents.LoadAsync(agentIds[n], ct);
            for (var attempt = 0; attempt < Attempts; attempt++)
            {
                if (await tryAsync(known, attempt > 0) is { } outcome)
                    return outcome;

                // Another node was faster, or might have been: catch up, and decide again.
                await configuration.RefreshAsync(ct);
                for (var n = 0; n < known.Length; n++)
                    known[n] = await agents.RefreshAsync(known[n], ct);
            }
        }
        catch (LedgerUnavailableException)
        {
            // Whatever happened to it, what is in memory may be behind now.
            foreach (var id in agentIds)
                agents.Forget(id);
            throw;
        }
        throw new LedgerUnavailableException($"Agent '{agentIds[0]}' is changed by too many at once.", null);
    }

    /// <summary>Decides a command on the agent that it was given to; refused where the caller decided on another version of the agent.</summary>
    public async ValueTask<(Decision<AgentEvent> Decision, CommandOutcome? Refused)> DecideAsync(
        Agent agent,
        PendingCommand command,
        Configuration settings,
        CancellationToken ct
    )
    {
        if (command.Envelope.IfMatch is { } version && version != agent.Version)
            return (Nothing, new CommandOutcome.VersionConflict(version, agent.Version));
        var decision = await DecideAsync(agent, command.Command, command, settings, ct);
        return (decision, decision.Refusal is { } refusal ? new CommandOutcome.Refused(refusal) : null);
    }

    /// <summary>Decides what a command asks of an agent.</summary>
    public async ValueTask<Decision<AgentEvent>> DecideAsync(
        Agent agent,
        AgentCommand asked,
        PendingCommand command,
        Configuration settings,
        CancellationToken ct
    )
    {
        // What the service does by itself waits for nobody: what cannot be decided yet is due again in a moment.
        var wait = command.Command is not SettleDue || command.Envelope.ArrivedAt is not null;
        var heard = await signsOfLife.OfAsync(agent, settings, command.ArrivedAt, wait, ct);
        return AgentDecider.Decide(agent, asked, new AgentContext(heard.AsOf, settings, heard.Signs, calendar) { NoticedAt = clock.Now() });
    }

    /// <summary>
    /// Whether a loss is to be recorded. It cannot be taken back: before it is, this node is to know of the newest policy (TIM-6).
    /// </summary>
    public static bool RecordsLoss(Decision<AgentEvent> decision) => decision.Due > 0 && decision.Events.Any(e => e is ConnectionLost);

    /// <summary>What a decision does to an agent; null where that is nothing.</summary>
    public static AgentChange? Change(
        KeptState before,
        Decision<AgentEvent> decision,
        PendingCommand command,
        Configuration settings,
        DateTimeOffset now
    )
    {
        if (decision.Events.IsEmpty)
            return null;
        var stream = StreamNames.Agent(before.Agent.AgentId);
        var last = before.Agent.Version;
        var envelope = command.Envelope;
        // What became due by itself has no reason of the command's.
        if (decision.Events.Length > decision.Due)
            // Its time is that of its event, so that an erasure takes all up to its own.
            envelope = command.Reason.Of(stream, envelope, decision.Events[^1].OccurredAt);
        var records = EventRecords.Create(stream, last, before.Hash, decision.Events, decision.Due, envelope, settings.Version, now);
        return new AgentChange(before, decision.Events, new StreamAppend(stream, last, records), before.After(decision.Events, records));
    }

    /// <summary>Appends what was decided, and remembers the answer; null where it is to be decided again on newer states.</summary>
    /// <param name="command">The command.</param>
    /// <param name="settings">The configuration that decided.</param>
    /// <param name="changes">What it does, first to the agent that it was given to; may be nothing.</param>
    /// <param name="outcome">What becomes of it.</param>
    /// <param name="now">When it was decided.</param>
    /// <param name="leavesNothing">Whether no earlier try can have left events, which name the text of the reason.</param>
    /// <param name="ct">Cancellation; an append that began is seen through.</param>
    public async Task<CommandOutcome?> CommitAsync(
        PendingCommand command,
        Configuration settings,
        IReadOnlyList<AgentChange> changes,
        CommandOutcome outcome,
        DateTimeOffset now,
        bool leavesNothing,
        CancellationToken ct
    )
    {
        var (envelope, reason) = (command.Envelope, command.Reason);
        if (changes.Count == 0 && leavesNothing)
            await reason.TakeBackAsync();
        var toRemember =
            envelope.IdempotencyKey is { } key && command.Answer is { } answer
                ? new RecordedAnswer(key, envelope.Fingerprint, answer(outcome), now)
                : null;
        if (changes.Count == 0 && toRemember is null)
            return outcome;

        var note = configuration.NoteUse(settings, FirstUses(changes, settings), envelope);
        await reason.KeepAsync();
        var result = await AppendAsync([.. changes.Select(c => c.Append)], note, toRemember);
        switch (result.Verdict)
        {
            case AppendVerdict.Conflict:
                return null;
            case AppendVerdict.KeyTaken:
                if (leavesNothing)
                    await reason.TakeBackAsync();
                return await log.RepeatedAsync(toRemember!, ct);
        }

        foreach (var change in changes)
        {
            agents.Keep(change.After);
            FollowConnections(change, settings.Policy);
        }
        // Where only the answer was remembered, there is no place to wait for.
        return changes.Count > 0 ? (AgentAccepted)outcome with { Position = result.Position } : outcome;
    }

    /// <summary>
    /// Appends what a command led to, at once where the log can. Where not: that a status is used is noted before it is, for
    /// noted too early it harms nobody; a transfer reaches the second agent before the first lets go, for then the conversation
    /// is with somebody at any time, and the second half is made up for should this node die (<see cref="Timers.DueWorker"/>). The
    /// answer is remembered with the last, so that a retry goes through all of it.
    /// </summary>
    private async Task<AppendResult> AppendAsync(StreamAppend[] changes, StreamAppend? note, RecordedAnswer? answer)
    {
        if (log.SpansStreams || changes.Length + (note is null ? 0 : 1) <= 1)
            return await log.AppendAsync(new Commit(note is null ? changes : [.. changes, note], answer));
        StreamAppend[] before = [.. note is null ? [] : new[] { note }, .. changes[1..].Reverse()];
        foreach (var step in before)
            if ((await log.AppendAsync(new Commit([step]))) is { Verdict: AppendVerdict.Conflict } conflict)
                return conflict;
        return await log.AppendAsync(new Commit([changes[0]], answer));
    }

    /// <summary>Custom statuses that stand for the first time (CAT-2).</summary>
    private static IEnumerable<string> FirstUses(IEnumerable<AgentChange> changes, Configuration settings) =>
        changes
            .SelectMany(c => c.Events)
            .Select(e =>
                e switch
                {
                    PresenceChanged changed => changed.To.StatusId,
                    PresenceCorrected corrected => corrected.StatusId,
                    _ => null,
                }
            )
            .OfType<string>()
            .Where(id => settings.Status(id) is { BuiltIn: false, Used: false });

    private void FollowConnections(AgentChange change, Policy policy)
    {
        var before = change.Before.Agent;
        foreach (var e in change.Events)
            switch (e)
            {
                case AgentSignedIn signedIn:
                    Opened(signedIn.ConnectionId, e.OccurredAt);
                    break;
                case ConnectionOpened opened:
                    Opened(opened.ConnectionId, e.OccurredAt);
                    break;
                case ConnectionClosing closing:
                    signsOfLife.Closing(before.AgentId, closing.ConnectionId, e.OccurredAt);
                    break;
                case ConnectionLost lost:
                    signsOfLife.Forget(before.AgentId, lost.ConnectionId);
                    ConnectionMetrics.Lost(lost);
                    break;
                case AgentSignedOut:
                    foreach (var id in before.Connections.Keys)
                        signsOfLife.Forget(before.AgentId, id);
                    break;
            }

        void Opened(string connectionId, DateTimeOffset at)
        {
            signsOfLife.Opened(before.AgentId, connectionId, at);
            if (change.After.Agent.IsFlapping(policy, at) && change.After.Agent.Regained.Contains(at))
                ConnectionMetrics.Flapped();
        }
    }
}
