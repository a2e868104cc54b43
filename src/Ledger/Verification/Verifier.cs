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
    private const int BlocksAhead = 6;
    private const int StretchesAhead = 32;

    private readonly Streams _streams = new();
    private readonly Alignment _alignment = new();
    private readonly Queue<Task<Window>> _underWay = new();
    private WindowCutter? _windows;
    private Judge _judge = null!;
    private long _total;

    /// <summary>Events that were looked at so far.</summary>
    public long Events => _windows?.Events ?? 0;

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
        var blocks = Channel.CreateBounded<EventBlock>(BlocksAhead);
        var stretches = Channel.CreateBounded<Stretch>(StretchesAhead);
        var windows = _windows = new WindowCutter(blocks.Reader, stretches.Reader, _alignment, log.IsNumbered);
        await BeginAsync(windows, ct);
        var links = new StreamLinks(log, _streams, isWhole: options.SinceSeal <= 0);

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        await using var scan = postgres is null ? (ILogScan)new LogScan(log) : new PostgresScan(postgres);
        var scanning = PumpAsync(() => scan.ReadAsync(windows.Position, stop.Token), blocks.Writer, stop.Token);
        var sealing = PumpAsync(() => sequence.ReadAsync(stop.Token), stretches.Writer, stop.Token);
        try
        {
            while (await windows.NextAsync(ct) is { } window)
            {
                await links.LinkAsync(window);
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
                progress?.Report(new VerificationProgress(windows.Events, _total, windows.Seals, _judge.Findings.Count));
            }
            while (_underWay.Count > 0)
                await JudgeAsync();
            await windows.PassSealsAsync(ct);
            foreach (var suspect in _judge.Suspects)
                if (await IsTwiceAsync(suspect, ct))
                    _judge.Add(suspect);
            _judge.End(windows.Unused);
            if (options.StateFile is { } file && File.Exists(file))
                File.Delete(file);
            progress?.Report(new VerificationProgress(windows.Events, _total, windows.Seals, _judge.Findings.Count));
            return Result(windows, sequence, keys);
        }
        catch (OperationCanceledException)
        {
            while (_underWay.Count > 0)
                await JudgeAsync();
            Keep(windows);
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

    private VerificationResult Result(WindowCutter windows, SealSequence sequence, Keyring keys)
    {
        var ofEvents = _judge.Findings;
        // An event of the stream that is wrong makes what it says wrong: one finding, the one that says more.
        var findings = sequence
            .Findings.Where(f => f.Kind is FindingKind.SealMissing || !ofEvents.Exists(e => Covers(e, f.Version)))
            .Concat(ofEvents.Where(e => !sequence.Findings.Any(f => f.Kind is FindingKind.SealMissing && Covers(e, f.Version))))
            .Concat(windows.Unreadable is { } unreadable ? [unreadable] : [])
            .OrderBy(f => f.Ordinal ?? long.MaxValue)
            .ThenBy(f => f.Seal ?? long.MaxValue)
            .ToArray();
        var sealedEvents = sequence.Last?.EndOrdinal() ?? 0;
        return new VerificationResult(
            windows.Events,
            _streams.All.Count,
            sequence.Seals,
            sealedEvents,
            sequence.Last?.SealedAt,
            sequence.Last?.Number,
            Math.Max(0, windows.Ordinal - sealedEvents),
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
    private async Task BeginAsync(WindowCutter windows, CancellationToken ct)
    {
        if (options.Resume)
        {
            var state =
                options.StateFile is { } file && File.Exists(file)
                    ? await VerificationState.ReadAsync(file, ct)
                    : throw new InvalidDataException("There is no verification that was broken off.");
            if (state.Store != log.Store || state.SinceSeal != options.SinceSeal)
                throw new InvalidDataException("The verification that was broken off was another one; leave out --resume.");
            var position = state.At();
            if (!log.CanHave(position))
                throw new InvalidDataException("The verification was broken off before the events were numbered; leave out --resume.");
            windows.Begin(position, state.Ordinal, state.Events, state.Seals);
            windows.Unused.AddRange(state.Unused.Where(gap => gap.First <= position.Number));
            state.Give(_streams, _alignment, _judge);
            return;
        }
        if (options.SinceSeal <= 0)
            return;
        using var book = new SealBook(log);
        var places = (await book.RefreshAsync(ct)).Places;
        if (places.FirstOrDefault(p => p.Number == options.SinceSeal) is not { Count: > 0 } since)
            throw new InvalidDataException($"There is no seal {options.SinceSeal}.");
        var covered = new SealedEvents(log, book);
        try
        {
            var before = await book.ReadAsync(places.First(p => p.End == since.First), ct);
            windows.Begin((await covered.ReadAsync(before, ct))[^1].Position, since.First);
        }
        catch (Exception e) when (e is InvalidDataException or InvalidOperationException)
        {
            // What the seal before covers is not what it was; its number still says how many there were.
            windows.Begin(await covered.CountToAsync(since.First, ct), since.First);
        }
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

    private void Keep(WindowCutter windows)
    {
        if (options.StateFile is not { } file)
            return;
        _judge.Close();
        VerificationState.Of(log.Store, options.SinceSeal, windows, _streams, _alignment, _judge).Write(file);
    }
}
