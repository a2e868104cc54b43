using PresenceLedger.Api.Http;

namespace PresenceLedger.Api.Audit;

/// <summary>
/// Evidence on an agent and the verification of an agent read all of its events: so many at a time, on each node. Who comes then waits a little.
/// </summary>
/// <param name="patience">How long who comes then waits.</param>
public sealed class ProofPermits(TimeSpan patience) : IDisposable
{
    /// <summary>How many at a time.</summary>
    public const int Most = 4;

    private readonly SemaphoreSlim _free = new(Most);

    /// <summary>Of the service.</summary>
    public ProofPermits()
        : this(TimeSpan.FromSeconds(5)) { }

    /// <summary>Takes one, to be given back.</summary>
    /// <exception cref="TooManyException">None came free.</exception>
    public async Task<IDisposable> TakeAsync(CancellationToken ct) =>
        await _free.WaitAsync(patience, ct)
            ? new Permit(_free)
            : throw new TooManyException("Too many ask for evidence or verify agents at once. Try again.", retryAfter: 5);

    /// <inheritdoc />
    public void Dispose() => _free.Dispose();

    private sealed class Permit(SemaphoreSlim free) : IDisposable
    {
        private int _given;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _given, 1) == 0)
                free.Release();
        }
    }
}
