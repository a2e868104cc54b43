using PresenceLedger.Ledger;

namespace PresenceLedger.Testing;

/// <summary>The log of a service that dies after some appends: what it was going to append then never comes.</summary>
public sealed class DyingLog(ILog log, int appends) : PassingLog(log)
{
    private int _left = appends;

    public override Task<AppendResult> AppendAsync(Commit commit) =>
        Interlocked.Decrement(ref _left) >= 0
            ? base.AppendAsync(commit)
            : throw new LedgerUnavailableException("The service died here.", null, outcomeUnknown: true);
}
