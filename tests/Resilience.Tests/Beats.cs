using System.Collections.Concurrent;

namespace PresenceLedger.Resilience.Tests;

/// <summary>Clients of agents who are signed in on connection <c>main</c>: each sends a heartbeat now and then, to another service where one is gone.</summary>
public sealed class Beats : IAsyncDisposable
{
    private readonly Func<int, Uri> _service;
    private readonly CancellationTokenSource _stop = new();
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, ConnectTimeout = TimeSpan.FromSeconds(2) })
    {
        Timeout = TimeSpan.FromSeconds(10),
    };

    private readonly Task _running;

    /// <summary>Begins.</summary>
    /// <param name="service">Where the client with this number turns to; the next number where that fails.</param>
    /// <param name="agents">The agents.</param>
    /// <param name="interval">How often each sends one.</param>
    public Beats(Func<int, Uri> service, IEnumerable<string> agents, TimeSpan interval)
    {
        _service = service;
        _running = Task.WhenAll(agents.Select((id, n) => BeatAsync(id, n, interval)));
    }

    /// <summary>How often each status was answered; 0 for no answer.</summary>
    public ConcurrentDictionary<int, int> Answers { get; } = new();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _http.Dispose();
        _stop.Dispose();
    }

    private async Task BeatAsync(string agentId, int n, TimeSpan interval)
    {
        while (!_stop.IsCancellationRequested)
        {
            var status = 0;
            try
            {
                using var request = new HttpRequestMessage(
                    HttpMethod.Post,
                    new Uri(_service(n), $"/api/v1/agents/{agentId}/connections/main/heartbeat")
                );
                request.Headers.Add("X-Actor", "agent:" + agentId);
                using var response = await _http.SendAsync(request, _stop.Token);
                status = (int)response.StatusCode;
            }
            catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
            {
                n++;
            }
            if (_stop.IsCancellationRequested)
                return;
            Answers.AddOrUpdate(status, 1, (_, count) => count + 1);
            await Task.WhenAny(Task.Delay(interval, _stop.Token));
        }
    }
}
