using System.Runtime.InteropServices;

namespace PresenceLedger.Ledger.Verification;

/// <summary>Follows every stream from event to event: which hash comes before each, and whether its version, instant and id fit.</summary>
/// <param name="log">The log.</param>
/// <param name="streams">The streams, each as of its last event.</param>
/// <param name="isWhole">Whether the first event of the log is looked at; where not, what stands before the others is looked up.</param>
internal sealed class StreamLinks(ILog log, Streams streams, bool isWhole)
{
    /// <summary>So many missing versions of a stream are kept in mind.</summary>
    private const int MostGaps = 10_000;

    private readonly NumberSet _ids = new();

    /// <summary>Gives every event the hash before it, and moves the streams on; in order, and so for one window after another.</summary>
    public async Task LinkAsync(Window window)
    {
        List<(StreamState Stream, long Version)>? unknown = null;
        for (var n = 0; n < window.Rows.Length; n++)
        {
            var (block, row) = window.Rows[n];
            var stream = window.Streams[n] = streams.Get(block.Stream(row));
            if (stream.IsKnown)
                continue;
            stream.IsKnown = true;
            if (!isWhole && block.Rows[row].Version > 0)
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
            for (var version = stream.Version + 1; version < row.Version && stream.Gaps.Count < MostGaps; version++)
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
}
