using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace PresenceLedger.Resilience.Tests;

/// <summary>An event that the service said is recorded.</summary>
public sealed record Acknowledged(Guid EventId, string AgentId, long Version, string Key);

/// <summary>
/// Clients that send mixed commands at many agents. Each command has an idempotency key; one whose outcome is not known is sent
/// again, with the same key, until it is. Some are sent twice on purpose.
/// </summary>
public sealed class Load(Func<int, Uri> service, int seed = 20260105) : IDisposable
{
    private const int DuplicateOneOf = 20;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly string[] Verbs = ["accept", "reject", "miss", "wait", "resume", "wrap-up", "close", "release", "activity"];
    private static readonly string[] Statuses = ["available", "busy", "away", "do-not-disturb", "offline"];

    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, ConnectTimeout = TimeSpan.FromSeconds(5) })
    {
        Timeout = TimeSpan.FromSeconds(30),
    };

    private readonly ConcurrentQueue<double> _milliseconds = new();
    private int _done;

    public ConcurrentQueue<Acknowledged> Events { get; } = new();

    public ConcurrentDictionary<string, int> Refusals { get; } = new(StringComparer.Ordinal);

    /// <summary>Answers that contradict each other or the contract.</summary>
    public ConcurrentQueue<string> Faults { get; } = new();

    /// <summary>Commands whose first try had no known outcome.</summary>
    public int Retried { get; private set; }

    public int Done => Volatile.Read(ref _done);

    public TimeSpan Took { get; private set; }

    /// <summary>The duration that this share of the commands did not exceed.</summary>
    public double Percentile(double share)
    {
        var sorted = _milliseconds.Order().ToArray();
        return sorted[(int)(share * (sorted.Length - 1))];
    }

    public static string AgentId(int agent) => $"agent-{agent:000}";

    public void Dispose() => _http.Dispose();

    /// <summary>Registers agents and signs them in.</summary>
    public async Task PrepareAsync(int agents, int clients)
    {
        await Parallel.ForEachAsync(
            Enumerable.Range(0, agents),
            new ParallelOptions { MaxDegreeOfParallelism = clients },
            async (n, _) =>
            {
                var id = AgentId(n);
                await SendAsync(n, HttpMethod.Put, $"agents/{id}", """{"units":100}""", "administrator:root", $"register-{n}", id);
                await SendAsync(
                    n,
                    HttpMethod.Post,
                    $"agents/{id}/sign-in",
                    """{"connectionId":"main"}""",
                    "agent:" + id,
                    $"sign-in-{n}",
                    id
                );
            }
        );
        _milliseconds.Clear();
    }

    /// <summary>Sends as many commands.</summary>
    public async Task RunAsync(int commands, int agents, int clients)
    {
        var began = Stopwatch.GetTimestamp();
        var next = -1;
        await Task.WhenAll(
            Enumerable
                .Range(0, clients)
                .Select(async client =>
                {
                    while (Interlocked.Increment(ref next) is var n && n < commands)
                    {
                        // What a command is depends on its number alone.
                        var random = new Random(seed + n);
                        await CommandAsync(client, n, random, AgentId(random.Next(agents)));
                        Interlocked.Increment(ref _done);
                    }
                })
        );
        Took = Stopwatch.GetElapsedTime(began);
    }

    private async Task CommandAsync(int client, int n, Random random, string agentId)
    {
        var conversation = "c" + random.Next(4);
        var one = $"agents/{agentId}/conversations/{conversation}";
        var (method, path, body, actor) = random.Next(100) switch
        {
            < 30 => (HttpMethod.Put, one, $$"""{"units":{{random.Next(60)}}}""", "service:routing"),
            < 70 => (HttpMethod.Post, $"{one}/{Verbs[random.Next(Verbs.Length)]}", null, "service:routing"),
            < 82 => (
                HttpMethod.Put,
                $"agents/{agentId}/presence",
                $$"""{"statusId":"{{Statuses[random.Next(Statuses.Length)]}}"}""",
                "agent:" + agentId
            ),
            < 88 => (HttpMethod.Post, $"{one}/transfer", $$"""{"toAgentId":"{{AgentId(random.Next(100))}}"}""", "service:routing"),
            < 92 => (HttpMethod.Post, $"agents/{agentId}/presence/reset", null, "agent:" + agentId),
            < 95 => (HttpMethod.Post, $"agents/{agentId}/sign-out", null, "agent:" + agentId),
            _ => (HttpMethod.Post, $"agents/{agentId}/sign-in", """{"connectionId":"main"}""", "agent:" + agentId),
        };
        var key = $"command-{n}";
        var sent = SendAsync(client, method, path, body, actor, key, agentId);
        if (n % DuplicateOneOf != 0)
        {
            await sent;
            return;
        }
        // To the other service, at the same time.
        var twice = await Task.WhenAll(sent, SendAsync(client + 1, method, path, body, actor, key, agentId));
        if (twice[0] != twice[1])
            Faults.Enqueue($"{key} was answered twice, differently: {twice[0]} / {twice[1]}");
    }

    /// <summary>Sends it until the outcome is known; what was answered.</summary>
    private async Task<string> SendAsync(int client, HttpMethod method, string path, string? body, string actor, string key, string agentId)
    {
        var began = Stopwatch.GetTimestamp();
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                using var request = new HttpRequestMessage(method, new Uri(service(client + attempt), "/api/v1/" + path));
                if (body is not null)
                    request.Content = new StringContent(body, Encoding.UTF8, "application/json");
                request.Headers.Add("X-Actor", actor);
                request.Headers.Add("Idempotency-Key", key);
                using var response = await _http.SendAsync(request);
                var text = await response.Content.ReadAsStringAsync();
                var status = (int)response.StatusCode;
                if (status is not (503 or 429))
                {
                    _milliseconds.Enqueue(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
                    Note(status, text, key, agentId);
                    return $"{status} {text}";
                }
            }
            // The client of .NET throws a bare SocketException where a server ends right after a connection was made.
            catch (Exception e) when (e is HttpRequestException or IOException or SocketException or OperationCanceledException)
            {
                // Whether it is recorded is not known; the same key finds out.
            }
            if (attempt == 0)
                lock (_milliseconds)
                    Retried++;
            if (Stopwatch.GetElapsedTime(began) > Patience)
            {
                Faults.Enqueue($"{key} had no answer for {Patience}");
                return "none";
            }
            await Task.Delay(Math.Min(20 << Math.Min(attempt, 4), 200));
        }
    }

    private void Note(int status, string text, string key, string agentId)
    {
        var json = JsonElement.Parse(text);
        if (status == 200)
        {
            foreach (var e in json.GetProperty("events").EnumerateArray())
                Events.Enqueue(
                    new Acknowledged(
                        e.GetProperty("eventId").GetGuid(),
                        e.GetProperty("agentId").GetString()!,
                        e.GetProperty("version").GetInt64(),
                        key
                    )
                );
            return;
        }
        var code = json.GetProperty("code").GetString()!;
        Refusals.AddOrUpdate(code, 1, (_, n) => n + 1);
        // An unknown thing of the path is 404, a rule's refusal 409, a transfer to oneself nonsense.
        if (status is not (404 or 409) && !(status == 400 && IsToOneself(code, text)))
            Faults.Enqueue($"{key}: {status} {text}");
    }

    private static bool IsToOneself(string code, string text) =>
        code == "validation" && text.Contains("cannot be transferred to the agent who has it", StringComparison.Ordinal);
}
