using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Projections.Divergences;

/// <summary>
/// The configuration as it stood at each place of the log: facts are folded with what had been recorded ahead of an event. Read once and kept;
/// its versions are few, and share what they have in common.
/// </summary>
internal sealed class PlacedConfigurations(ILog log)
{
    private const int PageSize = 1000;

    private volatile Version[] _known = [new(LogPosition.Start, Configuration.Initial)];

    /// <summary>Begins at the beginning, with everything that is recorded by now.</summary>
    public async Task<Folding> BeginAsync(CancellationToken ct)
    {
        var known = new List<Version>(_known);
        var before = known.Count;
        while (true)
        {
            var page = await log.ReadStreamAsync(StreamNames.Configuration, known[^1].Configuration.Version + 1, PageSize, ct);
            foreach (var e in page)
                known.Add(new(e.Position, known[^1].Configuration.Evolve((ConfigurationEvent)WireNames.Read(e.Record))));
            if (page.Count < PageSize)
                break;
        }
        // Two who read on at once come to the same; who of them is kept does not matter.
        return new Folding(known.Count == before ? _known : _known = [.. known]);
    }

    internal sealed record Version(LogPosition Position, Configuration Configuration);

    /// <summary>Goes along the log.</summary>
    internal sealed class Folding(Version[] versions)
    {
        private int _next = 1;
        private FactsFold _fold = new(versions[0].Configuration);

        /// <summary>The fold for an event at a place; places only go up.</summary>
        public FactsFold At(LogPosition position)
        {
            var next = _next;
            while (_next < versions.Length && versions[_next].Position < position)
                _next++;
            return _next == next ? _fold : _fold = new FactsFold(versions[_next - 1].Configuration);
        }
    }
}
