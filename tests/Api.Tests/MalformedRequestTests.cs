using System.Net.Sockets;
using System.Text;
using PresenceLedger.Testing;

namespace PresenceLedger.Api.Tests;

/// <summary>
/// Thousands of requests as no client should send them, at random but the same each time: the service neither fails nor writes a stack trace
/// into its log, be it wrong input or a client that leaves in the middle.
/// </summary>
public sealed class MalformedRequestTests(MalformedRequestTests.OwnService own) : IClassFixture<MalformedRequestTests.OwnService>
{
    private const int Seed = 20260105;
    private const int Requests = 3000;
    private const int AtOnce = 8;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static readonly string[] Methods = ["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH", "BREW", "get"];

    private static readonly string[] Paths =
    [
        "/api/v1/agents/{x}",
        "/api/v1/agents/{x}/presence",
        "/api/v1/agents/{x}/sign-in",
        "/api/v1/agents/{x}/conversations/{x}",
        "/api/v1/agents/{x}/conversations/{x}/transfer",
        "/api/v1/agents/{x}/consults/{x}",
        "/api/v1/agents/{x}/timeline",
        "/api/v1/agents/{x}/why",
        "/api/v1/agents/{x}/state",
        "/api/v1/agents/{x}/diff",
        "/api/v1/agents/{x}/evidence",
        "/api/v1/agents/{x}/corrections",
        "/api/v1/agents/{x}/disputes",
        "/api/v1/agents/{x}/connections/{x}/heartbeat",
        "/api/v1/agents/{x}/connections/{x}/closing",
        "/api/v1/statuses/{x}",
        "/api/v1/capacity-profiles/{x}/reset",
        "/api/v1/policy",
        "/api/v1/policy/try",
        "/api/v1/heartbeats",
        "/api/v1/agents",
        "/api/v1/stream",
        "/api/v1/routing/eligible",
        "/api/v1/reports/historical/agents",
        "/api/v1/reports/historical/agents/{x}/statuses",
        "/api/v1/reports/historical/agents/{x}/explain",
        "/api/v1/reports/real-time/agents",
        "/api/v1/reports/real-time/agents/stream",
        "/api/v1/reports/coverage",
        "/api/v1/ledger/verify",
        "/api/v1/ledger/keys",
        "/session",
        "/session/end",
        "/language/{x}",
        "/sign-in",
        "/",
        "/agents/{x}",
        "/reports",
        "/reports/agents/{x}/statuses.csv",
        "/hubs/presence",
        "/hubs/presence/negotiate",
        "/_blazor/negotiate",
        "/health/ready",
        "/{x}",
    ];

    private static readonly string[] Names =
    [
        "from",
        "to",
        "at",
        "limit",
        "cursor",
        "agents",
        "queue",
        "queues",
        "minVersion",
        "timeZone",
        "bucket",
        "below",
        "metric",
        "actor",
        "returnTo",
        "kind",
        "id",
        "type",
        "format",
        "asKnownAt",
        "full",
        "days",
        "purpose",
        "access_token",
        "x",
    ];

    private static readonly string[] Values =
    [
        "ana",
        "",
        ",",
        "%00",
        "%zz",
        "%",
        "%C3",
        "%ED%A0%80",
        "..",
        "%2e%2e",
        "%2F",
        "%5C",
        "%09",
        "a%E2%80%AE",
        "%F0%9F%98%80",
        "-1",
        "1e400",
        "99999999999999999999",
        "2026-01-05T08:00:00Z",
        "0001-01-01T00:00:00%2B14:00",
        "9999-12-31T23:59:59Z",
        "2026-01-05",
        "Europe/Berlin",
        "../../etc/passwd",
        "day",
        "15m",
        "AA",
        "_w",
        "true",
        "statusSeconds",
        "agent:ana",
        "/%09/evil",
        "//evil",
        "/%C3%A9",
        "'",
        "\"<script>",
    ];

    private static readonly string[] Bodies =
    [
        "",
        "{",
        "{}",
        "[]",
        "null",
        "\"",
        "{\"a\":",
        "{\"statusId\":\"\\ud800\"}",
        "{\"units\":1e999}",
        "{\"statusId\":\"away\",\"statusId\":\"busy\"}",
        "{\"connectionId\":\"a\"}",
        "{\"toAgentId\":\"ana\"}",
        "{\"heartbeats\":[{}]}",
        "{\"from\":\"9999-12-31T23:59:59Z\",\"to\":\"0001-01-01T00:00:00Z\"}",
        "{\"reason\":{\"text\":\"\u202e\"}}",
        "{\"stuckAfterSeconds\":{\"\":null}}",
        "{\"endOfDay\":{\"time\":\"00:00\",\"timeZone\":\"\u0000\"}}",
        "kind=agent&id=ana&returnTo=/%09/evil",
        "kind=99&id=%00&returnTo=%2F%2Fevil",
        "kind=agent&id=ana&returnTo=/%C3%A9%F0%9F%98%80",
        "a&a&a=%",
        "{\"protocol\":\"json\",\"version\":1}\u001e",
        "\u0000\u0001\u0002",
    ];

    private static readonly string[] Headers =
    [
        "Content-Type: application/json",
        "Content-Type: application/x-www-form-urlencoded",
        "Content-Type: multipart/form-data",
        "Content-Type: multipart/form-data; boundary=x",
        "Content-Type: ;;;",
        "Content-Type: application/json; charset=klingon",
        "X-Actor: agent:ana",
        "X-Actor: administrator:root",
        "X-Actor: agent:%",
        "X-Actor: :",
        "X-Actor: agent:\u00e9",
        "X-Connection: %zz",
        "If-Match: \"x",
        "If-Match: *",
        "Idempotency-Key: k",
        "Idempotency-Key: \u00e9",
        "Ledger-Position: 0.1.1",
        "Ledger-Position: x",
        "Last-Event-ID: 0.1.1",
        "Last-Event-ID: \u0001x",
        "Accept: text/csv",
        "Accept: ;q=x",
        "Accept: text/html",
        "Accept-Language: \u00e9;q=9",
        "Origin: http://localhost:\u00e9",
        "Origin: null",
        "Origin: http://127.0.0.1",
        "Cookie: dashboard=x; .AspNetCore.Culture=\u00e9",
        "Expect: 100-continue",
        "Upgrade: websocket",
        "traceparent: x",
        "Authorization: Bearer x",
        "X-Purpose: \u202e",
        "Transfer-Encoding: gzip, chunked",
        "Content-Length: -1",
    ];

    private static readonly string[] Chunks =
    [
        "fffffffffffffff\r\nx",
        "ffffffffffffffffffff\r\nx",
        "7fffffff\r\nx",
        "-1\r\nx",
        "\r\n",
        "zz\r\nx\r\n",
        "2\r\n{}\r\n0\r\n\r\n",
        "2;ext=\u0001\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}",
        "5\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}\r\n0\r\nX: y\r\n\r\n",
        "00000000000000000000002\r\n{}\r\n0\r\n\r\n",
    ];

    [Fact]
    public async Task Whatever_is_sent_and_whenever_a_client_leaves_nothing_fails()
    {
        var failures = new List<string>();
        await Parallel.ForEachAsync(
            Enumerable.Range(0, Requests),
            new ParallelOptions { MaxDegreeOfParallelism = AtOnce },
            async (n, _) =>
            {
                var random = new Random(Seed + n);
                var request = Request(random);
                var answered = await SendAsync(request, random);
                if (
                    answered.StartsWith("HTTP/1.1 5", StringComparison.Ordinal)
                    && !answered.StartsWith("HTTP/1.1 503", StringComparison.Ordinal)
                    // What is no HTTP/1 or 2 by its first line never gets to the service.
                    && !answered.StartsWith("HTTP/1.1 505", StringComparison.Ordinal)
                )
                    lock (failures)
                        failures.Add($"#{n}: {Shown(request)}\n => {answered}");
            }
        );
        Assert.True(failures.Count == 0, string.Join("\n\n", failures.Take(10)));

        // It is as well as before, and said nothing of an error.
        using var client = new ServiceClient(own.Process.Url);
        Assert.Equal(200, (await client.GetAsync("agents/ana/presence")).Status);
        Assert.Equal(200, (await client.GetAsync("/health/ready")).Status);
        var said = own.Process.Output;
        Assert.DoesNotContain("   at ", said, StringComparison.Ordinal);
        Assert.DoesNotContain("fail:", said, StringComparison.Ordinal);
        Assert.DoesNotContain("crit:", said, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("fffffffffffffff")]
    [InlineData("ffffffffffffffffffffffffffff")]
    [InlineData("-5")]
    [InlineData("zz")]
    public async Task A_chunk_whose_length_is_none_is_a_bad_request(string length)
    {
        var request =
            "PUT /api/v1/agents/ana HTTP/1.1\r\nHost: localhost\r\nX-Actor: administrator:root\r\nContent-Type: application/json\r\n"
            + $"Transfer-Encoding: chunked\r\n\r\n{length}\r\n{{}}\r\n0\r\n\r\n";
        Assert.StartsWith("HTTP/1.1 400", await SendAsync(Encoding.Latin1.GetBytes(request), random: null), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/%09/evil", "/")]
    [InlineData("/%0A/evil", "/")]
    [InlineData("//evil", "/")]
    [InlineData("/%5Cevil", "/")]
    [InlineData("https://evil.example/", "/")]
    [InlineData("/agents/%25C3%25A9", "/agents/%C3%A9")]
    [InlineData("/agents/%C3%A9", "/agents/%C3%A9")]
    [InlineData("/reports?zone=UTC%23x", "/reports?zone=UTC#x")]
    public async Task Signing_in_leads_to_a_page_of_the_service_and_nowhere_else(string returnTo, string location)
    {
        using var client = new ServiceClient(own.Process.Url);
        var answer = await client.PostAsync(
            "/session",
            $"kind=agent&id=ana&returnTo={returnTo}",
            null,
            ("Content-Type", "application/x-www-form-urlencoded")
        );
        Assert.Equal((302, location), (answer.Status, answer.Headers["Location"]));
    }

    private static byte[] Request(Random random)
    {
        var path = Pick(random, Paths);
        while (path.Contains("{x}", StringComparison.Ordinal))
            path =
                path[..path.IndexOf("{x}", StringComparison.Ordinal)]
                + Pick(random, Values)
                + path[(path.IndexOf("{x}", StringComparison.Ordinal) + 3)..];
        for (var n = random.Next(4); n > 0; n--)
            path += (path.Contains('?', StringComparison.Ordinal) ? '&' : '?') + Pick(random, Names) + "=" + Pick(random, Values);
        var head = new StringBuilder($"{Pick(random, Methods)} {path} HTTP/1.1\r\nHost: localhost\r\n");
        for (var n = random.Next(5); n > 0; n--)
            head.Append(Pick(random, Headers)).Append("\r\n");
        var body = Encoding.UTF8.GetBytes(Pick(random, Bodies));
        switch (random.Next(4))
        {
            case 0:
                return
                [
                    .. Encoding.UTF8.GetBytes(head.Append("Transfer-Encoding: chunked\r\n\r\n").ToString()),
                    .. Encoding.UTF8.GetBytes(Pick(random, Chunks)),
                ];
            case 1:
                // More is promised than comes.
                return
                [
                    .. Encoding.UTF8.GetBytes(head.Append($"Content-Length: {body.Length + random.Next(50)}\r\n\r\n").ToString()),
                    .. body,
                ];
            case 2:
                var garbled = Encoding.UTF8.GetBytes(head.Append($"Content-Length: {body.Length}\r\n\r\n").ToString());
                garbled[random.Next(garbled.Length)] = (byte)random.Next(256);
                return [.. garbled, .. body];
            default:
                return [.. Encoding.UTF8.GetBytes(head.Append($"Content-Length: {body.Length}\r\n\r\n").ToString()), .. body];
        }
    }

    /// <summary>Sends a request and gives the line that it is answered with; with chance, leaves at once or in the middle.</summary>
    private async Task<string> SendAsync(byte[] request, Random? random)
    {
        using var socket = new TcpClient { NoDelay = true };
        await socket.ConnectAsync(own.Process.Url.Host, own.Process.Url.Port);
        var how = random?.Next(6) ?? -1;
        // A reset, not a farewell.
        if (how is 0 or 1)
            socket.LingerState = new LingerOption(enable: true, seconds: 0);
        using var late = new CancellationTokenSource(Patience);
        try
        {
            var stream = socket.GetStream();
            await stream.WriteAsync(how == 0 ? request.AsMemory(0, random!.Next(request.Length)) : request, late.Token);
            if (how is 0 or 1)
                return "";
            // Who says nothing more cannot be waited for.
            if (random is not null)
                socket.Client.Shutdown(SocketShutdown.Send);
            using var reader = new StreamReader(stream, Encoding.UTF8);
            return await reader.ReadLineAsync(late.Token) ?? "";
        }
        catch (IOException)
        {
            return "";
        }
    }

    private static string Shown(byte[] request) => Encoding.Latin1.GetString(request).Replace("\r\n", "\n", StringComparison.Ordinal);

    private static string Pick(Random random, string[] from) => from[random.Next(from.Length)];

    /// <summary>A service of its own, whose log is nobody else's.</summary>
    public sealed class OwnService : IAsyncLifetime
    {
        private TestDatabase _database = null!;

        public ServiceProcess Process { get; private set; } = null!;

        public async Task InitializeAsync()
        {
            _database = await TestPostgres.CreateDatabaseAsync();
            Process = await ServiceProcess.StartAsync(_database.Arguments);
            using var client = new ServiceClient(Process.Url);
            foreach (var agent in new[] { "ana", "ben" })
                Assert.Equal(200, (await client.PutAsync("agents/" + agent, new { units = 100 }, OpenService.Administrator)).Status);
        }

        public async Task DisposeAsync()
        {
            await Process.DisposeAsync();
            await _database.DisposeAsync();
        }
    }
}
