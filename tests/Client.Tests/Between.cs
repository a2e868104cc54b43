namespace PresenceLedger.Client.Tests;

/// <summary>Stands between a client and its nodes, and does with a request what the test says.</summary>
/// <param name="to">What sends it on; null where nothing is to get through.</param>
public sealed class Between(HttpMessageHandler? to = null) : DelegatingHandler(to ?? new SocketsHttpHandler())
{
    private readonly List<HttpRequestMessage> _seen = [];

    /// <summary>Answers a request, the first being number 1.</summary>
    public delegate Task<HttpResponseMessage> Answering(
        HttpRequestMessage request,
        int number,
        Func<Task<HttpResponseMessage>> sendOn,
        CancellationToken ct
    );

    /// <summary>What it does; sends on where nothing is said.</summary>
    public Answering Does { get; set; } = (_, _, sendOn, _) => sendOn();

    /// <summary>Requests so far.</summary>
    public IReadOnlyList<HttpRequestMessage> Seen
    {
        get
        {
            lock (_seen)
                return [.. _seen];
        }
    }

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        int number;
        lock (_seen)
        {
            _seen.Add(request);
            number = _seen.Count;
        }
        return Does(request, number, () => base.SendAsync(request, cancellationToken), cancellationToken);
    }
}
