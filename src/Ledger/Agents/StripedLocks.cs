namespace PresenceLedger.Ledger.Agents;

/// <summary>
/// Lets commands of one agent queue within a node, rather than conflict. A fixed number of locks: agents that share one wait
/// for each other now and then, and nothing has to be cleaned up.
/// </summary>
internal sealed class StripedLocks(int stripes) : IDisposable
{
    private readonly SemaphoreSlim[] _locks = [.. Enumerable.Range(0, stripes).Select(_ => new SemaphoreSlim(1, 1))];

    /// <summary>Enters for all of the ids, always in the same order; dispose to leave.</summary>
    public async ValueTask<Held> EnterAsync(string[] ids, CancellationToken ct)
    {
        int[] indexes = [.. ids.Select(id => (int)((uint)id.GetHashCode(StringComparison.Ordinal) % _locks.Length)).Distinct().Order()];
        for (var n = 0; n < indexes.Length; n++)
        {
            try
            {
                await _locks[indexes[n]].WaitAsync(ct);
            }
            catch
            {
                new Held(_locks, indexes[..n]).Dispose();
                throw;
            }
        }
        return new Held(_locks, indexes);
    }

    public void Dispose()
    {
        foreach (var one in _locks)
            one.Dispose();
    }

    internal readonly struct Held(SemaphoreSlim[] locks, int[] indexes) : IDisposable
    {
        public void Dispose()
        {
            foreach (var index in indexes)
                locks[index].Release();
        }
    }
}
