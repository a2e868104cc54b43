using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Queries.Timeline;

/// <summary>
/// Every version of statuses, capacity profiles and policy, read from the log once and kept. They are few, and share what they have in
/// common.
/// </summary>
public sealed class ConfigurationVersions(ILog log)
{
    private const int PageSize = 1000;

    /// <summary>In order; the first is what everything begins with, before version 0.</summary>
    private volatile Version[] _known = [new(Configuration.Initial, DateTimeOffset.MinValue)];

    /// <summary>The configuration that an event names as the one that decided it.</summary>
    public async Task<Configuration> OfAsync(long version, CancellationToken ct)
    {
        var known = version > _known[^1].Configuration.Version ? await ReadOnAsync(ct) : _known;
        return known[Math.Clamp(version + 1, 0, known.Length - 1)].Configuration;
    }

    /// <summary>The configuration that held at an instant, and the present one.</summary>
    public async Task<(Configuration Then, Configuration Now)> AtAsync(DateTimeOffset instant, CancellationToken ct)
    {
        var known = await ReadOnAsync(ct);
        return (known.Last(v => v.Configuration.LastOccurredAt <= instant).Configuration, known[^1].Configuration);
    }

    /// <summary>The configuration as of an instant, of what the ledger knew at another; of all there is where that is null.</summary>
    public async Task<Configuration> AsOfAsync(DateTimeOffset at, DateTimeOffset? knownAt, CancellationToken ct) =>
        (await ReadOnAsync(ct))
            .TakeWhile(v => v.Configuration.LastOccurredAt <= at && (knownAt is null || v.RecordedAt <= knownAt))
            .Last()
            .Configuration;

    /// <summary>Every version that the ledger knew at an instant, from the initial one on; all there are where that is null.</summary>
    public async Task<IReadOnlyList<Configuration>> KnownAtAsync(DateTimeOffset? knownAt, CancellationToken ct) =>
        [.. (await ReadOnAsync(ct)).TakeWhile(v => knownAt is null || v.RecordedAt <= knownAt).Select(v => v.Configuration)];

    private async Task<Version[]> ReadOnAsync(CancellationToken ct)
    {
        var known = new List<Version>(_known);
        var before = known.Count;
        while (true)
        {
            var page = await log.ReadStreamAsync(StreamNames.Configuration, known[^1].Configuration.Version + 1, PageSize, ct);
            foreach (var e in page)
                known.Add(new(known[^1].Configuration.Evolve((ConfigurationEvent)WireNames.Read(e.Record)), e.Record.RecordedAt));
            if (page.Count < PageSize)
                break;
        }
        // Two who read on at once come to the same; who of them is kept does not matter.
        return known.Count == before ? _known : _known = [.. known];
    }

    private sealed record Version(Configuration Configuration, DateTimeOffset RecordedAt);
}
