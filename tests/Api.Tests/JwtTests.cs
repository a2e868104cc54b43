using System.Security.Claims;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http.Connections;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using PresenceLedger.Api.Tests.Live;
using PresenceLedger.Testing;

namespace PresenceLedger.Api.Tests;

/// <summary>A service that believes tokens alone.</summary>
public sealed class JwtService : IAsyncLifetime
{
    public const string Key = "a key of the tests, of more than 32 bytes";
    public const string Audience = "presence-ledger";
    public const string Issuer = "https://issuer.example";

    private TestDatabase _database = null!;
    private ServiceProcess _process = null!;

    public ServiceClient Client { get; private set; } = null!;

    public Uri Url => _process.Url;

    public async Task InitializeAsync()
    {
        _database = await TestPostgres.CreateDatabaseAsync();
        _process = await ServiceProcess.StartAsync(
            [.. OpenService.ArgumentsFor(_database), "--Access:Mode", "Jwt", "--Access:Audience", Audience],
            ("Access__SigningKey", Key),
            ("Access__Issuer", Issuer),
            ("Access__Origins", "https://desktop.example, https://other.example:8443"),
            ("Access__Roles__Contact Centre Lead", "supervisor")
        );
        Client = new ServiceClient(_process.Url);
        Client.Answered = (await DescribedAnswers.OfAsync(Client)).Check;
        var root = Bearer("root", ["administrator"]);
        foreach (var id in new[] { "ana", "ben" })
        {
            Assert.Equal(200, (await Client.PutAsync($"agents/{id}", new { units = 100 }, null, root)).Status);
            Assert.Equal(200, (await Client.PostAsync($"agents/{id}/sign-in", new { connectionId = "main" }, null, root)).Status);
        }
    }

    public async Task DisposeAsync()
    {
        Client.Dispose();
        await _process.DisposeAsync();
        await _database.DisposeAsync();
    }

    public static (string Name, string Value) Bearer(string id, string[] roles) => ("Authorization", "Bearer " + Token(id, roles));

    public static string Token(
        string? id,
        string[] roles,
        string audience = Audience,
        string issuer = Issuer,
        string key = Key,
        int minutes = 60
    )
    {
        var claims = roles.Select(r => new Claim("roles", r)).ToList();
        if (id is not null)
            claims.Add(new Claim("sub", id));
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        return new JsonWebTokenHandler().CreateToken(
            new SecurityTokenDescriptor
            {
                Subject = new ClaimsIdentity(claims),
                Audience = audience,
                Issuer = issuer,
                IssuedAt = now.AddHours(-2),
                NotBefore = now.AddHours(-2),
                Expires = now.AddMinutes(minutes),
                SigningCredentials = new SigningCredentials(
                    new SymmetricSecurityKey(Encoding.UTF8.GetBytes(key)),
                    SecurityAlgorithms.HmacSha256
                ),
            }
        );
    }
}

/// <summary>Who calls, by bearer token (DIA-1).</summary>
public sealed class JwtTests(JwtService service) : IClassFixture<JwtService>
{
    private readonly ServiceClient _client = service.Client;

    public static TheoryData<string, string> BadTokens =>
        new()
        {
            { "expired", JwtService.Token("ana", ["agent"], minutes: -30) },
            { "made for others", JwtService.Token("ana", ["agent"], audience: "another-service") },
            { "of another issuer", JwtService.Token("ana", ["agent"], issuer: "https://elsewhere.example") },
            { "signed with another key", JwtService.Token("ana", ["agent"], key: "another key of more than 32 bytes, too") },
            { "without a subject", JwtService.Token(null, ["agent"]) },
            { "of a subject that is no identifier", JwtService.Token("ana\u202Ebanana", ["agent"]) },
            { "unsigned", new JsonWebTokenHandler().CreateToken("""{"sub":"ana","roles":"administrator","aud":"presence-ledger"}""") },
            { "no token", "ana" },
        };

    [Fact]
    public async Task A_valid_token_is_let_in_as_its_subject()
    {
        // Nobody sends heartbeats here, and the class takes its time.
        var signIn = await _client.PostAsync("agents/ana/sign-in", null, null, JwtService.Bearer("ana", ["agent"]));
        Assert.Equal(200, signIn.Status);
        var answer = await _client.PutAsync(
            "agents/ana/presence",
            new { statusId = "away" },
            null,
            JwtService.Bearer("ana", ["agent"]),
            // What mode Open believes is nothing here.
            ("X-Actor", "administrator:root")
        );
        Assert.Equal(200, answer.Status);
        var timeline = await _client.GetAsync("agents/ana/timeline?order=desc&limit=1", null, JwtService.Bearer("audrey", ["auditor"]));
        Assert.Equal("""{"kind":"agent","id":"ana"}""", timeline.Json.GetProperty("items")[0].GetProperty("actor").GetRawText());
    }

    [Theory]
    [MemberData(nameof(BadTokens))]
    public async Task A_token_that_is_not_valid_is_unauthorized(string what, string token)
    {
        Assert.NotEmpty(what);
        var answer = await _client.GetAsync("agents", null, ("Authorization", "Bearer " + token));
        Expect.Problem(answer, 401, "unauthorized");
        Assert.Equal("Bearer", answer.Headers["WWW-Authenticate"]);
        Assert.DoesNotContain("IDX", answer.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/api/v1/agents")]
    [InlineData("/API/v1/agents")]
    [InlineData("/api/V1/agents/ana/presence")]
    [InlineData("/api/v1/policy")]
    public async Task Without_a_token_nothing_is_read_in_whatever_case_the_path_is(string path)
    {
        Expect.Problem(await _client.GetAsync(path), 401, "unauthorized");
        Expect.Problem(await _client.GetAsync(path, "administrator:root"), 401, "unauthorized");
    }

    [Fact]
    public async Task An_agent_acts_on_itself_only()
    {
        var ana = JwtService.Bearer("ana", ["agent"]);
        Expect.Problem(await _client.PutAsync("agents/ben/presence", new { statusId = "away" }, null, ana), 403, "forbidden");
        Expect.Problem(await _client.GetAsync("agents/ben/timeline", null, ana), 403, "forbidden");
        Expect.Problem(await _client.PutAsync("agents/ana", new { units = 1000 }, null, ana), 403, "forbidden");
    }

    [Fact]
    public async Task A_custom_role_works_once_it_is_mapped()
    {
        var lead = JwtService.Bearer("lea", ["Contact Centre Lead"]);
        Assert.Equal(200, (await _client.PutAsync("agents/ben/presence", new { statusId = "away" }, null, lead)).Status);
        Expect.Problem(await _client.PutAsync("agents/ben", new { units = 1 }, null, lead), 403, "forbidden");
    }

    [Fact]
    public async Task Of_several_roles_the_one_that_may_most_counts()
    {
        var both = JwtService.Bearer("ana", ["auditor", "agent", "administrator"]);
        Assert.Equal(200, (await _client.PutAsync("agents/ben", new { units = 90 }, null, both)).Status);
    }

    [Theory]
    [InlineData("GET", "agents")]
    [InlineData("GET", "agents/ana/presence")]
    [InlineData("GET", "agents/ben/diagnostics")]
    [InlineData("PUT", "agents/diagnostics")]
    [InlineData("PUT", "statuses/diagnostics")]
    [InlineData("PUT", "agents/ana/conversations/diagnostics")]
    public async Task A_role_that_is_not_mapped_is_forbidden(string method, string path)
    {
        var body = method == "PUT" ? """{"text":"x","base":"away"}""" : null;
        if (path.StartsWith("agents", StringComparison.Ordinal))
            body = method == "PUT" ? "{}" : null;
        var answer = await _client.SendAsync(method, path, body, null, JwtService.Bearer("ana", ["Receptionist"]));
        Expect.Problem(answer, 403, "forbidden");
    }

    [Theory]
    [InlineData("Receptionist")]
    [InlineData(null)]
    public async Task Who_has_no_persona_may_ask_why(string? role)
    {
        var answer = await _client.GetAsync("agents/ana/diagnostics", null, JwtService.Bearer("ana", role is null ? [] : [role]));
        Assert.Equal(200, answer.Status);
        Assert.False(answer.Json.GetProperty("healthy").GetBoolean());
        var checks = answer.Json.GetProperty("checks").EnumerateArray().ToDictionary(c => c.GetProperty("check").GetString()!);
        Assert.Equal("pass", checks["authenticated"].GetProperty("result").GetString());
        Assert.Equal("fail", checks["persona-mapped"].GetProperty("result").GetString());
        Assert.Contains("Access:Roles", checks["persona-mapped"].GetProperty("whatToDo").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_closes_may_send_its_token_in_the_address_and_nobody_else_may()
    {
        var token = JwtService.Token("ben", ["agent"]);
        var answer = await _client.PostAsync($"agents/ben/connections/main/closing?access_token={token}");
        Assert.Equal(204, answer.Status);
        var root = JwtService.Token("root", ["administrator"]);
        Expect.Problem(await _client.PutAsync($"agents/closing?access_token={root}", new { }), 401, "unauthorized");
        Expect.Problem(await _client.GetAsync($"agents?access_token={root}"), 401, "unauthorized");
    }

    [Fact]
    public async Task Who_follows_a_stream_may_send_the_token_in_the_address()
    {
        Expect.Problem(await _client.GetAsync("stream"), 401, "unauthorized");
        Expect.Problem(await _client.GetAsync("stream?access_token=nonsense"), 401, "unauthorized");
        var token = JwtService.Token("audrey", ["auditor"]);
        using var stream = await EventStreamClient.OpenAsync(service.Url, "agents=ana&access_token=" + token);
        Assert.Single(await stream.SnapshotAsync());
    }

    [Fact]
    public async Task A_hub_connection_is_let_in_as_the_subject_of_its_token()
    {
        foreach (var query in new[] { "", "?access_token=nonsense" })
        {
            var refused = await Assert.ThrowsAnyAsync<Exception>(() => HubClient.ConnectAsync(service.Url, query));
            Assert.Contains("401", refused.ToString(), StringComparison.Ordinal);
        }
        await using var client = await HubClient.ConnectAsync(service.Url, "?access_token=" + JwtService.Token("ana", ["agent"]));
        Assert.Equal("forbidden", (await client.SignInAsync(new { agentId = "ben" })).Code);
        Assert.Equal("ana", (await client.SignInAsync(new { connectionId = "main" })).Presence.GetProperty("agentId").GetString());
    }

    [Theory]
    [InlineData(HttpTransportType.WebSockets)]
    [InlineData(HttpTransportType.ServerSentEvents)]
    [InlineData(HttpTransportType.LongPolling)]
    public async Task The_hub_is_reached_over_whatever_gets_through(HttpTransportType transport)
    {
        await using var connection = new HubConnectionBuilder()
            .WithUrl(
                new Uri(service.Url, "/hubs/presence"),
                o =>
                {
                    o.Transports = transport;
                    o.AccessTokenProvider = () => Task.FromResult<string?>(JwtService.Token("ben", ["agent"]));
                }
            )
            .Build();
        var pushed = Channel.CreateUnbounded<long>();
        connection.On<JsonElement>("PresenceChanged", change => pushed.Writer.TryWrite(change.GetProperty("version").GetInt64()));
        await connection.StartAsync();
        var answer = await connection.InvokeAsync<JsonElement>("SignIn", new { connectionId = transport.ToString() });
        // Others of the same agent may still be on their way out.
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (await pushed.Reader.ReadAsync(limit.Token) != answer.GetProperty("presence").GetProperty("version").GetInt64()) { }
    }

    [Fact]
    public async Task Probes_metrics_and_the_description_need_no_token()
    {
        foreach (var path in new[] { "/health/live", "/health/ready", "/metrics", "/openapi/v1.json", "/docs/" })
            Assert.Equal(200, (await _client.GetAsync(path)).Status);
    }
}
