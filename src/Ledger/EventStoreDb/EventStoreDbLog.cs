using System.Diagnostics;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using PresenceLedger.Ledger.EventStoreDb.Wire;

namespace PresenceLedger.Ledger.EventStoreDb;

/// <summary>
/// The log in an EventStoreDB (KurrentDB) cluster, over its public gRPC protocol. A commit has one stream. An append names the
/// exact revision and keeps its event ids over retries, so that the server knows it again; what a retry is refused for is read
/// back and compared before it counts as a conflict. Idempotency keys are claimed in PostgreSQL (<see cref="AnswerClaims"/>).
/// </summary>
public sealed class EventStoreDbLog : BackgroundService, ILog
{
    /// <summary>How long a call is tried again while the cluster is away or elects, before the caller is told.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(8);

    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(100);

    private readonly EventStoreDbSettings _settings;
    private readonly RecordedEvents _events;
    private readonly AnswerClaims? _answers;
    private readonly ReadRequests _requests;
    private readonly Cluster _cluster;
    private readonly LeaderCalls _leader;
    private readonly TimeProvider _clock;
    private readonly ILogger<EventStoreDbLog> _logger;
    private readonly Wake _appended = new();
    private readonly PassedOver _passedOver = new();
    private readonly Lock _lock = new();
    private LogPosition _reached;
    private long? _olderSince;
    private volatile string? _trouble;

    /// <summary>A log; nothing is connected before it is used.</summary>
    /// <param name="choice">Which one.</param>
    /// <param name="answers">Where idempotency keys are claimed; null where nobody remembers answers.</param>
    /// <param name="clock">The time.</param>
    /// <param name="logger">The log of the service.</param>
    public EventStoreDbLog(EventStoreDbChoice choice, AnswerClaims? answers, TimeProvider clock, ILogger<EventStoreDbLog> logger)
    {
        _settings = choice.Settings;
        _events = new RecordedEvents(choice.Prefix);
        _requests = new ReadRequests(_events);
        Name = "eventstoredb/" + choice.Prefix;
        _answers = answers;
        _clock = clock;
        _logger = logger;
        _cluster = new Cluster(_settings, clock, logger);
        _leader = new LeaderCalls(_cluster, _settings);
    }

    /// <inheritdoc />
    public string Store => "EventStoreDb";

    /// <inheritdoc />
    public string Name { get; }

    /// <inheritdoc />
    public bool SpansStreams => false;

    /// <inheritdoc />
    public string? Trouble => _trouble;

    private AnswerClaims Answers => _answers ?? throw new InvalidOperationException("This log was opened without a place for answers.");

    /// <inheritdoc />
    public Task NextAppend => _appended.Next;

    /// <inheritdoc />
    public async Task<AppendResult> AppendAsync(Commit commit)
    {
        if (commit.Streams.Count > 1)
            throw new ArgumentException("EventStoreDB appends to one stream at a time.", nameof(commit));
        var append = commit.Streams.Count == 0 ? null : commit.Streams[0];
        if (commit.Answer is { } answer && !await Answers.ClaimAsync(answer, append, IsThereAsync))
            return new AppendResult(AppendVerdict.KeyTaken, LogPosition.Start);
        if (append is null)
            return new AppendResult(AppendVerdict.Appended, LogPosition.Start);

        var result = await AppendAsync(append);
        if (result.Verdict is AppendVerdict.Conflict && commit.Answer is { } unused)
            await Answers.ForgetAsync(unused.Key, append);
        _appended.Give();
        return result;
    }

    /// <inheritdoc />
    public Task<IReadOnlyList<StoredEvent>> ReadStreamAsync(string stream, long fromVersion, int count, CancellationToken ct) =>
        ReadAsync(_requests.Forwards(stream, fromVersion, count), ct);

    /// <inheritdoc />
    public Task<IReadOnlyList<StoredEvent>> ReadStreamBackwardsAsync(string stream, long fromVersion, int count, CancellationToken ct) =>
        ReadAsync(_requests.Backwards(stream, fromVersion, count), ct);

    /// <inheritdoc />
    public async Task<IReadOnlyList<StoredEvent>> ReadAllAsync(LogPosition after, int count, CancellationToken ct)
    {
        var found = new List<StoredEvent>();
        // Kept over tries: what was passed over once is not passed over again.
        var position = after;
        await _leader.CallAsync(
            async (member, patience) =>
            {
                // The leader says where its log ends, so a node that leads no longer, and knows nothing new, is not taken at its word.
                var end = await EndAsync(member, patience.Token);
                if (position > after && position > end)
                {
                    // Restored to an older state meanwhile.
                    found.Clear();
                    position = after;
                }
                var last = position;
                position = _passedOver.Skip(member, position);
                if (position >= end)
                    return true;
                if (!member.SaysCaughtUp)
                {
                    found.AddRange(await ReadFilteredAsync(member, position, count - found.Count, patience.Token));
                    return true;
                }
                // A read says nothing while the server passes over millions of others' events; a subscription tells how far it is.
                await foreach (var answer in member.CatchUpAsync(_requests.SubscriptionTo(position), patience.Token))
                {
                    patience.Renew();
                    switch (answer.ContentCase)
                    {
                        case ReadResp.ContentOneofCase.Event
                            when _events.Read(answer.Event.Event) is { } stored && stored.Position > position:
                            found.Add(stored);
                            (position, last) = (stored.Position, stored.Position);
                            break;
                        case ReadResp.ContentOneofCase.Checkpoint
                            when RecordedEvents.PositionOf(answer.Checkpoint) is { } at && at > position:
                            position = at;
                            _passedOver.Note(member, last, position);
                            break;
                        case ReadResp.ContentOneofCase.CaughtUp:
                            _passedOver.Note(member, last, end);
                            return true;
                    }
                    if (found.Count >= count || position >= end)
                        return true;
                }
                throw StoreException.Closed(member.Address);
            },
            ct
        );
        return found;
    }

    /// <inheritdoc />
    public async IAsyncEnumerable<LogPage> SubscribeAsync(LogPosition after, int pageSize, [EnumeratorCancellation] CancellationToken ct)
    {
        await RefuseIfPastEndAsync(after, ct);
        using var stopped = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var subscription = new Subscription(_cluster, _requests.SubscriptionTo, RefuseIfPastEndAsync, _events, _settings, _logger);
        var pumping = subscription.RunAsync(after, capacity: 2 * pageSize, stopped.Token);
        var position = after;
        var caughtUp = false;
        var silent = 0;
        try
        {
            while (true)
            {
                var page = new List<StoredEvent>();
                var quiet = !await subscription.NextAsync(Idle, ct);
                while (page.Count < pageSize && subscription.TryRead(out var signal))
                {
                    position = signal.Position is { } p && p > position ? p : position;
                    quiet |= signal.CaughtUp is true;
                    caughtUp = signal.CaughtUp ?? caughtUp;
                    if (signal.Event is { } e)
                        page.Add(e);
                }
                if (!quiet || page.Count > 0)
                {
                    silent = 0;
                    yield return new LogPage(page, position, AsOf: null, caughtUp);
                    continue;
                }
                if (!caughtUp && subscription.SaysCaughtUp)
                {
                    // The server passes over what is not the ledger's, and says so now and then; one that does not has failed.
                    if (subscription.Silence > _settings.Deadline)
                        subscription.Restart();
                    yield return new LogPage([], position, AsOf: null, CaughtUp: false);
                    continue;
                }
                // Nothing for a while. Whether there is nothing, the leader knows.
                var asOf = _clock.Now();
                caughtUp = (await ReadAllAsync(position, 1, ct)).Count == 0;
                yield return new LogPage([], position, caughtUp ? asOf : null, caughtUp);
                // There is something and it does not come: the node that is read from stands still.
                silent = caughtUp ? 0 : silent + 1;
                if (silent > 1)
                    subscription.Restart();
            }
        }
        finally
        {
            await stopped.CancelAsync();
            await pumping;
        }
    }

    /// <inheritdoc />
    public Task<RecordedAnswer?> FindAnswerAsync(string key, CancellationToken ct) => Answers.FindAsync(key, IsThereAsync, ct);

    /// <inheritdoc />
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        // Who cannot be reached, or may not read, is told at the start. Not by looking for the first event of the ledger: before it
        // there may be more of others than can be passed over in time.
        await EndAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    /// <inheritdoc />
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        _cluster.Dispose();
    }

    /// <inheritdoc />
    public override void Dispose()
    {
        _cluster.Dispose();
        base.Dispose();
    }

    /// <inheritdoc />
    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(
            WatchAsync(stoppingToken),
            _answers is null ? Task.CompletedTask : OldAnswers.ForgetAsync(_answers.ForgetOldAsync, _clock, _logger, stoppingToken)
        );

    /// <summary>
    /// Wakes those who wait for the next append, on any node, by a glance at the end of the log now and then: a subscription would
    /// have every event sent once more, and appends of many events would take twice as long.
    /// </summary>
    private async Task WatchAsync(CancellationToken stopping)
    {
        var seen = LogPosition.Start;
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                var reached = Reached;
                var end = await EndAsync(stopping);
                if (end != seen)
                    _appended.Give();
                seen = end;
                Compare(end, reached);
            }
            catch (Exception e) when (e is OperationCanceledException or LedgerUnavailableException)
            {
                // Who waits for a word looks now and then all the same.
                _logger.LogDebug("Appends are not watched for now: {Error}", e.Message);
            }
            await Task.WhenAny(Task.Delay(Glance, stopping));
        }
    }

    private Task<AppendResult> AppendAsync(StreamAppend append)
    {
        var options = new BatchAppendReq.Types.Options
        {
            StreamIdentifier = _events.Stream(append.Stream),
            Deadline = Google.Protobuf.WellKnownTypes.Duration.FromTimeSpan(_settings.Deadline),
        };
        if (append.ExpectedVersion < 0)
            options.NoStream = new();
        else
            options.StreamPosition = (ulong)append.ExpectedVersion;
        var messages = append.Events.Select(RecordedEvents.Propose).ToArray();
        return _leader.CallAsync(
            async (member, patience) =>
            {
                await RefuseIfOlderAsync(member, patience.Token);
                // Each try has an id of its own: the late answer to one is none to the next.
                var attempt = new BatchAppendReq
                {
                    CorrelationId = new UUID { String = Guid.NewGuid().ToString("D") },
                    Options = options,
                    ProposedMessages = { messages },
                    IsFinal = true,
                };
                var answer = await member.AppendAsync(attempt, patience.Token);
                if (answer.ResultCase is BatchAppendResp.ResultOneofCase.Success)
                {
                    var position = answer.Success.Position is { } at
                        ? RecordedEvents.Position(at.CommitPosition, at.PreparePosition)
                        : (await FindAsync(member, append, patience.Token))?[^1].Position ?? LogPosition.Start;
                    MustReach(position);
                    return new AppendResult(AppendVerdict.Appended, position);
                }
                if (answer.Error.Details?.Is(WrongExpectedVersion.Descriptor) is not true)
                    throw StoreException.Of(answer.Error, append.Stream, member.Address, _settings);
                // An earlier try may have been written and its answer lost: what is there decides.
                return await FindAsync(member, append, patience.Token) is { } there
                    ? new AppendResult(AppendVerdict.Appended, there[^1].Position)
                    : new AppendResult(AppendVerdict.Conflict, LogPosition.Start);
            },
            CancellationToken.None
        );
    }

    /// <summary>The events of an append as they are in the log; null where others are at their versions, or none.</summary>
    private async Task<List<StoredEvent>?> FindAsync(Member member, StreamAppend append, CancellationToken ct)
    {
        var there = await ReadAsync(member, _requests.Forwards(append.Stream, append.ExpectedVersion + 1, append.Events.Count), ct);
        return there.Select(e => e.Record.EventId).SequenceEqual(append.Events.Select(e => e.EventId)) ? there : null;
    }

    private async Task<bool> IsThereAsync(string stream, long version, Guid eventId) =>
        await ReadStreamAsync(stream, version, 1, CancellationToken.None) is [var e] && e.Record.EventId == eventId;

    private Task<IReadOnlyList<StoredEvent>> ReadAsync(ReadReq request, CancellationToken ct) =>
        _leader.CallAsync(async (member, patience) => (IReadOnlyList<StoredEvent>)await ReadAsync(member, request, patience.Token), ct);

    private async Task<List<StoredEvent>> ReadAsync(Member member, ReadReq request, CancellationToken ct)
    {
        var found = new List<StoredEvent>();
        await foreach (var answer in member.ReadAsync(request, ct))
            if (answer.Event is { } e && _events.Read(e.Event) is { } stored)
                found.Add(stored);
        return found;
    }

    /// <summary>
    /// A position past the end of the log is accepted by the server, which then just waits: after it was restored to an older
    /// state, everything up to that position would be lost for whoever follows it.
    /// </summary>
    private async Task RefuseIfPastEndAsync(LogPosition after, CancellationToken ct)
    {
        if (after == LogPosition.Start)
            return;
        var began = _clock.GetTimestamp();
        // A leader that was elected this moment may not know yet all that the old one told.
        for (LogPosition end; after > (end = await EndAsync(ct)); await Task.Delay(_settings.DiscoveryInterval, ct))
            if (_clock.GetElapsedTime(began) > Grace)
                throw new LogEndsBeforeException(
                    $"The log ends at {end}, before the position {after} that was read up to: it was restored to an older state, or is another one."
                );
    }

    /// <inheritdoc />
    public void MustReach(LogPosition position)
    {
        lock (_lock)
            _reached = position > _reached ? position : _reached;
    }

    /// <summary>
    /// Before the first append over a connection: a server that was restored to an older state must not be written to by who has seen a
    /// newer one, for what was acknowledged since would be contradicted.
    /// </summary>
    /// <exception cref="LedgerUnavailableException">The log ends before what was read.</exception>
    private async Task RefuseIfOlderAsync(Member member, CancellationToken ct)
    {
        while (!member.IsChecked || _trouble is not null)
        {
            var reached = Reached;
            member.IsChecked = Compare(await EndAsync(member, ct), reached);
            if (_trouble is { } trouble)
                throw new LedgerUnavailableException(trouble, null);
            if (!member.IsChecked)
                await Task.Delay(_settings.DiscoveryInterval, ct);
        }
    }

    /// <summary>How far was read or appended; to be asked for before the end of the log is, for it goes on meanwhile.</summary>
    private LogPosition Reached
    {
        get
        {
            lock (_lock)
                return _reached;
        }
    }

    /// <summary>Compares the end of the log with what was read before it was looked up; false where it ends before that, which is told after a grace.</summary>
    private bool Compare(LogPosition end, LogPosition reached)
    {
        lock (_lock)
        {
            if (end >= reached)
            {
                (_reached, _olderSince, _trouble) = (end > _reached ? end : _reached, null, null);
                return true;
            }
            // A leader that was elected this moment may not know yet all that the old one told.
            _olderSince ??= Stopwatch.GetTimestamp();
            if (Stopwatch.GetElapsedTime(_olderSince.Value) > Grace)
                _trouble =
                    $"The log ends at {end}, before the position {reached} that was read up to: it was restored to an older state, or is another "
                    + "one. Nothing is recorded until that is cleared up (docs/operations.md).";
            return false;
        }
    }

    /// <summary>The position of the last event, whoever's it is.</summary>
    private Task<LogPosition> EndAsync(CancellationToken ct) =>
        _leader.CallAsync((member, patience) => EndAsync(member, patience.Token), ct);

    private static async Task<LogPosition> EndAsync(Member member, CancellationToken ct)
    {
        var last = LogPosition.Start;
        await foreach (var answer in member.ReadAsync(ReadRequests.End(), ct))
            if (answer.Event is { } e)
                last = RecordedEvents.Position(e.Event.CommitPosition, e.Event.PreparePosition);
        return last;
    }

    /// <summary>Up to so many events after a position, for a server whose subscriptions do not say when they have caught up.</summary>
    private async Task<List<StoredEvent>> ReadFilteredAsync(Member member, LogPosition after, int count, CancellationToken ct)
    {
        // The server begins with the event at the position; one more, for that one.
        var found = await ReadAsync(member, _requests.From(after, count + 1L), ct);
        return [.. found.Where(e => e.Position > after).Take(count)];
    }
}
