using System.Runtime.InteropServices;
using System.Text;
using System.Threading.Channels;
using Npgsql;
using PresenceLedger.Domain.Seals;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.Seals;

namespace PresenceLedger.Ledger.Verification;

/// <summary>How a ledger is verified.</summary>
public sealed record VerifierOptions
{
    /// <summary>Keys whose signatures count; where there are none, the ledger's first key is trusted on first use.</summary>
    public IReadOnlyList<PublicKey> Keys { get; init; } = [];

    /// <summary>Seals noted elsewhere, before the verification began, which the ledger is to contain.</summary>
    public IReadOnlyList<NotedSeal> Noted { get; init; } = [];

    /// <summary>What seals before this one cover is not looked at.</summary>
    public long SinceSeal { get; init; }

    /// <summary>How many windows of events are hashed at a time.</summary>
    public int Parallel { get; init; } = Environment.ProcessorCount;

    /// <summary>Where it is kept how far a run came that was broken off; null for nowhere.</summary>
    public string? StateFile { get; init; }

    /// <summary>Goes on where the run was broken off.</summary>
    public bool Resume { get; init; }
}

/// <summary>
/// Verifies a ledger: reads all events in global order, and checks versions, hash chain, ids and instants of every stream, and all of
/// it against the seals. Reading, hashing and judging go on beside each other; nothing of an event becomes a string.
/// </summary>
/// <param name="log">The log.</param>
/// <param name="postgres">The PostgreSQL that keeps it, to be read in its own way; null for another store.</param>
/// <param name="options">How.</param>
public sealed class Verifier(ILog log, NpgsqlDataSource? postgres, VerifierOptions options)
{
    private const int WindowSize = 10_000;
    private const int BlocksAhead = 6;
    private const int StretchesAhead = 32;

    /// <summary>By so many events the beginning of a seal is known.</summary>
    private const int Beginning = 100;
    private const int MostGaps = 1000;

    private readonly Streams _streams = new();
    private readonly NumberSet _ids = new();
    private readonly Alignment _alignment = new();
    private readonly List<RowOf> _found = [];
    private readonly List<Stretch> _expected = [];
    private readonly List<NumberGap> _unused = [];
    private readonly Queue<Task<Window>> _underWay = new();
    private ChannelReader<EventBlock> _blocks = null!;
    private ChannelReader<Stretch> _stretches = null!;
    private Judge _judge = null!;
    private Finding? _unreadable;
    private bool _ended;
    private bool _stretchesEnded;

    // Up to here windows were made.
    private LogPosition _position;
    private long _ordinal;
    private long _events;
    private long _seals;
    private long _total;
    private bool _isWhole = true;

    /// <summary>Events that were looked at so far.</summary>
    public long Events => Interlocked.Read(ref _events);

    /// <summary>Verifies.</summary>
    /// <exception cref="OperationCanceledException">It was broken off; how far it came is in the state file.</exception>
    /// <exception cref="InvalidDataException">There is nothing to go on with, or no such seal.</exception>
    public async Task<VerificationResult> RunAsync(IProgress<VerificationProgress>? progress, CancellationToken ct)
    {
        _judge = new Judge(_streams, _alignment);
        var keys = new Keyring(options.Keys);
        // What is sealed by now is there to be scanned; what is sealed meanwhile is left to the next time.
        var lastSeals = await log.ReadStreamBackwardsAsync(StreamNames.Seals, long.MaxValue, 1, ct);
        var sequence = new SealSequence(log, keys, lastSeals is [var last] ? last.Record.Version : -1, options.Noted);
        _total = lastSeals is [{ Record.Type: var type } end] && type == WireNames.OfType<LedgerSealed>() ? EndOf(end) : 0;
        await BeginAsync(ct);

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        await using var scan = postgres is null ? (ILogScan)new LogScan(log) : new PostgresScan(postgres);
        var blocks = Channel.CreateBounded<EventBlock>(BlocksAhead);
        var stretches = Channel.CreateBounded<Stretch>(StretchesAhead);
        (_blocks, _stretches) = (blocks.Reader, stretches.Reader);
        var scanning = PumpAsync(() => scan.ReadAsync(_position, stop.Token), blocks.Writer, stop.Token);
        var sealing = PumpAsync(() => sequence.ReadAsync(stop.Token), stretches.Writer, stop.Token);
        try
        {
            while (await NextAsync(ct) is { } window)
            {
                await LinkAsync(window);
                _underWay.Enqueue(
                    Task.Run(
                        () =>
                        {
                            window.Check();
                            return window;
                        },
                        CancellationToken.None
                    )
                );
                while (_underWay.Count > Math.Max(1, options.Parallel))
                    await JudgeAsync();
                progress?.Report(new VerificationProgress(_events, _total, _seals, _judge.Findings.Count));
            }
            while (_underWay.Count > 0)
                await JudgeAsync();
            // Seals that cover nothing that is there are to be seen too.
            while (await StretchAsync(0, ct) is not null)
                _expected.RemoveAt(0);
            foreach (var suspect in _judge.Suspects)
                if (await IsTwiceAsync(suspect, ct))
                    _judge.Add(suspect);
            _judge.End(_unused);
            if (options.StateFile is { } file && File.Exists(file))
                File.Delete(file);
            progress?.Report(new VerificationProgress(_events, _total, _seals, _judge.Findings.Count));
            return Result(sequence, keys);
        }
        catch (OperationCanceledException)
        {
            while (_underWay.Count > 0)
                await JudgeAsync();
            Keep();
            throw;
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(scanning, sealing);
        }
    }

    private static long EndOf(StoredEvent stored)
    {
        try
        {
            return ((LedgerSealed)WireNames.Read(stored.Record)).EndOrdinal();
        }
        catch (InvalidDataException)
        {
            return 0;
        }
    }

    private VerificationResult Result(SealSequence sequence, Keyring keys)
    {
        var ofEvents = _judge.Findings;
        // An event of the stream that is wrong makes what it says wrong: one finding, the one that says more.
        var findings = sequence
            .Findings.Where(f => f.Kind is FindingKind.SealMissing || !ofEvents.Exists(e => Covers(e, f.Version)))
            .Concat(ofEvents.Where(e => !sequence.Findings.Any(f => f.Kind is FindingKind.SealMissing && Covers(e, f.Version))))
            .Concat(_unreadable is { } unreadable ? [unreadable] : [])
            .OrderBy(f => f.Ordinal ?? long.MaxValue)
            .ThenBy(f => f.Seal ?? long.MaxValue)
            .ToArray();
        var sealedEvents = sequence.Last?.EndOrdinal() ?? 0;
        return new VerificationResult(
            _events,
            _streams.All.Count,
            sequence.Seals,
            sealedEvents,
            sequence.Last?.SealedAt,
            sequence.Last?.Number,
            Math.Max(0, _ordinal - sealedEvents),
            keys.IsGiven,
            [.. keys.Trusted.Order(StringComparer.Ordinal)],
            findings,
            options.Noted,
            sequence.Restores
        );

        static bool Covers(Finding e, long? version) =>
            e.Stream == StreamNames.Seals && version >= e.Version && version <= e.Version + e.Followers;
    }

    private static async Task PumpAsync<T>(Func<IAsyncEnumerable<T>> read, ChannelWriter<T> to, CancellationToken ct)
    {
        await Task.Yield();
        try
        {
            await foreach (var item in read().WithCancellation(ct))
                await to.WriteAsync(item, ct);
            to.Complete();
        }
        catch (Exception e)
        {
            to.Complete(e);
        }
    }

    /// <summary>Where to begin: at the first event, at a seal, or where another run was broken off.</summary>
    private async Task BeginAsync(CancellationToken ct)
    {
        if (options.Resume)
        {
            var state =
                options.StateFile is { } file && File.Exists(file)
                    ? await VerificationState.ReadAsync(file, ct)
                    : throw new InvalidDataException("There is no verification that was broken off.");
            if (state.Store != log.Store || state.SinceSeal != options.SinceSeal)
                throw new InvalidDataException("The verification that was broken off was another one; leave out --resume.");
            (_position, _ordinal, _events, _seals) = (state.At(), state.Ordinal, state.Events, state.Seals);
            _isWhole = options.SinceSeal == 0;
            if (!log.CanHave(_position))
                throw new InvalidDataException("The verification was broken off before the events were numbered; leave out --resume.");
            _unused.AddRange(state.Unused.Where(gap => gap.First <= _position.Number));
            state.Give(_streams, _alignment, _judge);
            return;
        }
        if (options.SinceSeal <= 0)
            return;
        using var book = new SealBook(log);
        var places = (await book.RefreshAsync(ct)).Places;
        if (places.FirstOrDefault(p => p.Number == options.SinceSeal) is not { Count: > 0 } since)
            throw new InvalidDataException($"There is no seal {options.SinceSeal}.");
        (_ordinal, _isWhole) = (since.First, false);
        var covered = new SealedEvents(log, book);
        try
        {
            var before = await book.ReadAsync(places.First(p => p.End == since.First), ct);
            _position = (await covered.ReadAsync(before, ct))[^1].Position;
        }
        catch (Exception e) when (e is InvalidDataException or InvalidOperationException)
        {
            // What the seal before covers is not what it was; its number still says how many there were.
            _position = await covered.CountToAsync(since.First, ct);
        }
    }

    /// <summary>The next window; null at the end.</summary>
    private async Task<Window?> NextAsync(CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        var stretch = await StretchAsync(0, ct);
        while (stretch is not null && stretch.First + stretch.Count <= _ordinal)
        {
            _expected.RemoveAt(0);
            stretch = await StretchAsync(0, ct);
        }
        if (stretch is null)
        {
            await FillAsync(WindowSize, ct);
            return _found.Count == 0 ? null : Take(Math.Min(WindowSize, _found.Count), null);
        }
        if (stretch.Seal is null)
            return await UncoveredAsync(stretch, ct);

        await FillAsync((int)stretch.Count, ct);
        _seals++;
        _expected.RemoveAt(0);
        return _alignment.IsPlain && IsPlain(stretch) ? Take((int)stretch.Count, stretch) : await LayAsync(stretch, ct);
    }

    /// <summary>Whether the next events are those of a seal, one by one.</summary>
    private bool IsPlain(Stretch stretch)
    {
        if (_found.Count < stretch.Count)
            return false;
        for (var n = 0; n < stretch.Fingerprints.Length; n++)
            if (_found[n].Value.Fingerprint != stretch.Fingerprints[n])
                return false;
        return true;
    }

    private async Task<Window> LayAsync(Stretch stretch, CancellationToken ct)
    {
        await FillAsync((int)stretch.Count + Alignment.Ahead, ct);
        var ahead = new List<ulong>(stretch.Fingerprints);
        for (var n = 0; ahead.Count < stretch.Count + Alignment.Ahead && await StretchAsync(n, ct) is { Seal: not null } next; n++)
            ahead.AddRange(next.Fingerprints);
        var count = (int)Math.Min(_found.Count, stretch.Count + Alignment.Ahead);
        var found = new ulong[count];
        for (var n = 0; n < count; n++)
            found[n] = _found[n].Value.Fingerprint;
        var (standings, ordinals) = _alignment.Lay(stretch, [.. ahead], found);
        var window = new Window(Next(standings.Length), stretch, stretch.First) { Standings = standings, Ordinals = ordinals };
        Taken(standings.Length, stretch.First + stretch.Count);
        return window;
    }

    /// <summary>Events that a seal covered that is gone: as many as it must have been, or up to where the next seal begins.</summary>
    private async Task<Window> UncoveredAsync(Stretch stretch, CancellationToken ct)
    {
        var left = stretch.First + stretch.Count - _ordinal;
        if (left > WindowSize + Alignment.Ahead)
        {
            await FillAsync(WindowSize, ct);
            return Take(Math.Min(WindowSize, _found.Count), null, Math.Min(left, WindowSize));
        }
        await FillAsync((int)left + Alignment.Ahead, ct);
        _expected.RemoveAt(0);
        var next = await StretchAsync(0, ct);
        var count = (int)Math.Min(left, _found.Count);
        if (next is { Seal: not null } && !Begins(next, count))
        {
            var firsts = next.Fingerprints.Take(Beginning).ToHashSet();
            var begins = _found.FindIndex(row => firsts.Contains(row.Value.Fingerprint));
            count = begins >= 0 ? begins : count;
        }
        return Take(count, null, left);
    }

    /// <summary>Whether a seal's events begin at a place among those at hand, be it that one of the first is not what it was.</summary>
    private bool Begins(Stretch stretch, int at)
    {
        for (var n = 0; n < Math.Min(Beginning, stretch.Fingerprints.Length) && at + n < _found.Count; n++)
            if (_found[at + n].Value.Fingerprint == stretch.Fingerprints[n])
                return true;
        return false;
    }

    /// <summary>Makes a window of the next events.</summary>
    private Window Take(int count, Stretch? stretch, long? places = null)
    {
        var window = new Window(Next(count), stretch, _ordinal);
        Taken(count, _ordinal + (places ?? count));
        return window;
    }

    private RowOf[] Next(int count) => CollectionsMarshal.AsSpan(_found)[..count].ToArray();

    private void Taken(int count, long ordinal)
    {
        if (count > 0)
            _position = _found[count - 1].Value.Position;
        _found.RemoveRange(0, count);
        _ordinal = ordinal;
        Interlocked.Add(ref _events, count);
    }

    /// <summary>Reads until so many events are at hand, or there are no more.</summary>
    private async ValueTask FillAsync(int count, CancellationToken ct)
    {
        while (_found.Count < count && !_ended)
        {
            try
            {
                if (!await _blocks.WaitToReadAsync(ct))
                {
                    _ended = true;
                    return;
                }
            }
            catch (UnreadableException e)
            {
                (_ended, _unreadable) = (true, Unreadable(e));
                return;
            }
            if (_blocks.TryRead(out var block))
                Add(block);
        }
    }

    private void Add(EventBlock block)
    {
        var number = (_found.Count > 0 ? _found[^1].Value.Position : _position).Number;
        for (var row = 0; row < block.Rows.Count; row++)
        {
            var next = block.Rows[row].Position.Number;
            if (log.IsNumbered && next > number + 1 && _unused.Count < MostGaps)
                _unused.Add(new NumberGap(number + 1, next - number - 1));
            number = next;
            _found.Add(new RowOf(block, row));
        }
    }

    private Finding Unreadable(UnreadableException e)
    {
        var before = _found.Count > 0 ? _found[^1] : default;
        var after = before.Block is null
            ? "The first event cannot be read"
            : $"The event after {Encoding.UTF8.GetString(before.Block.Stream(before.Row))}@{before.Value.Version} cannot be read, and what comes after it was not looked at";
        return new Finding(FindingKind.Unreadable, $"{after}: {e.Message}") { Ordinal = _ordinal + _found.Count };
    }

    /// <summary>A stretch that is to come; null where there is none.</summary>
    private async ValueTask<Stretch?> StretchAsync(int n, CancellationToken ct)
    {
        while (_expected.Count <= n && !_stretchesEnded)
        {
            if (!await _stretches.WaitToReadAsync(ct))
                _stretchesEnded = true;
            else if (_stretches.TryRead(out var stretch))
                _expected.Add(stretch);
        }
        return n < _expected.Count ? _expected[n] : null;
    }

    /// <summary>Gives every event the hash before it, and moves the streams on; in order, and so for one window after another.</summary>
    private async Task LinkAsync(Window window)
    {
        List<(StreamState Stream, long Version)>? unknown = null;
        for (var n = 0; n < window.Rows.Length; n++)
        {
            var (block, row) = window.Rows[n];
            var stream = window.Streams[n] = _streams.Get(block.Stream(row));
            if (stream.IsKnown)
                continue;
            stream.IsKnown = true;
            if (!_isWhole && block.Rows[row].Version > 0)
                (unknown ??= []).Add((stream, block.Rows[row].Version - 1));
        }
        foreach (var (stream, version) in unknown ?? [])
            await LookUpAsync(stream, version);
        for (var n = 0; n < window.Rows.Length; n++)
            Link(window, n);
    }

    private void Link(Window window, int n)
    {
        var (block, at) = window.Rows[n];
        ref readonly var row = ref CollectionsMarshal.AsSpan(block.Rows)[at];
        var stream = window.Streams[n];
        var flaws = Flaws.None;
        // What does not belong here does not move its stream on, or all that does would seem to be out of order.
        var strays = row.Version != stream.Version + 1 && window.StandingOf(n) is Standing.Extra or Standing.Moved;
        if (row.Version == stream.Version + 1)
            stream.Hash.CopyTo(block.Previous(at));
        else if (strays && row.Version > stream.Version)
        {
            flaws |= Flaws.Unchecked;
            if (window.StandingOf(n) is Standing.Moved)
                stream.Ahead.Add(row.Version);
        }
        else if (row.Version < stream.Version + 1)
            flaws |= Flaws.Unchecked | Flaws.Back;
        else
        {
            flaws |= Flaws.Unchecked;
            for (var version = stream.Version + 1; version < row.Version && stream.Gaps.Count < WindowSize; version++)
                if (!stream.Ahead.Remove(version))
                {
                    stream.Gaps[version] = window.OrdinalOf(n);
                    flaws |= Flaws.Gap;
                }
        }
        if (stream.IsAgent && !strays && row.OccurredAt < stream.OccurredAt)
            flaws |= Flaws.Early;
        if (!_ids.Add(Mix(stream.Number, row.EventId)))
            flaws |= Flaws.Twice;
        if (row.Version > stream.Version && !strays)
        {
            stream.Version = row.Version;
            block.Stored(at).CopyTo(stream.Hash);
            stream.OccurredAt = row.OccurredAt;
            stream.Ordinal = window.OrdinalOf(n);
        }
        window.Marks[n] = flaws;
    }

    /// <summary>A number for an event's id in its stream. Two may share one; who finds it looks again.</summary>
    private static ulong Mix(int stream, Guid id)
    {
        var halves = MemoryMarshal.Cast<Guid, ulong>(new ReadOnlySpan<Guid>(in id));
        var mixed = (halves[0] ^ (halves[1] * 0x9E3779B97F4A7C15UL)) + (ulong)(uint)stream * 0xC2B2AE3D27D4EB4FUL;
        mixed = (mixed ^ (mixed >> 29)) * 0xBF58476D1CE4E5B9UL;
        return mixed ^ (mixed >> 32);
    }

    /// <summary>What stands before the first event of a stream that is looked at.</summary>
    private async Task LookUpAsync(StreamState stream, long version)
    {
        // Not to be broken off: the window is counted already.
        if (
            await log.ReadStreamAsync(stream.Name, version, 1, CancellationToken.None) is not [{ Record: var before }]
            || before.Version != version
        )
            return;
        stream.Version = version;
        before.Hash.AsSpan(0, Math.Min(before.Hash.Length, stream.Hash.Length)).CopyTo(stream.Hash);
        stream.OccurredAt = before.OccurredAt.UtcTicks;
    }

    private async Task JudgeAsync()
    {
        var window = await _underWay.Dequeue();
        _judge.Take(window);
        window.Done();
    }

    /// <summary>Whether an id really is in the stream at another version too.</summary>
    private async Task<bool> IsTwiceAsync(Finding suspect, CancellationToken ct)
    {
        for (var from = 0L; ; )
        {
            var page = await log.ReadStreamAsync(suspect.Stream!, from, 1000, ct);
            if (page.Any(e => e.Record.EventId == suspect.EventId && e.Record.Version != suspect.Version))
                return true;
            if (page.Count < 1000)
                return false;
            from = page[^1].Record.Version + 1;
        }
    }

    private void Keep()
    {
        if (options.StateFile is not { } file)
            return;
        _judge.Close();
        (
            VerificationState.Of(log.Store, options.SinceSeal, _position, _ordinal, _events, _seals, _streams, _alignment, _judge) with
            {
                Unused = _unused,
            }
        ).Write(file);
    }
}

/// <summary>Numbers one after another that no event has.</summary>
internal sealed record NumberGap(long First, long Count);
