using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Api.Audit;

/// <summary>Statuses, capacity profiles and policy of the past. They change seldom, so that all of their events are read.</summary>
internal sealed class PastConfiguration(ILog log, ConfigurationStream now)
{
    private const int PageSize = 1000;

    /// <summary>The configuration as of an instant, of what the ledger knew at another; of all there is where that is null.</summary>
    public async Task<Configuration> AsOfAsync(DateTimeOffset at, DateTimeOffset? knownAt, CancellationToken ct)
    {
        var current = now.Current;
        if (knownAt is null && current.LastOccurredAt <= at)
            return current;
        var then = Configuration.Initial;
        while (true)
        {
            var page = await log.ReadStreamAsync(StreamNames.Configuration, then.Version + 1, PageSize, ct);
            foreach (var e in page)
                if (e.Record.OccurredAt > at || e.Record.RecordedAt > knownAt)
                    return then;
                else
                    then = then.Evolve((ConfigurationEvent)WireNames.Read(e.Record));
            if (page.Count < PageSize)
                return then;
        }
    }
}
