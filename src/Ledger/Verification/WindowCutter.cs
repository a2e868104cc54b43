using System.Runtime.InteropServices;
using System.Text;
using System.Threading.Channels;

namespace PresenceLedger.Ledger.Verification;

/// <summary>Numbers one after another that no event has.</summary>
internal sealed record NumberGap(long First, long Count);

/// <summary>
/// Cuts the events of a log into windows. The events that a seal covers are one window, laid beside what was sealed where they are not the
/// same; those that no seal covers come in windows of one size.
/// </summary>
/// <param name="blocks">The events, in global order.</param>
/// <param name="stretches">What the seals cover.</param>
/// <param name="alignment">Lays events beside what was sealed.</param>
/// <param name="isNumbered">Whether the events have numbers without gaps.</param>
internal sealed class WindowCutter(ChannelReader<EventBlock> blocks, ChannelReader<Stretch> stretches, Alignment alignment, bool isNumbered)
{
    private const int WindowSize = 10_000;

    /// <summary>By so many events the beginning of a seal is known.</summary>
    private const int Beginning = 100;
    private const int MostGaps = 1000;

    private readonly List<RowOf> _found = [];
    private readonly List<Stretch> _expected = [];
    private bool _ended;
    private bool _stretchesEnded;
    private long _events;

    /// <summary>Up to here windows were made.</summary>
    public LogPosition Position { get; private set; }

    /// <summary>The place in global order of what comes next.</summary>
    public long Ordinal { get; private set; }

    /// <summary>How many events were put into windows.</summary>
    public long Events => Interlocked.Read(ref _events);

    /// <summary>How many seals were come across.</summary>
    public long Seals { get; private set; }

    /// <summary>Numbers that no event has.</summary>
    public List<NumberGap> Unused { get; } = [];

    /// <summary>The event that could not be read, at which it ended; null where there was none.</summary>
    public Finding? Unreadable { get; private set; }

    /// <summary>Begins after a position.</summary>
    public void Begin(LogPosition after, long ordinal, long events = 0, long seals = 0) =>
        (Position, Ordinal, _events, Seals) = (after, ordinal, events, seals);

    /// <summary>Reads on to the last seal; those that cover nothing that is there are to be seen too.</summary>
    public async Task PassSealsAsync(CancellationToken ct)
    {
        while (await StretchAsync(0, ct) is not null)
            _expected.RemoveAt(0);
    }

    /// <summary>The next window; null at the end.</summary>
    public async Task<Window?> NextAsync(CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        var stretch = await StretchAsync(0, ct);
        while (stretch is not null && stretch.First + stretch.Count <= Ordinal)
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
        Seals++;
        _expected.RemoveAt(0);
        return alignment.IsPlain && IsPlain(stretch) ? Take((int)stretch.Count, stretch) : await LayAsync(stretch, ct);
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
        var (standings, ordinals) = alignment.Lay(stretch, [.. ahead], found);
        var window = new Window(Next(standings.Length), stretch, stretch.First) { Standings = standings, Ordinals = ordinals };
        Taken(standings.Length, stretch.First + stretch.Count);
        return window;
    }

    /// <summary>Events that a seal covered that is gone: as many as it must have been, or up to where the next seal begins.</summary>
    private async Task<Window> UncoveredAsync(Stretch stretch, CancellationToken ct)
    {
        var left = stretch.First + stretch.Count - Ordinal;
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
        var window = new Window(Next(count), stretch, Ordinal);
        Taken(count, Ordinal + (places ?? count));
        return window;
    }

    private RowOf[] Next(int count) => CollectionsMarshal.AsSpan(_found)[..count].ToArray();

    private void Taken(int count, long ordinal)
    {
        if (count > 0)
            Position = _found[count - 1].Value.Position;
        _found.RemoveRange(0, count);
        Ordinal = ordinal;
        Interlocked.Add(ref _events, count);
    }

    /// <summary>Reads until so many events are at hand, or there are no more.</summary>
    private async ValueTask FillAsync(int count, CancellationToken ct)
    {
        while (_found.Count < count && !_ended)
        {
            try
            {
                if (!await blocks.WaitToReadAsync(ct))
                {
                    _ended = true;
                    return;
                }
            }
            catch (UnreadableException e)
            {
                (_ended, Unreadable) = (true, UnreadableAfter(e));
                return;
            }
            if (blocks.TryRead(out var block))
                Add(block);
        }
    }

    private void Add(EventBlock block)
    {
        var number = (_found.Count > 0 ? _found[^1].Value.Position : Position).Number;
        for (var row = 0; row < block.Rows.Count; row++)
        {
            var next = block.Rows[row].Position.Number;
            if (isNumbered && next > number + 1 && Unused.Count < MostGaps)
                Unused.Add(new NumberGap(number + 1, next - number - 1));
            number = next;
            _found.Add(new RowOf(block, row));
        }
    }

    private Finding UnreadableAfter(UnreadableException e)
    {
        var before = _found.Count > 0 ? _found[^1] : default;
        var after = before.Block is null
            ? "The first event cannot be read"
            : $"The event after {Encoding.UTF8.GetString(before.Block.Stream(before.Row))}@{before.Value.Version} cannot be read, and what comes after it was not looked at";
        return new Finding(FindingKind.Unreadable, $"{after}: {e.Message}") { Ordinal = Ordinal + _found.Count };
    }

    /// <summary>A stretch that is to come; null where there is none.</summary>
    private async ValueTask<Stretch?> StretchAsync(int n, CancellationToken ct)
    {
        while (_expected.Count <= n && !_stretchesEnded)
        {
            if (!await stretches.WaitToReadAsync(ct))
                _stretchesEnded = true;
            else if (stretches.TryRead(out var stretch))
                _expected.Add(stretch);
        }
        return n < _expected.Count ? _expected[n] : null;
    }
}
