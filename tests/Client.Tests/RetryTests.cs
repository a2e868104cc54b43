using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace PresenceLedger.Client.Tests;

/// <summary>What the client does where a node does not answer, or says that it cannot.</summary>
public sealed class RetryTests : IDisposable
{
    private const string Presence = """
        {"agentId":"ana","version":3,"statusId":"away","base":"beside-oneself","ofALaterVersion":{"x":[1]},"events":[]}
        """;

    private readonly Between _network = new();
    private readonly Clock _clock = new();

    public void Dispose() => _network.Dispose();

    [Fact]
    public async Task The_waits_get_longer_and_are_no_two_clients_same()
    {
        _network.Does = (_, number, _, _) => number <= 12 ? throw new HttpRequestException("refused") : Task.FromResult(Ok());
        using var client = Client(retryFor: TimeSpan.FromHours(1));
        var asked = client.Agent("ana").SetPresenceAsync("away");
        for (var (n, full) = (0, 0.2); n < 12; n++, full = Math.Min(2 * full, 10))
            Assert.InRange((await _clock.PassAsync()).TotalSeconds, full / 2 - 0.001, full);
        Assert.Equal("away", (await asked).Presence.StatusId);
        Assert.Single(_network.Seen.Select(Key).Distinct());
    }

    [Fact]
    public async Task The_wait_that_the_service_asks_for_is_kept()
    {
        _network.Does = (_, number, _, _) =>
            Task.FromResult(
                number switch
                {
                    1 => Problem(HttpStatusCode.ServiceUnavailable, "ledger-unavailable", retryAfter: 7),
                    2 => Problem(HttpStatusCode.TooManyRequests, "too-many-requests", retryAfter: 3),
                    _ => Ok(),
                }
            );
        using var client = Client();
        var asked = client.Agent("ana").SetPresenceAsync("away");
        Assert.InRange((await _clock.PassAsync()).TotalSeconds, 7, 7.2);
        Assert.InRange((await _clock.PassAsync()).TotalSeconds, 3, 3.4);
        await asked;
        Assert.Equal(3, _network.Seen.Count);
    }

    [Fact]
    public async Task After_the_time_there_is_the_error_with_the_key_to_go_on_with()
    {
        _network.Does = (_, _, _, _) => Task.FromResult(Problem(HttpStatusCode.ServiceUnavailable, "ledger-unavailable", retryAfter: 1));
        using var client = Client(retryFor: TimeSpan.FromSeconds(5));
        var asked = client.Agent("ana").SetPresenceAsync("away");
        var waited = TimeSpan.Zero;
        while (!asked.IsCompleted)
        {
            var passed = _clock.PassAsync();
            if (await Task.WhenAny(asked, passed) == passed)
                waited += await passed;
        }
        var e = await Assert.ThrowsAsync<LedgerUnavailableException>(() => asked);
        Assert.Contains("503", e.Message, StringComparison.Ordinal);
        Assert.Equal(Key(_network.Seen[0]), e.IdempotencyKey);
        Assert.InRange(waited.TotalSeconds, 2, 5);
    }

    [Fact]
    public async Task A_node_that_cannot_be_reached_is_left_for_the_next_without_waiting_and_not_asked_again()
    {
        _network.Does = (request, _, _, _) =>
            request.RequestUri!.Host is "one" ? throw new HttpRequestException("refused") : Task.FromResult(Ok());
        using var client = Client(urls: ["http://one/", "http://two/"]);
        await client.Agent("ana").SetPresenceAsync("away");
        await client.Agent("ana").SetPresenceAsync("away");
        Assert.Equal(["one", "two", "two"], _network.Seen.Select(r => r.RequestUri!.Host));
    }

    [Fact]
    public async Task A_node_that_hangs_is_left_after_the_limit_of_an_attempt()
    {
        _network.Does = async (request, _, _, ct) =>
        {
            if (request.RequestUri!.Host is "one")
            {
                var hanging = Task.Delay(Timeout.Infinite, ct);
                _clock.Advance(new PresenceLedgerOptions().AttemptTimeout);
                await hanging;
            }
            return Ok();
        };
        using var client = Client(urls: ["http://one/", "http://two/"]);
        await client.Agent("ana").SetPresenceAsync("away");
        Assert.Equal(["one", "two"], _network.Seen.Select(r => r.RequestUri!.Host));
    }

    [Fact]
    public async Task A_refusal_is_not_tried_again_and_says_all_that_the_service_said()
    {
        _network.Does = (_, _, _, _) =>
            Task.FromResult(Problem(HttpStatusCode.BadRequest, "validation", errors: """{"units":["must be 0 to 5"]}"""));
        using var client = Client();
        var e = await Assert.ThrowsAsync<RefusedException>(() => client.Agent("ana").AssignAsync("c1", new Work { Units = 6 }));
        Assert.Equal((400, "validation", "Because."), (e.Status, e.Code, e.Detail));
        Assert.Equal(["must be 0 to 5"], e.Errors["units"]);
        Assert.Single(_network.Seen);
    }

    [Fact]
    public async Task What_a_proxy_says_in_its_own_words_is_an_error_like_others()
    {
        _network.Does = (_, number, _, _) =>
            Task.FromResult(
                new HttpResponseMessage(number == 1 ? HttpStatusCode.BadGateway : HttpStatusCode.RequestUriTooLong)
                {
                    Content = new StringContent("<html>"),
                }
            );
        using var client = Client();
        var asked = client.Agent("ana").GetPresenceAsync();
        await _clock.PassAsync();
        Assert.Equal("http-414", (await Assert.ThrowsAsync<RefusedException>(() => asked)).Code);
    }

    [Fact]
    public async Task The_token_is_asked_for_each_time_and_may_have_changed()
    {
        var tokens = 0;
        _network.Does = (_, number, _, _) => number == 1 ? throw new HttpRequestException("refused") : Task.FromResult(Ok());
        using var client = new PresenceLedgerClient(
            new PresenceLedgerOptions
            {
                Url = new Uri("https://one/base"),
                Token = _ => ValueTask.FromResult($"t{++tokens}"),
                HttpMessageHandler = _network,
                TimeProvider = _clock,
            }
        );
        var asked = client.Agent("ana").GetPresenceAsync();
        await _clock.PassAsync();
        await asked;
        Assert.Equal(["Bearer t1", "Bearer t2"], _network.Seen.Select(r => r.Headers.Authorization!.ToString()));
        Assert.Equal("https://one/base/api/v1/agents/ana/presence", _network.Seen[0].RequestUri!.AbsoluteUri);
    }

    [Fact]
    public async Task Cancelling_ends_the_waiting()
    {
        using var cancelled = new CancellationTokenSource();
        _network.Does = (_, _, _, _) => throw new HttpRequestException("refused");
        using var client = Client();
        var asked = client.Agent("ana").SetPresenceAsync("away", ct: cancelled.Token);
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
    }

    [Fact]
    public async Task Cancelling_ends_an_attempt()
    {
        using var cancelled = new CancellationTokenSource();
        _network.Does = async (_, _, _, ct) =>
        {
            await Task.Delay(Timeout.Infinite, ct);
            return Ok();
        };
        using var client = Client();
        var asked = client.Agent("ana").SetPresenceAsync("away", ct: cancelled.Token);
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
        Assert.Single(_network.Seen);
    }

    [Fact]
    public async Task What_a_newer_service_says_is_read_and_what_is_unknown_is_passed_over()
    {
        _network.Does = (_, _, _, _) => Task.FromResult(Ok());
        using var client = Client();
        var presence = await client.Agent("ana").GetPresenceAsync();
        Assert.Equal(("beside-oneself", 3), (presence.Base, presence.Version));
        Assert.Empty(presence.Conversations);
    }

    [Theory]
    [InlineData("")]
    [InlineData("..")]
    public void An_agent_that_no_address_can_name_is_an_error_of_the_caller(string agentId)
    {
        using var client = Client();
        Assert.Throws<ArgumentException>(() => client.Agent(agentId));
    }

    [Fact]
    public async Task A_key_that_no_header_can_hold_is_an_error_of_the_caller()
    {
        using var client = Client();
        var options = new CommandOptions { IdempotencyKey = "schlüssel\r\nX: y" };
        await Assert.ThrowsAsync<ArgumentException>(() => client.Agent("ana").SetPresenceAsync("away", options));
    }

    [Fact]
    public void Options_without_a_service_are_an_error_of_the_caller() =>
        Assert.Throws<ArgumentException>(() => new PresenceLedgerClient(new PresenceLedgerOptions()));

    private static HttpResponseMessage Ok() =>
        new(HttpStatusCode.OK) { Content = new StringContent(Presence, Encoding.UTF8, "application/json") };

    private static HttpResponseMessage Problem(HttpStatusCode status, string code, int? retryAfter = null, string errors = "null")
    {
        var json = $$"""{"code":"{{code}}","detail":"Because.","errors":{{errors}}}""";
        var answer = new HttpResponseMessage(status) { Content = new StringContent(json, Encoding.UTF8, "application/problem+json") };
        if (retryAfter is { } seconds)
            answer.Headers.RetryAfter = new RetryConditionHeaderValue(TimeSpan.FromSeconds(seconds));
        return answer;
    }

    private static string Key(HttpRequestMessage request) => request.Headers.GetValues("Idempotency-Key").Single();

    private PresenceLedgerClient Client(TimeSpan? retryFor = null, params string[] urls) =>
        new(
            new PresenceLedgerOptions
            {
                Urls = urls.Length == 0 ? [new Uri("http://one/")] : [.. urls.Select(u => new Uri(u))],
                RetryFor = retryFor ?? TimeSpan.FromSeconds(30),
                HttpMessageHandler = _network,
                TimeProvider = _clock,
            }
        );
}
