using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Caching.Memory;
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
/// The streams of agents: load (from the cache, else a kept state and the events after it), decide, append at the expected version; on a conflict
/// fetch the tail and decide again. A hot command costs one durable round trip. A decision that records nothing is checked
/// against the log first, for another node may have moved the agent on. A command that concerns several streams is one commit
/// where the log spans streams, else one after another, in an order in which each is right if the next never comes.
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
    private const int Attempts = 50;
    private const int PageSize = 1000;
    private const int CachedAgents = 200_000;

    private readonly MemoryCache _cache = new(new MemoryCacheOptions { SizeLimit = CachedAgents });
    private readonly StripedLocks _locks = new(1024);
    private readonly Lock _keeping = new();

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
        var toAgentId = (command as TransferConversation)?.ToAgentId;
        string[] agentIds = toAgentId is null || toAgentId == agentId ? [agentId] : [agentId, toAgentId];
        if (!log.SpansStreams && agentIds.Length == 2 && envelope.IdempotencyKey is { } key)
            envelope = envelope with { CommandId = IdOf(key, envelope.Fingerprint) };
        var reason = new CommandReason(texts);
        var arrivedAt = envelope.ArrivedAt?.ToMillisecond() ?? clock.Now();
        // A connection that says it closes is not seen to come back by saying so; one that signs in again is.
        var over = command is CloseConnection ? null : (command as SignIn)?.ConnectionId ?? envelope.ConnectionId;
        if (over is not null)
            signsOfLife.Arrived(agentId, over, arrivedAt);
        try
        {
            using var held = await _locks.EnterAsync(agentIds, ct);
            var agents = new Loaded[agentIds.Length];
            for (var n = 0; n < agentIds.Length; n++)
                agents[n] = await LoadAsync(agentIds[n], ct);
            for (var attempt = 0; attempt < Attempts; attempt++)
            {
                if (await TryAsync(agents, command, envelope, arrivedAt, reason, caughtUp: attempt > 0, answer, ct) is { } outcome)
                    return outcome;

                // Another node was faster, or might have been: catch up, and decide again.
                await configuration.RefreshAsync(ct);
                for (var n = 0; n < agentIds.Length; n++)
                    agents[n] = await RefreshAsync(agents[n], ct);
            }
        }
        catch (LedgerUnavailableException)
        {
            // Whatever happened to it, what is cached may be behind now.
            foreach (var id in agentIds)
                _cache.Remove(id);
            throw;
        }
        finally
        {
            if (over is not null)
                signsOfLife.Decided(agentId, over, arrivedAt);
        }
        throw new LedgerUnavailableException($"Agent '{agentId}' is changed by too many at once.", null);
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
        using var held = await _locks.EnterAsync([agentId], ct);
        return (await RefreshAsync(await LoadAsync(agentId, ct), ct)).Agent;
    }

    /// <summary>The agent as this node knows it: as of its last command here, or the log where there was none.</summary>
    public async Task<Agent> KnownAsync(string agentId, CancellationToken ct)
    {
        if (_cache.TryGetValue(agentId, out Loaded? cached))
            return cached!.Agent;
        return await CurrentAsync(agentId, ct);
    }

    /// <summary>
    /// The agent after some events that follow each other, or later. What this node has in memory moves on with them, so that nothing is
    /// read of an agent whom other nodes change.
    /// </summary>
    /// <exception cref="InvalidDataException">An event of the agent cannot be read.</exception>
    internal async ValueTask<Agent> AfterAsync(string agentId, IReadOnlyList<EventRecord> events, CancellationToken ct)
    {
        var known =
            _cache.TryGetValue(agentId, out Loaded? cached) ? cached!
            : events[0].Version == 0 ? Loaded.Unknown(agentId)
            : await LoadAsync(agentId, ct);
        if (known.Agent.Version >= events[^1].Version)
            return known.Agent;
        if (known.Agent.Version < events[0].Version - 1)
            return (await RefreshAsync(known, ct)).Agent;
        EventRecord[] missing = [.. events.Where(e => e.Version > known.Agent.Version)];
        return Keep(known.After([.. missing.Select(e => (AgentEvent)WireNames.Read(e))], missing)).Agent;
    }

    /// <summary>What this node has in memory of an agent, with the hash of its last event; null where it has nothing.</summary>
    public KeptState? Cached(string agentId) =>
        _cache.TryGetValue(agentId, out Loaded? cached) ? new KeptState(cached!.Agent, cached.Hash) : null;

    /// <summary>The agent as of a version that the log has; -1 for before the first event.</summary>
    /// <exception cref="InvalidDataException">The log has no such version.</exception>
    public async Task<Agent> AtAsync(string agentId, long version, CancellationToken ct)
    {
        if (_cache.TryGetValue(agentId, out Loaded? cached) && cached!.Agent.Version == version)
            return cached.Agent;
        var agent = (await KeptAsync(agentId, version, ct))?.Agent ?? Agent.Unknown(agentId);
        while (agent.Version < version)
        {
            var count = (int)Math.Min(PageSize, version - agent.Version);
            var page = await log.ReadStreamAsync(StreamNames.Agent(agentId), agent.Version + 1, count, ct);
            if (page.Count == 0)
                throw new InvalidDataException($"The log has no version {version} of agent '{agentId}'.");
            agent = page.Aggregate(agent, (a, e) => a.Evolve((AgentEvent)WireNames.Read(e.Record)));
        }
        return agent;
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _cache.Dispose();
        _locks.Dispose();
    }

    /// <summary>One try; null where it is to be decided again on newer states.</summary>
    private async Task<CommandOutcome?> TryAsync(
        Loaded[] agents,
        AgentCommand command,
        CommandEnvelope envelope,
        DateTimeOffset arrivedAt,
        CommandReason reason,
        bool caughtUp,
        Func<CommandOutcome, string>? answer,
        CancellationToken ct
    )
    {
        var settings = configuration.Current;
        var first = agents[0];
        envelope = envelope.CameFrom(first.Agent, command);
        var decisions = new Decision<AgentEvent>[agents.Length];
        CommandOutcome? refused =
            envelope.IfMatch is { } version && version != first.Agent.Version
                ? new CommandOutcome.VersionConflict(version, first.Agent.Version)
            : await DecideAsync(agents, command, envelope, caughtUp, settings, arrivedAt, decisions, ct) is { } refusal
                ? new CommandOutcome.Refused(refusal)
            : null;

        var now = clock.Now();
        // Before a loss is recorded, which cannot be taken back, this node is to know of the newest policy (TIM-6).
        if (!caughtUp && decisions.Any(d => d is { Due: > 0 } && d.Events.Any(e => e is ConnectionLost)))
            return null;

        var changes = new List<Change>();
        if (refused is null)
            for (var n = 0; n < agents.Length; n++)
                if (!decisions[n].Events.IsEmpty)
                    changes.Add(Seal(agents[n], decisions[n], envelope, reason, settings.Version, now));
        if (changes.Count == 0 && !caughtUp)
            return null;
        // What is appended in steps has nothing that would refuse the first step for a stale state of the other agent: look first.
        if (changes.Count > 1 && !log.SpansStreams && !caughtUp)
            return null;

        // Where the log does not span streams, the second agent may have its half of a transfer by now, which names its text.
        var leavesNothing = log.SpansStreams || agents.Length == 1;
        if (changes.Count == 0 && leavesNothing)
            await reason.TakeBackAsync();
        var own = changes.Find(c => c.Before.Agent.AgentId == first.Agent.AgentId);
        var outcome =
            refused is null ? new AgentAccepted((own?.After ?? first).Agent, settings, [.. changes.SelectMany(c => c.Append.Events)])
            : refused is CommandOutcome.Refused { Refusal.Code: RefusalCodes.ConversationUnknown }
            && command is TransferConversation transfer
                ? await TransferredAsync(agents, transfer, envelope.CommandId, settings, ct) ?? refused
            : refused;
        var toRemember =
            envelope.IdempotencyKey is { } key && answer is not null
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
            Keep(change.After);
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

    /// <summary>
    /// A transfer that the first agent refuses, for the conversation is gone: where an earlier try of the same command brought it to
    /// the second agent, it has succeeded, whoever let go of it.
    /// </summary>
    private async Task<CommandOutcome?> TransferredAsync(
        Loaded[] agents,
        TransferConversation transfer,
        Guid commandId,
        Configuration settings,
        CancellationToken ct
    )
    {
        if (log.SpansStreams || agents.Length == 1)
            return null;
        return await ReachedAsync(agents, transfer, commandId, ct)
            ? new AgentAccepted(
                agents[0].Agent,
                settings,
                [.. await CausedByAsync(agents[0].Agent, commandId, ct), .. await CausedByAsync(agents[1].Agent, commandId, ct)]
            )
            : null;
    }

    /// <summary>Whether an earlier try of a transfer brought the conversation to the second agent.</summary>
    private async Task<bool> ReachedAsync(Loaded[] agents, TransferConversation transfer, Guid commandId, CancellationToken ct) =>
        (await CausedByAsync(agents[1].Agent, commandId, ct))
            .Select(WireNames.Read)
            .OfType<ConversationAssigned>()
            .Any(e => e.ConversationId == transfer.ConversationId && e.FromAgentId == agents[0].Agent.AgentId);

    /// <summary>Recent events caused by this command.</summary>
    private async Task<IReadOnlyList<EventRecord>> CausedByAsync(Agent agent, Guid commandId, CancellationToken ct)
    {
        var late = await log.ReadStreamBackwardsAsync(StreamNames.Agent(agent.AgentId), agent.Version, PageSize, ct);
        return
        [
            .. late.Select(e => e.Record)
                .Where(e => clock.Now() - e.RecordedAt < RecordedAnswer.Kept)
                .Where(e => LedgerJson.Read<EventMetadata>(e.Metadata).CausationId == commandId)
                .Reverse(),
        ];
    }

    /// <summary>A command that is sent again under its key is the same command.</summary>
    private static Guid IdOf(string key, byte[] fingerprint) =>
        new(SHA256.HashData([.. Encoding.UTF8.GetBytes(key), 0, .. fingerprint]).AsSpan(0, 16), bigEndian: true);

    /// <summary>Custom statuses that stand for the first time (CAT-2).</summary>
    private static IEnumerable<string> FirstUses(IEnumerable<Change> changes, Configuration settings) =>
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

    private async Task<Refusal?> DecideAsync(
        Loaded[] agents,
        AgentCommand command,
        CommandEnvelope envelope,
        bool caughtUp,
        Configuration settings,
        DateTimeOffset arrivedAt,
        Decision<AgentEvent>[] decisions,
        CancellationToken ct
    )
    {
        // What the service does by itself waits for nobody: what cannot be decided yet is due again in a moment.
        var wait = command is not SettleDue || envelope.ArrivedAt is not null;
        decisions[0] = await DecideAsync(agents[0].Agent, command, settings, arrivedAt, wait, ct);
        if (decisions[0].Refusal is { } refused || agents.Length == 1)
            return decisions[0].Refusal;

        // TRF-1: the same conversation, as it is, to the second agent.
        var transfer = (TransferConversation)command;
        if (
            !log.SpansStreams
            && (envelope.IdempotencyKey is not null || caughtUp)
            && !agents[1].Agent.Conversations.ContainsKey(transfer.ConversationId)
            && await ReachedAsync(agents, transfer, envelope.CommandId, ct)
        )
        {
            // An earlier try brought it there, and the second agent is done with it: only letting go is left.
            decisions[1] = new Decision<AgentEvent>([], null);
            return null;
        }
        var work = agents[0].Agent.Conversations[transfer.ConversationId].Work;
        var assign = new AssignConversation(transfer.ConversationId, work.HandedOn(), FromAgentId: agents[0].Agent.AgentId);
        decisions[1] = await DecideAsync(agents[1].Agent, assign, settings, arrivedAt, wait, ct);
        return decisions[1].Refusal;
    }

    private async ValueTask<Decision<AgentEvent>> DecideAsync(
        Agent agent,
        AgentCommand command,
        Configuration settings,
        DateTimeOffset at,
        bool wait,
        CancellationToken ct
    )
    {
        var heard = await signsOfLife.OfAsync(agent, settings, at, wait, ct);
        return AgentDecider.Decide(
            agent,
            command,
            new AgentContext(heard.AsOf, settings, heard.Signs, calendar) { NoticedAt = clock.Now() }
        );
    }

    private static Change Seal(
        Loaded before,
        Decision<AgentEvent> decision,
        CommandEnvelope envelope,
        CommandReason reason,
        long policyVersion,
        DateTimeOffset now
    )
    {
        var stream = StreamNames.Agent(before.Agent.AgentId);
        var last = before.Agent.Version;
        // What became due by itself has no reason of the command's.
        if (decision.Events.Length > decision.Due)
            // Its time is that of its event, so that an erasure takes all up to its own.
            envelope = reason.Of(stream, envelope, decision.Events[^1].OccurredAt);
        var records = EventRecords.Create(stream, last, before.Hash, decision.Events, decision.Due, envelope, policyVersion, now);
        return new Change(before, decision.Events, new StreamAppend(stream, last, records), before.After(decision.Events, records));
    }

    private async Task<Loaded> LoadAsync(string agentId, CancellationToken ct)
    {
        if (_cache.TryGetValue(agentId, out Loaded? cached))
            return cached!;
        var kept = await KeptAsync(agentId, long.MaxValue, ct);
        return await RefreshAsync(kept is null ? Loaded.Unknown(agentId) : new Loaded(kept.Agent, kept.Hash), ct);
    }

    /// <summary>
    /// The newest kept state up to a version, unless it is of another log: one that was restored to an older state has not the event that it
    /// was kept after.
    /// </summary>
    private async Task<KeptState?> KeptAsync(string agentId, long version, CancellationToken ct) =>
        version >= KeptState.Interval
        && await keptStates.NewestAsync(agentId, version, ct) is { } kept
        && await log.ReadStreamAsync(StreamNames.Agent(agentId), kept.Agent.Version, 1, ct) is [var e]
        && e.Record.Hash.AsSpan().SequenceEqual(kept.Hash)
            ? kept
            : null;

    private async Task<Loaded> RefreshAsync(Loaded loaded, CancellationToken ct)
    {
        var stream = StreamNames.Agent(loaded.Agent.AgentId);
        while (true)
        {
            var page = await log.ReadStreamAsync(stream, loaded.Agent.Version + 1, PageSize, ct);
            if (page.Count > 0)
                loaded = loaded.After([.. page.Select(e => (AgentEvent)WireNames.Read(e.Record))], [.. page.Select(e => e.Record)]);
            if (page.Count < PageSize)
                break;
        }
        return Keep(loaded);
    }

    private Loaded Keep(Loaded loaded)
    {
        // Who follows the log keeps states as well, and may be behind a command: what is in memory never goes back.
        lock (_keeping)
            return _cache.TryGetValue(loaded.Agent.AgentId, out Loaded? newest) && newest!.Agent.Version > loaded.Agent.Version
                ? newest
                : _cache.Set(loaded.Agent.AgentId, loaded, new MemoryCacheEntryOptions { Size = 1 });
    }

    private void FollowConnections(Change change, Policy policy)
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

    /// <summary>What a command does to one agent.</summary>
    private sealed record Change(Loaded Before, ImmutableArray<AgentEvent> Events, StreamAppend Append, Loaded After);

    /// <summary>An agent with the hash its next event follows.</summary>
    /// <param name="Agent">The state.</param>
    /// <param name="Hash">Hash of the last event.</param>
    private sealed record Loaded(Agent Agent, byte[] Hash)
    {
        public static Loaded Unknown(string agentId) => new(Agent.Unknown(agentId), HashChain.Genesis);

        public Loaded After(ImmutableArray<AgentEvent> events, IReadOnlyList<EventRecord> records) =>
            this with
            {
                Agent = events.Aggregate(Agent, (agent, e) => agent.Evolve(e)),
                Hash = records[^1].Hash,
            };
    }
}
