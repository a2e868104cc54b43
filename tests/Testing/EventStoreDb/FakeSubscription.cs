using Grpc.Core;
using PresenceLedger.Ledger.EventStoreDb.Wire;
using Options = PresenceLedger.Ledger.EventStoreDb.Wire.ReadReq.Types.Options;

namespace PresenceLedger.Testing.EventStoreDb;

/// <summary>
/// A subscription to $all. It reads pages until there are no more, says that it has caught up, and goes on with what is appended
/// since it began. With a filter it tells how far it is: after an interval of events looked at, and when it has caught up.
/// </summary>
internal sealed class FakeSubscription
{
    /// <summary>How many events the server reads at once.</summary>
    public const int PageSize = 32;

    private readonly FakeNode _node;
    private readonly Options _options;
    private readonly IServerStreamWriter<ReadResp> _client;
    private readonly ServerCallContext _context;
    private readonly FakeStore _store;
    private readonly Func<Recorded, bool> _filter;
    private readonly bool _isFiltered;
    private readonly int _window;
    private readonly long _interval;

    // What is live begins here; it is counted from the beginning, though nothing of it is sent before the rest.
    private int _liveIndex;
    private long _liveCounted;
    private int _life;
    private int _fellBehind;

    private Position _lastEvent = Position.None;
    private (ulong Commit, ulong Prepare)? _lastCheckpoint;
    private int? _eventsUntilCut;

    public FakeSubscription(FakeNode node, Options options, IServerStreamWriter<ReadResp> client, ServerCallContext context)
    {
        if (options.StreamOptionCase != Options.StreamOptionOneofCase.All)
            throw new RpcException(new Grpc.Core.Status(StatusCode.Unimplemented, "Only subscriptions to $all are known here."));
        (_node, _options, _client, _context, _store) = (node, options, client, context, node.Cluster.Store);
        _filter = FakeStreams.Filter(options);
        _isFiltered = options.FilterOptionCase == Options.FilterOptionOneofCase.Filter;
        _window = int.MaxValue;
        if (!_isFiltered)
            return;
        if (options.Filter.CheckpointIntervalMultiplier == 0)
            throw Answers.Unhandled();
        var asked = options.Filter.WindowCase == Options.Types.FilterOptions.WindowOneofCase.Max ? options.Filter.Max : (uint?)null;
        _window = (int)Math.Min(node.Cluster.Window(asked), int.MaxValue);
        _interval = (long)_window * options.Filter.CheckpointIntervalMultiplier;
    }

    public async Task RunAsync()
    {
        // Who reads up to the end of the log asks the leader; who follows it takes any node.
        var reads = bool.TryParse(_context.RequestHeaders.GetValue("requires-leader"), out var required) && required;
        var fault = await _node.BeginAsync(reads ? "read" : "subscribe", _context);
        if (fault != Fault.CutMidAnswer)
            await _node.EndAsync(fault, _context);

        var now = _store.Now;
        var last = now.Last;
        (_liveIndex, _life, _fellBehind) = (now.Length, now.Life, now.FellBehind);
        var checkpoint = _options.All.AllOptionCase switch
        {
            Options.Types.AllOptions.AllOptionOneofCase.Start => Position.None,
            Options.Types.AllOptions.AllOptionOneofCase.Position => Position.Of(
                _options.All.Position.CommitPosition,
                _options.All.Position.PreparePosition
            ),
            _ => last,
        };
        // 2^64-1 is the end, too.
        if (_options.All.AllOptionCase == Options.Types.AllOptions.AllOptionOneofCase.Position && checkpoint == Position.None)
            checkpoint = last;
        if (fault == Fault.CutMidAnswer)
            _eventsUntilCut = Math.Max(1, (CountAfter(checkpoint) + 1) / 2);

        if (reads)
            _node.Cluster.CountRead();
        else
            _node.Cluster.CountSubscription();
        var confirmation = new ReadResp.Types.SubscriptionConfirmation { SubscriptionId = Guid.NewGuid().ToString() };
        await SendAsync(new ReadResp { Confirmation = confirmation });

        if (checkpoint >= last)
            checkpoint = await GoLiveAsync(checkpoint);
        while (true)
        {
            checkpoint = await CatchUpAsync(checkpoint);
            checkpoint = await GoLiveAsync(checkpoint);
        }
    }

    /// <summary>Sends all that follows, page by page.</summary>
    private async Task<Position> CatchUpAsync(Position checkpoint)
    {
        var counted = 0L;
        var looking = TimeSpan.Zero;
        var from = checkpoint == Position.None ? Position.Start : checkpoint;
        while (true)
        {
            EnsureAlive(_store.Now.Life);
            if (_node.Refusal(_context) is { } refusal)
                throw refusal;
            var page = _store.ReadForwards(from, PageSize, _window, _filter) ?? throw Answers.InvalidPosition();
            foreach (var e in page.Events.Where(e => e.Position > checkpoint))
            {
                await SendEventAsync(e);
                checkpoint = e.Position;
            }
            counted += page.Considered;
            looking += _node.Cluster.Looking(page.Considered);
            if (looking > TimeSpan.FromMilliseconds(20))
            {
                await Task.Delay(looking, _context.CancellationToken);
                looking = TimeSpan.Zero;
            }
            if (page.IsEnd)
            {
                // Where nothing was found since the start there is no place to tell, and the server tells "none": 2^64-1.
                await SendCheckpointAsync(checkpoint);
                return checkpoint;
            }
            if (_isFiltered && counted >= _interval)
            {
                counted %= _interval;
                // Where this page began, not where it ended.
                if (checkpoint < page.From)
                    checkpoint = page.From;
                await SendCheckpointAsync(checkpoint);
            }
            from = page.Next;
        }
    }

    /// <summary>Sends what is appended, until the subscription falls behind.</summary>
    private async Task<Position> GoLiveAsync(Position checkpoint)
    {
        await SendAsync(new ReadResp { CaughtUp = new() });
        while (true)
        {
            var news = _store.Since(_liveIndex);
            EnsureAlive(news.Life);
            if (news.FellBehind != _fellBehind)
            {
                _fellBehind = news.FellBehind;
                await SendAsync(new ReadResp { FellBehind = new() });
                await SendCheckpointAsync(checkpoint);
                return checkpoint;
            }
            foreach (var e in news.Events)
            {
                _liveIndex++;
                var last = e.Nth(e.Times - 1).Position;
                if (last > checkpoint && _filter(e))
                {
                    for (var n = 0; n < e.Times; n++)
                        await SendEventAsync(e.Nth(n));
                    checkpoint = last;
                }
                if (!_isFiltered || (_liveCounted += e.Times) < _interval)
                    continue;
                _liveCounted = 0;
                if (last < checkpoint)
                    continue;
                await SendCheckpointAsync(last);
                checkpoint = last;
            }
            if (news.Events.Count == 0)
                await news.Changed.WaitAsync(_context.CancellationToken);
        }
    }

    private async Task SendEventAsync(Recorded e)
    {
        if (e.Position <= _lastEvent)
            return;
        _lastEvent = e.Position;
        await SendAsync(FakeStreams.Event(e, _options));
        if (--_eventsUntilCut == 0)
            throw FakeNode.Cut(_context);
    }

    private async Task SendCheckpointAsync(Position checkpoint)
    {
        // The server compares them as they are on the wire: after 2^64-1 it sends no other.
        var next = (checkpoint.WireCommit, checkpoint.WirePrepare);
        if (!_isFiltered || (_lastCheckpoint is { } last && next.CompareTo(last) <= 0))
            return;
        _lastCheckpoint = next;
        var message = new ReadResp.Types.Checkpoint { CommitPosition = checkpoint.WireCommit, PreparePosition = checkpoint.WirePrepare };
        await SendAsync(new ReadResp { Checkpoint = message });
    }

    private Task SendAsync(ReadResp message) => _client.WriteAsync(message, _context.CancellationToken);

    private int CountAfter(Position checkpoint) =>
        _store
            .ReadForwards(checkpoint == Position.None ? Position.Start : checkpoint, int.MaxValue, int.MaxValue, _filter)
            ?.Events.Count(e => e.Position > checkpoint)
        ?? 0;

    private void EnsureAlive(int life)
    {
        if (life != _life)
            throw new RpcException(new Grpc.Core.Status(StatusCode.Unavailable, "The server was restored to an older state."));
    }
}
