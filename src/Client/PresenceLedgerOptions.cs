namespace PresenceLedger.Client;

/// <summary>Where the service is, who calls, and for how long to insist.</summary>
public sealed class PresenceLedgerOptions
{
    /// <summary>The service, such as <c>https://presence.example/</c>: the first of <see cref="Urls"/>.</summary>
    public Uri Url
    {
        get => Urls[0];
        init => Urls = [value];
    }

    /// <summary>Several nodes of one service. One is used until it cannot be reached, then the next.</summary>
    public IReadOnlyList<Uri> Urls { get; init; } = [];

    /// <summary>Gives the bearer token (<c>Access:Mode=Jwt</c>); asked before every request, so it caches what may be cached.</summary>
    public Func<CancellationToken, ValueTask<string>>? Token { get; init; }

    /// <summary>Who calls in <c>Access:Mode=Open</c>, such as <c>agent:ana</c> or <c>service:routing</c>.</summary>
    public string? Actor { get; init; }

    /// <summary>
    /// For how long a command or query is tried again while the service cannot be reached, answers 503, or has too much to do (429),
    /// before <see cref="LedgerUnavailableException"/>. Within it at least each node is tried once.
    /// </summary>
    public TimeSpan RetryFor { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long one node may take for one answer before it counts as not reached. The service itself waits some 8 s for its database
    /// before it answers 503, which says more.
    /// </summary>
    public TimeSpan AttemptTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>What sends the requests, in place of connections of the client's own; it stays the caller's to dispose.</summary>
    public HttpMessageHandler? HttpMessageHandler { get; init; }

    /// <summary>The clock of timers and waits.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}
