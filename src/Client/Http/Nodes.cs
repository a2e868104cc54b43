using System.Net;
using System.Net.Http.Headers;

namespace PresenceLedger.Client.Http;

/// <summary>The nodes of the service: how to get an answer out of them, though one may be gone and all may have to be asked again.</summary>
internal sealed class Nodes : IDisposable
{
    /// <summary>For what is tried again until it is ended.</summary>
    public static readonly TimeSpan ForEver = TimeSpan.MaxValue;

    private readonly PresenceLedgerOptions _options;
    private readonly Uri[] _urls;
    private readonly HttpClient _http;
    private int _node;

    public Nodes(PresenceLedgerOptions options)
    {
        if (options.Urls.Count == 0)
            throw new ArgumentException("Url is needed: where the service is.", nameof(options));
        if (options.Urls.FirstOrDefault(u => u is not { IsAbsoluteUri: true, Scheme: "http" or "https" }) is { } bad)
            throw new ArgumentException($"'{bad}' must be an absolute address of http or https.", nameof(options));
        _options = options;
        _urls = [.. options.Urls.Select(u => new Uri(u.AbsoluteUri.TrimEnd('/') + "/api/v1/"))];
        // Every attempt has a limit of its own, and a stream none.
        _http = new HttpClient(options.HttpMessageHandler ?? Connections(), disposeHandler: options.HttpMessageHandler is null)
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    public TimeProvider Clock => _options.TimeProvider;

    public TimeSpan RetryFor => _options.RetryFor;

    /// <summary>A segment and an id as part of an address.</summary>
    public static string Path(string segment, string id)
    {
        ArgumentException.ThrowIfNullOrEmpty(id);
        if (id is "." or "..")
            throw new ArgumentException($"'{id}' cannot stand in an address.", nameof(id));
        return $"{segment}/{Uri.EscapeDataString(id)}";
    }

    /// <summary>Asks until there is an answer, for as long as the options say.</summary>
    /// <exception cref="RefusedException">The answer is no.</exception>
    /// <exception cref="LedgerUnavailableException">There was none in time.</exception>
    public Task<Answer> SendAsync(Ask ask, CancellationToken ct) => SendAsync(ask, RetryFor, ct);

    /// <summary>Asks until there is an answer, for so long; each node once where that is zero.</summary>
    public async Task<Answer> SendAsync(Ask ask, TimeSpan retryFor, CancellationToken ct)
    {
        using var response = await OpenAsync(ask, HttpCompletionOption.ResponseContentRead, retryFor, ct);
        return await WholeAsync(response, ct);
    }

    /// <summary>Asks until there is an answer whose body is to be read as it comes.</summary>
    public Task<HttpResponseMessage> OpenAsync(Ask ask, CancellationToken ct) =>
        OpenAsync(ask, HttpCompletionOption.ResponseHeadersRead, ForEver, ct);

    public void Dispose() => _http.Dispose();

    private static SocketsHttpHandler Connections() =>
        new()
        {
            AllowAutoRedirect = false,
            ConnectTimeout = TimeSpan.FromSeconds(5),
            // So that a name that has come to mean another address is noticed.
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        };

    private async Task<HttpResponseMessage> OpenAsync(Ask ask, HttpCompletionOption completion, TimeSpan retryFor, CancellationToken ct)
    {
        var began = Clock.GetTimestamp();
        var backoff = new Backoff();
        while (true)
        {
            TimeSpan wait;
            try
            {
                return await AskEachAsync(ask, completion, ct);
            }
            catch (LedgerUnavailableException e)
            {
                wait = backoff.Next(e.RetryAfter);
                if (Clock.GetElapsedTime(began) + wait > retryFor)
                {
                    e.IdempotencyKey = ask.IdempotencyKey;
                    throw;
                }
            }
            await Task.Delay(wait, Clock, ct);
        }
    }

    /// <summary>Asks one node after the other until one answers.</summary>
    private async Task<HttpResponseMessage> AskEachAsync(Ask ask, HttpCompletionOption completion, CancellationToken ct)
    {
        for (var tried = 1; ; tried++)
        {
            var node = Volatile.Read(ref _node);
            using var request = Request(_urls[node], ask);
            if (_options.Token is { } token)
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", await token(ct));
            using var late = new CancellationTokenSource(_options.AttemptTimeout, Clock);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, late.Token);
            try
            {
                return await CheckedAsync(await _http.SendAsync(request, completion, either.Token), either.Token);
            }
            catch (Exception e) when (IsNoAnswer(e) && !ct.IsCancellationRequested)
            {
                // Of many that see the same node fail, one moves on.
                Interlocked.CompareExchange(ref _node, (node + 1) % _urls.Length, node);
                if (tried == _urls.Length)
                    throw new LedgerUnavailableException(
                        $"{_urls[node].GetLeftPart(UriPartial.Authority)} cannot be reached: {e.Message}",
                        e
                    );
            }
        }
    }

    private static bool IsNoAnswer(Exception e) => e is HttpRequestException or IOException or OperationCanceledException;

    /// <summary>The answer, where it is a good one.</summary>
    private static async Task<HttpResponseMessage> CheckedAsync(HttpResponseMessage response, CancellationToken ct)
    {
        if (response.IsSuccessStatusCode)
            return response;
        using (response)
        {
            var answer = await WholeAsync(response, ct);
            throw response.StatusCode switch
            {
                HttpStatusCode.ServiceUnavailable or HttpStatusCode.TooManyRequests => answer.Unavailable(),
                // What stands between could not reach the node either.
                HttpStatusCode.BadGateway or HttpStatusCode.GatewayTimeout => new HttpRequestException(answer.Unavailable().Message),
                _ => answer.Refusal(),
            };
        }
    }

    private static async Task<Answer> WholeAsync(HttpResponseMessage response, CancellationToken ct) =>
        new((int)response.StatusCode, response.Headers, await response.Content.ReadAsByteArrayAsync(ct));

    /// <summary>KIND:ID with the id percent-encoded, as headers have it.</summary>
    private static string? Actor(string? actor) =>
        actor?.IndexOf(':', StringComparison.Ordinal) is > 0 and var colon
            ? string.Concat(actor.AsSpan(0, colon + 1), Uri.EscapeDataString(actor[(colon + 1)..]))
            : actor;

    private HttpRequestMessage Request(Uri url, Ask ask)
    {
        var request = new HttpRequestMessage(ask.Method, new Uri(url, ask.Path));
        if (ask.Body is not null)
        {
            request.Content = new ByteArrayContent(ask.Body);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }
        foreach (var (name, value) in ask.Headers.Append(("X-Actor", Actor(_options.Actor))))
        {
            if (value is null)
                continue;
            // Refused here: it would look like a node that cannot be reached.
            if (value.Any(c => c is < ' ' or > '~'))
                throw new ArgumentException($"{name} must be of visible ASCII characters.");
            request.Headers.TryAddWithoutValidation(name, value);
        }
        return request;
    }
}
