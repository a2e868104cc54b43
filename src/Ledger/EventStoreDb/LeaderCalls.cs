namespace PresenceLedger.Ledger.EventStoreDb;

/// <summary>Calls to the leader, tried again while the cluster is away or elects.</summary>
internal sealed class LeaderCalls(Cluster cluster, EventStoreDbSettings settings)
{
    /// <summary>
    /// Does it at the leader; where that fails in a way that may pass, on a new connection, for as long as there is patience.
    /// Everything done here may be done twice.
    /// </summary>
    public async Task<T> CallAsync<T>(Func<Member, Waiting, Task<T>> work, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var patience = new Waiting(limit);
        patience.Renew();
        var unknown = false;
        StoreException? failed = null;
        for (var attempt = 0; ; attempt++)
        {
            Member? member = null;
            try
            {
                member = await cluster.LeaderAsync(limit.Token);
                return await work(member, patience);
            }
            catch (StoreException e)
            {
                failed = e;
                if (member is not null)
                {
                    unknown |= e.OutcomeUnknown;
                    if (e.Transient)
                        cluster.Close(member, e);
                }
                if (!e.Transient)
                    throw Unavailable(e);
            }
            catch (OperationCanceledException) when (!ct.IsCancellationRequested)
            {
                // Patience is over in the middle of a try.
                if (member is not null)
                {
                    failed = StoreException.TimedOut(member.Address, EventStoreDbLog.Patience);
                    unknown = true;
                    cluster.Close(member, failed);
                }
            }
            if (!limit.IsCancellationRequested)
                await Task.WhenAny(Task.Delay(Pause(settings.DiscoveryInterval, attempt), limit.Token));
            ct.ThrowIfCancellationRequested();
            if (limit.IsCancellationRequested)
                throw Unavailable(failed ?? StoreException.NoLeader("no node has answered in time"));
        }

        LedgerUnavailableException Unavailable(StoreException e) => new($"EventStoreDB cannot be used: {e.Message}.", e, unknown);
    }

    /// <summary>How long a caller waits in all; for as long as it goes forward, it waits on.</summary>
    public readonly struct Waiting(CancellationTokenSource limit)
    {
        public CancellationToken Token => limit.Token;

        public void Renew() => limit.CancelAfter(EventStoreDbLog.Patience);
    }

    /// <summary>Doubles from try to try up to a second, and differs between nodes, so that they do not come all at once.</summary>
    public static TimeSpan Pause(TimeSpan first, int attempt)
    {
        var longest = Math.Min(first.TotalMilliseconds * (1 << Math.Min(attempt, 10)), 1000);
        return TimeSpan.FromMilliseconds(longest * (0.5 + Random.Shared.NextDouble() / 2));
    }
}
