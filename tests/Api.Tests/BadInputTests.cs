using System.Net.Sockets;
using System.Text;
using PresenceLedger.Testing;
using static PresenceLedger.Api.Tests.OpenService;

namespace PresenceLedger.Api.Tests;

/// <summary>Whatever comes in, the answer is a clear problem, and nothing is recorded.</summary>
[Collection(OpenServiceCollection.Name)]
public sealed class BadInputTests(OpenService service)
{
    private const string Nested = "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]";

    private readonly ServiceClient _client = service.Client;

    public static TheoryData<string, string, string, string> Bodies =>
        new()
        {
            // What is no JSON, or not an object.
            { "PUT", "agents/ana/presence", "{", "body" },
            { "PUT", "agents/ana/presence", """{"statusId":"away"} and more""", "body" },
            { "PUT", "agents/ana/presence", "null", "body" },
            { "PUT", "agents/ana/presence", "[]", "body" },
            { "PUT", "agents/ana/presence", "\"x\"", "body" },
            { "PUT", "agents/ana/presence", "17", "body" },
            { "PUT", "agents/ana/presence", "NaN", "body" },
            { "POST", "agents/ana/sign-out", "null", "body" },
            { "POST", "agents/ana/sign-out", "[]", "body" },
            { "PUT", "policy", "null", "body" },
            { "PUT", "agents/ana/presence", """{"statusId":"away","reason":""" + Nested + "}", "reason" },
            // What is left out, unknown, or there twice.
            { "PUT", "agents/ana/presence", "{}", "statusId" },
            { "PUT", "agents/ana/presence", """{"statusId":null}""", "statusId" },
            { "PUT", "agents/ana/presence", """{"statusID":"away"}""", "statusID" },
            { "PUT", "agents/ana/presence", """{"statusId":"away","more":1}""", "more" },
            { "PUT", "agents/ana/presence", """{"statusId":"away","reason":{"why":"x"}}""", "reason.why" },
            { "PUT", "agents/ana/presence", """{"statusId":"away","statusId":"busy"}""", "statusId" },
            { "POST", "agents/ana/sign-out", """{"statusId":"away"}""", "statusId" },
            // Wrong types.
            { "PUT", "agents/ana/presence", """{"statusId":5}""", "statusId" },
            { "PUT", "agents/ana/presence", """{"statusId":["away"]}""", "statusId" },
            { "PUT", "agents/ana/presence", """{"statusId":"away","reason":"because"}""", "reason" },
            { "PUT", "agents/ana/presence", "{\"statusId\":\"\\ud800\"}", "statusId" },
            { "PUT", "agents/ana/conversations/c", """{"units":"5"}""", "units" },
            { "PUT", "agents/ana/conversations/c", """{"units":1.5}""", "units" },
            { "PUT", "agents/ana/conversations/c", """{"units":null}""", "units" },
            { "PUT", "agents/ana/conversations/c", """{"units":NaN}""", "units" },
            { "PUT", "agents/ana/conversations/c", """{"units":1e400}""", "units" },
            { "PUT", "agents/ana/conversations/c", """{"units":99999999999}""", "units" },
            { "PUT", "agents/ana/conversations/c", """{"autoAccept":"yes"}""", "autoAccept" },
            { "PUT", "agents/ana/conversations/c", """{"createdAt":"yesterday"}""", "createdAt" },
            { "PUT", "agents/ana/conversations/c", """{"createdAt":5}""", "createdAt" },
            { "PUT", "agents/ana/conversations/c", """{"createdAt":"0001-01-01T00:00:00+14:00"}""", "createdAt" },
            { "PUT", "agents/ana/conversations/c", """{"wrapUp":"always-block"}""", "wrapUp" },
            { "PUT", "agents/ana/conversations/c", """{"wrapUp":{"policy":"sometimes"}}""", "wrapUp.policy" },
            { "PUT", "agents/ana/conversations/c", """{"wrapUp":{"policy":1}}""", "wrapUp.policy" },
            { "PUT", "agents/ana/consults/c", """{"mode":"listen"}""", "mode" },
            { "PUT", "statuses/x", """{"text":"x","base":"available, busy"}""", "base" },
            { "PUT", "statuses/x", """{"text":"x","base":"inactive"}""", "base" },
            { "PUT", "statuses/x", """{"text":"x","base":3}""", "base" },
            // Wrong values.
            { "PUT", "agents/ana/presence", """{"statusId":""}""", "statusId" },
            { "PUT", "agents/ana/presence", """{"statusId":"a\u0001b"}""", "statusId" },
            { "PUT", "agents/ana/presence", """{"statusId":"a\u0000"}""", "statusId" },
            { "PUT", "agents/ana/presence", """{"statusId":"away\n"}""", "statusId" },
            { "PUT", "agents/ana/presence", """{"statusId":"away","reason":{"code":"\u0007"}}""", "reason.code" },
            { "PUT", "agents/ana/presence", """{"statusId":"away","reason":{"text":"\u0000"}}""", "reason.text" },
            { "PUT", "agents/ana/presence", """{"statusId":"away","reason":{"text":"\ud800"}}""", "reason.text" },
            { "PUT", "agents/ana/conversations/c", """{"units":-1}""", "units" },
            { "PUT", "agents/ana/conversations/c", """{"units":1000001}""", "units" },
            { "PUT", "agents/ana/conversations/c", """{"profiles":["a","a"]}""", "profiles" },
            { "PUT", "agents/ana/conversations/c", """{"profiles":[null]}""", "profiles" },
            { "PUT", "agents/ana/conversations/c", """{"channel":"a\u202eb"}""", "channel" },
            { "PUT", "agents/ana/conversations/c", """{"queue":""}""", "queue" },
            { "PUT", "agents/ana/conversations/c", """{"workstream":"\t"}""", "workstream" },
            { "PUT", "agents/ana/conversations/c", """{"wrapUp":{"policy":"custom"}}""", "wrapUp.seconds" },
            { "PUT", "agents/ana/conversations/c", """{"wrapUp":{"policy":"custom","seconds":29}}""", "wrapUp.seconds" },
            { "PUT", "agents/ana/conversations/c", """{"wrapUp":{"policy":"custom","seconds":3601}}""", "wrapUp.seconds" },
            { "PUT", "agents/ana/conversations/c", """{"wrapUp":{"policy":"custom","seconds":1e999}}""", "wrapUp.seconds" },
            { "PUT", "agents/ana/conversations/c", """{"wrapUp":{"policy":"dont-block","seconds":60}}""", "wrapUp.seconds" },
            { "PUT", "agents/ana/conversations/c", """{"createdAt":"1999-01-01T00:00:00Z"}""", "createdAt" },
            { "PUT", "agents/ana/conversations/c", """{"createdAt":"2100-01-01T00:00:00Z"}""", "createdAt" },
            { "PUT", "agents/ana/conversations/c", """{"direction":"sideways"}""", "direction" },
            { "PUT", "agents/ana/conversations/c", """{"direction":1}""", "direction" },
            { "POST", "agents/ana/sign-in", """{"connectionId":"a\u0001b"}""", "connectionId" },
            { "POST", "agents/ana/sign-in", """{"client":"\u0001"}""", "client" },
            { "POST", "agents/ana/conversations/c/transfer", "{}", "body" },
            { "POST", "agents/ana/conversations/c/transfer", """{"toQueue":"q","external":"1"}""", "body" },
            { "POST", "agents/ana/conversations/c/transfer", """{"toAgentId":"a\u0001b"}""", "toAgentId" },
            { "POST", "agents/ana/conversations/c/transfer", """{"toQueue":"a\u0001b"}""", "toQueue" },
            { "POST", "agents/ana/conversations/c/transfer", """{"external":"\n"}""", "external" },
            { "PUT", "agents/ana", """{"units":-5}""", "units" },
            { "PUT", "agents/ana", """{"defaultStatusId":"a\u0001b"}""", "defaultStatusId" },
            { "PUT", "agents/ana", """{"displayName":"\u0000"}""", "displayName" },
            { "PUT", "agents/ana", """{"profiles":[{"profileId":"a"},{"profileId":"a"}]}""", "profiles" },
            { "PUT", "agents/ana", """{"profiles":[{}]}""", "profiles" },
            { "PUT", "agents/ana", """{"profiles":[null]}""", "profiles" },
            { "PUT", "agents/ana", """{"profiles":[{"profileId":"a","customLimit":-1}]}""", "profiles" },
            { "PUT", "agents/ana", """{"queues":["a\u0001b"]}""", "queues" },
            { "PUT", "agents/ana", """{"queues":"q1"}""", "queues" },
            { "PUT", "agents/ana", """{"skills":[{"skill":"a"},{"skill":"a"}]}""", "skills" },
            { "PUT", "agents/ana", """{"skills":[{"skill":"a","proficiency":"\u0000"}]}""", "skills" },
            { "POST", "heartbeats", "{}", "heartbeats" },
            { "POST", "heartbeats", """{"heartbeats":[null]}""", "heartbeats" },
            { "POST", "heartbeats", """{"heartbeats":[{"agentId":"a"}]}""", "heartbeats" },
            { "PUT", "statuses/x", "{}", "text" },
            { "PUT", "statuses/x", """{"text":"x"}""", "base" },
            { "PUT", "statuses/x", """{"text":" ","base":"away"}""", "text" },
            { "PUT", "statuses/x", """{"text":"\u0000","base":"away"}""", "text" },
            { "PUT", "statuses/x", """{"text":"x","base":"away","description":"\u0000"}""", "description" },
            { "PUT", "capacity-profiles/x", "{}", "limit" },
            { "PUT", "capacity-profiles/x", """{"limit":-1}""", "limit" },
            { "PUT", "capacity-profiles/x", """{"limit":1,"reset":"weekly"}""", "reset" },
            { "PUT", "policy", """{"restoreWindow":-1}""", "restoreWindow" },
            { "PUT", "policy", """{"heartbeatTimeout":0}""", "heartbeatTimeout" },
            { "PUT", "policy", """{"heartbeatTimeout":1e308}""", "heartbeatTimeout" },
            { "PUT", "policy", """{"maxOpenSessions":-1}""", "maxOpenSessions" },
            { "PUT", "policy", """{"missedLimit":0}""", "missedLimit" },
            { "PUT", "policy", """{"missedLimit":1.5}""", "missedLimit" },
            { "PUT", "policy", """{"undeliveredLimit":-1}""", "undeliveredLimit" },
            { "PUT", "policy", """{"undeliveredLimit":1001}""", "undeliveredLimit" },
            { "PUT", "policy", """{"stuckAfterSeconds":{"chat":0}}""", "stuckAfterSeconds" },
            { "PUT", "policy", """{"heartbeatTimeout":10,"heartbeatSeconds":6}""", "heartbeatTimeout" },
            { "PUT", "policy", """{"heartbeatSeconds":38}""", "heartbeatTimeout" },
            { "POST", "policy/try", """{"heartbeatTimeout":10,"heartbeatSeconds":6}""", "heartbeatTimeout" },
            // Texts that look other than they are.
            { "PUT", "agents/ana", """{"displayName":"a\u202eb"}""", "displayName" },
            { "PUT", "agents/ana", """{"displayName":"a\u2066b"}""", "displayName" },
            { "PUT", "agents/ana", """{"displayName":"a\nb"}""", "displayName" },
            { "PUT", "statuses/x", """{"text":"a\u202eb","base":"away"}""", "text" },
            { "PUT", "statuses/x", """{"text":"a","base":"away","description":"a\u202eb"}""", "description" },
            { "PUT", "agents/ana/presence", """{"statusId":"away","reason":{"text":"a\u202eb"}}""", "reason.text" },
            { "PUT", "agents/ana/presence", """{"statusId":"away","reason":{"code":"a\u2069b"}}""", "reason.code" },
            { "POST", "agents/ana/sign-in", """{"client":"a\u202db"}""", "client" },
            // Instants without an offset.
            { "PUT", "agents/ana/conversations/c", """{"createdAt":"2026-01-05T08:00:00"}""", "createdAt" },
            { "PUT", "agents/ana/conversations/c", """{"createdAt":"2026-01-05"}""", "createdAt" },
            { "POST", "agents/ana/corrections", """{"from":"2026-01-05T08:00:00","statusId":"away"}""", "from" },
            { "PUT", "policy", """{"stuckAfterSeconds":{"a\u0001b":5}}""", "stuckAfterSeconds" },
            { "PUT", "policy", """{"offerAfterSeconds":0}""", "offerAfterSeconds" },
            { "PUT", "policy", """{"endOfDay":{"time":"25:00","timeZone":"UTC"}}""", "endOfDay.time" },
            { "PUT", "policy", """{"endOfDay":{"time":"18:00","timeZone":"Mars/Olympus"}}""", "endOfDay.timeZone" },
            { "PUT", "policy", """{"endOfDay":{"time":"18:00","timeZone":"../../../etc/passwd"}}""", "endOfDay.timeZone" },
            { "PUT", "policy", """{"endOfDay":{"time":"18:00","timeZone":"a\u0000b"}}""", "endOfDay.timeZone" },
            { "PUT", "policy", """{"endOfDay":{}}""", "endOfDay.time" },
        };

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task A_bad_body_names_its_field_and_records_nothing(string method, string path, string body, string field)
    {
        var before = await service.EventsAsync();
        var answer = await _client.SendAsync(method, path, body, Administrator);
        Assert.Equal(before, await service.EventsAsync());
        if (answer.Status == 400 && answer.Json.TryGetProperty("errors", out var errors))
        {
            // A value within a member may be named by its own path.
            var named = errors.EnumerateObject().Select(e => e.Name).ToArray();
            Assert.True(named.Any(n => n == field || n.StartsWith(field + "[", StringComparison.Ordinal)), $"{field} in {answer}");
        }
        Expect.Problem(answer, 400, "validation");
        Assert.True(answer.Json.TryGetProperty("errors", out _), answer.ToString());
    }

    [Fact]
    public async Task Bytes_that_are_no_UTF_8_are_refused()
    {
        byte[] body = [.. "{\"statusId\":\"aw"u8, 0xC3, 0x28, .. "y\"}"u8];
        Expect.Problem(await _client.PutAsync("agents/ana/presence", body, Administrator), 400, "validation");
        byte[] utf16 = Encoding.Unicode.GetBytes("""{"statusId":"away"}""");
        Expect.Problem(await _client.PutAsync("agents/ana/presence", utf16, Administrator), 400, "validation");
    }

    [Fact]
    public async Task A_thousand_profiles_are_too_many()
    {
        var ids = Enumerable.Range(0, 1000).Select(n => "p" + n).ToArray();
        var before = await service.EventsAsync();
        Expect.BadField(await _client.PutAsync("agents/ana/conversations/c", new { profiles = ids }, Administrator), "profiles");
        var named = ids.Select(id => new { profileId = id });
        Expect.BadField(await _client.PutAsync("agents/ana", new { profiles = named }, Administrator), "profiles");
        Expect.BadField(await _client.PutAsync("agents/ana", new { queues = ids }, Administrator), "queues");
        Expect.BadField(await _client.PutAsync("agents/ana", new { skills = ids.Select(s => new { skill = s }) }, Administrator), "skills");
        Assert.Equal(before, await service.EventsAsync());
    }

    [Fact]
    public async Task Texts_that_are_too_long_are_refused()
    {
        var id = new string('a', 201);
        Expect.BadField(await _client.PutAsync("agents/ana/presence", new { statusId = id }, Administrator), "statusId");
        Expect.BadField(await _client.PutAsync("agents/ana", new { displayName = new string('a', 201) }, Administrator), "displayName");
        Expect.BadField(
            await _client.PutAsync(
                "agents/ana/presence",
                new { statusId = "away", reason = new { code = new string('a', 101) } },
                Administrator
            ),
            "reason.code"
        );
        Expect.BadField(
            await _client.PutAsync(
                "agents/ana/presence",
                new { statusId = "away", reason = new { text = new string('a', 2001) } },
                Administrator
            ),
            "reason.text"
        );
        Expect.BadField(
            await _client.PutAsync(
                "statuses/x",
                new
                {
                    text = "x",
                    @base = "away",
                    description = new string('a', 2001),
                },
                Administrator
            ),
            "description"
        );
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/xml")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("")]
    public async Task A_body_that_does_not_say_it_is_JSON_is_of_an_unsupported_type(string contentType)
    {
        var answer = await _client.PutAsync("agents/ana/presence", """{"statusId":"away"}""", Administrator, ("Content-Type", contentType));
        Expect.Problem(answer, 415, "validation");
    }

    [Theory]
    [InlineData("%20a")]
    [InlineData("a%20")]
    [InlineData("a%C2%A0")]
    [InlineData("a%01b")]
    [InlineData("a%0A")]
    [InlineData("a%C2%85b")]
    [InlineData("a%E2%80%AEb")]
    [InlineData("a%E2%80%8Bb")]
    [InlineData("a%EF%BF%BEb")]
    [InlineData("%C3")]
    [InlineData("%ED%A0%80")]
    public async Task An_identifier_in_the_path_that_is_none_is_a_bad_request(string id)
    {
        var before = await service.EventsAsync();
        Expect.BadField(await _client.PutAsync($"agents/{id}", new { units = 5 }, Administrator), "agentId");
        Expect.BadField(await _client.GetAsync($"agents/{id}/presence"), "agentId");
        Expect.BadField(await _client.PutAsync($"agents/ana/conversations/{id}", new { }, Administrator), "conversationId");
        Expect.BadField(await _client.PostAsync($"agents/ana/connections/{id}/heartbeat", null, Administrator), "connectionId");
        Expect.BadField(await _client.PutAsync($"statuses/{id}", new { text = "x", @base = "away" }, Administrator), "statusId");
        Expect.BadField(await _client.PutAsync($"capacity-profiles/{id}", new { limit = 1 }, Administrator), "profileId");
        Assert.Equal(before, await service.EventsAsync());
    }

    [Fact]
    public async Task An_identifier_in_the_path_of_200_characters_is_taken_and_of_201_refused()
    {
        var id = string.Concat(Enumerable.Repeat("%F0%9F%98%80", 200));
        Assert.Equal(200, (await _client.PutAsync($"agents/{id}", new { units = 5 }, Administrator)).Status);
        Expect.BadField(await _client.PutAsync($"agents/{id}x", new { units = 5 }, Administrator), "agentId");
    }

    [Theory]
    [InlineData("agents?limit=0", "limit")]
    [InlineData("agents?limit=1001", "limit")]
    [InlineData("agents?limit=ten", "limit")]
    [InlineData("agents?limit=-1", "limit")]
    [InlineData("agents?limit=99999999999", "limit")]
    [InlineData("agents?cursor=%25", "cursor")]
    [InlineData("agents?cursor=AA", "cursor")]
    [InlineData("agents?cursor=_w", "cursor")]
    [InlineData("agents?base=inactive", "base")]
    [InlineData("agents?base=", "base")]
    [InlineData("agents?signedIn=maybe", "signedIn")]
    [InlineData("agents?status=%00", "status")]
    [InlineData("agents?queue=%00", "queue")]
    [InlineData("agents?skill=a%01b", "skill")]
    [InlineData("agents?text=%00", "text")]
    [InlineData("statuses?limit=x", "limit")]
    [InlineData("statuses?cursor=AA", "cursor")]
    [InlineData("capacity-profiles?limit=0", "limit")]
    [InlineData("agents/{ana}/presence?minVersion=x", "minVersion")]
    [InlineData("agents/{ana}/presence?minVersion=99999999999999999999", "minVersion")]
    [InlineData("agents/{ana}/timeline?order=up", "order")]
    [InlineData("agents/{ana}/timeline?from=yesterday", "from")]
    [InlineData("agents/{ana}/timeline?from=2026-01-05", "from")]
    [InlineData("agents/{ana}/timeline?from=2026-01-05T08:00:00", "from")]
    [InlineData("agents/{ana}/timeline?from=10:00Z", "from")]
    [InlineData("agents/{ana}/timeline?to=2026-13-05T08:00:00Z", "to")]
    [InlineData("agents/{ana}/timeline?to=5", "to")]
    [InlineData("agents/{ana}/timeline?limit=0", "limit")]
    [InlineData("agents/{ana}/timeline?cursor=AA", "cursor")]
    [InlineData("agents/{ana}/timeline?cursor=%00", "cursor")]
    [InlineData("agents/{ana}/state?at=now", "at")]
    [InlineData("agents/{ana}/state?at=2026-02-30T08:00:00Z", "at")]
    [InlineData("agents/{ana}/state?version=-1", "version")]
    [InlineData("agents/{ana}/state?version=17", "version")]
    [InlineData("agents/{ana}/state?version=99999999999999999999", "version")]
    [InlineData("agents/{ana}/state?version=0&at=2026-01-05T08:00:00Z", "version")]
    [InlineData("agents/{ana}/state?version=0&knownAt=2026-01-05T08:00:00Z", "version")]
    [InlineData("agents/{ana}/state?knownAt=then", "knownAt")]
    [InlineData("agents/{ana}/state?knownAt=2999-01-01T00:00:00Z", "knownAt")]
    [InlineData("agents/{ana}/diff", "from")]
    [InlineData("agents/{ana}/diff?from=then", "from")]
    [InlineData("agents/{ana}/diff?from=2026-01-05T08:00:00Z&to=now", "to")]
    [InlineData("agents/{ana}/diff?from=2026-01-05T08:00:00Z&to=2026-01-05T07:59:59Z", "from")]
    [InlineData("agents/{ana}/diff?from=2026-01-05T08:00:00Z&knownAt=2999-01-01T00:00:00Z", "knownAt")]
    public async Task A_bad_parameter_of_a_query_is_named(string path, string field)
    {
        var ana = await service.AgentAsync();
        Expect.BadField(await _client.GetAsync(path.Replace("{ana}", ana, StringComparison.Ordinal)), field);
    }

    [Theory]
    [InlineData("If-Match", "x")]
    [InlineData("If-Match", "\"--1\"")]
    [InlineData("If-Match", "\"\"")]
    [InlineData("If-Match", "\"1\", \"2\"")]
    [InlineData("If-Match", "99999999999999999999")]
    [InlineData("Idempotency-Key", "a b")]
    [InlineData("Idempotency-Key", "k\u00e4se")]
    [InlineData("X-Connection", "a%01b")]
    public async Task A_bad_header_of_a_command_is_named_and_records_nothing(string name, string value)
    {
        var ana = await service.SignedInAsync();
        var before = await service.EventsAsync();
        Expect.BadField(await _client.PutAsync($"agents/{ana}/presence", new { statusId = "away" }, "agent:" + ana, (name, value)), name);
        Assert.Equal(before, await service.EventsAsync());
    }

    [Fact]
    public async Task An_idempotency_key_of_256_characters_is_too_long()
    {
        var ana = await service.SignedInAsync();
        var path = $"agents/{ana}/presence";
        var key = service.NewId("k").PadRight(255, 'x');
        Expect.BadField(
            await _client.PutAsync(path, new { statusId = "away" }, "agent:" + ana, ("Idempotency-Key", key + "x")),
            "Idempotency-Key"
        );
        Assert.Equal(200, (await _client.PutAsync(path, new { statusId = "away" }, "agent:" + ana, ("Idempotency-Key", key))).Status);
    }

    [Theory]
    [InlineData("x")]
    [InlineData("1.2.3.4")]
    [InlineData("-1")]
    [InlineData("99999999999999999999999")]
    public async Task A_bad_position_is_named(string position)
    {
        var ana = await service.AgentAsync();
        Expect.BadField(await _client.GetAsync($"agents/{ana}/presence", null, ("Ledger-Position", position)), "Ledger-Position");
        Expect.BadField(await _client.GetAsync("agents", null, ("Ledger-Position", position)), "Ledger-Position");
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("00-00000000000000000000000000000000-0000000000000000-00")]
    [InlineData("00-ZZf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
    public async Task A_traceparent_that_is_none_is_passed_over_as_its_standard_says(string traceparent)
    {
        var ana = await service.SignedInAsync();
        var answer = await _client.PutAsync(
            $"agents/{ana}/presence",
            new { statusId = "away" },
            "agent:" + ana,
            ("traceparent", traceparent)
        );
        Assert.Equal(200, answer.Status);
        var entry = (await _client.GetAsync($"agents/{ana}/timeline?order=desc&limit=1")).Json.GetProperty("items")[0];
        Assert.Matches("^(?!0{32})[0-9a-f]{32}$", entry.GetProperty("correlationId").GetString());
    }

    [Fact]
    public async Task A_body_of_10_MB_is_too_large_and_records_nothing()
    {
        var before = await service.EventsAsync();
        // Over a socket, because a client may not read the answer while it is still sending.
        using var socket = new TcpClient();
        await socket.ConnectAsync(service.Url.Host, service.Url.Port);
        var stream = socket.GetStream();
        var head =
            "PUT /api/v1/agents/ana HTTP/1.1\r\nHost: localhost\r\nX-Actor: administrator:root\r\nContent-Type: application/json\r\n"
            + "Content-Length: 10485760\r\n\r\n{\"displayName\":\"";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head));
        using var reader = new StreamReader(stream, Encoding.UTF8);
        Assert.Equal("HTTP/1.1 413 Payload Too Large", await reader.ReadLineAsync());
        var headers = new List<string>();
        while (await reader.ReadLineAsync() is { Length: > 0 } line)
            headers.Add(line.ToLowerInvariant());
        Assert.Contains("content-type: application/problem+json", headers);
        Assert.Equal(before, await service.EventsAsync());
    }

    [Fact]
    public async Task A_large_body_in_chunks_is_too_large_too()
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(service.Url.Host, service.Url.Port);
        var stream = socket.GetStream();
        var head =
            "PUT /api/v1/agents/ana HTTP/1.1\r\nHost: localhost\r\nX-Actor: administrator:root\r\nContent-Type: application/json\r\n"
            + "Transfer-Encoding: chunked\r\n\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head));
        await stream.WriteAsync(Encoding.ASCII.GetBytes("50000\r\n" + new string(' ', 0x50000) + "\r\n"));
        using var reader = new StreamReader(stream, Encoding.UTF8);
        Assert.Equal("HTTP/1.1 413 Payload Too Large", await reader.ReadLineAsync());
    }

    [Theory]
    [InlineData("GET", "/nothing/here", 404, "not-found")]
    [InlineData("GET", "/api/v1/nothing", 404, "not-found")]
    [InlineData("POST", "/api/v1/agents/ana/conversations/c1/explode", 404, "not-found")]
    [InlineData("GET", "/openapi/v9.json", 404, "not-found")]
    [InlineData("POST", "/api/v1/agents", 405, "method-not-allowed")]
    [InlineData("DELETE", "/api/v1/statuses/available", 405, "method-not-allowed")]
    [InlineData("PATCH", "/api/v1/policy", 405, "method-not-allowed")]
    public async Task An_unknown_address_or_method_is_a_problem_too(string method, string path, int status, string code) =>
        Expect.Problem(await _client.SendAsync(method, path), status, code);
}
