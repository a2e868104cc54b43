using System.Collections.Concurrent;
using System.Net.Mime;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Playwright;
using Npgsql;
using PresenceLedger.Testing;
using static Microsoft.Playwright.Assertions;

namespace PresenceLedger.Browser.Tests;

/// <summary>A browser, agents' desktops of another origin than the service, and the service with a policy of seconds.</summary>
public sealed class Desktops : IAsyncLifetime
{
    /// <summary>A page that may have no worker from a Blob.</summary>
    public const string Strict = "/strict";

    private const string Administrator = "administrator:root";

    private readonly ConcurrentDictionary<string, bool> _hanging = new(StringComparer.Ordinal);
    private readonly WebApplication _pages;
    private TestDatabase _database = null!;
    private ServiceProcess _service = null!;
    private int _ids;

    public Desktops() => _pages = Pages(_hanging.ContainsKey);

    /// <summary>How long a connection lives without a heartbeat.</summary>
    public static TimeSpan Timeout { get; } = TimeSpan.FromSeconds(4);

    /// <summary>How long one that said it closes has to come back.</summary>
    public static TimeSpan Grace { get; } = TimeSpan.FromSeconds(2);

    public Chromium Chromium { get; private set; } = null!;

    public ServiceClient Client { get; private set; } = null!;

    public NpgsqlDataSource Database { get; private set; } = null!;

    /// <summary>Where the pages are.</summary>
    public string Origin => _pages.Urls.First();

    public async Task InitializeAsync()
    {
        SetDefaultExpectTimeout(20_000);
        await _pages.StartAsync();
        var chromium = Chromium.StartAsync();
        _database = await TestPostgres.CreateDatabaseAsync();
        _service = await ServiceProcess.StartAsync(_database.Arguments);
        Database = NpgsqlDataSource.Create(_database.SuperuserConnectionString);
        Client = new ServiceClient(_service.Url);
        await DoneAsync(
            "PUT",
            "policy",
            new
            {
                heartbeatSeconds = 1,
                heartbeatTimeout = Timeout.TotalSeconds,
                refreshGrace = Grace.TotalSeconds,
                restoreWindow = 120,
            },
            Administrator
        );
        Chromium = await chromium;
    }

    public async Task DisposeAsync()
    {
        await Chromium.DisposeAsync();
        Client.Dispose();
        await Database.DisposeAsync();
        await _service.DisposeAsync();
        await _database.DisposeAsync();
        await _pages.DisposeAsync();
    }

    /// <summary>An agent that no other test knows.</summary>
    public async Task<string> AgentAsync()
    {
        var id = $"ana-{Interlocked.Increment(ref _ids)}";
        await DoneAsync("PUT", "agents/" + id, new { units = 100 }, Administrator);
        return id;
    }

    /// <summary>A new tab with the agent's desktop, signed in.</summary>
    public async Task<Desktop> OpenAsync(IBrowserContext context, string agentId, string path = "/")
    {
        var page = await context.NewPageAsync();
        await page.GotoAsync(Address(agentId, path));
        var desktop = new Desktop(this, page, agentId);
        await desktop.IsOnlineAsync();
        return desktop;
    }

    /// <summary>Address of an agent's desktop.</summary>
    public string Address(string agentId, string path = "/", Uri? service = null) =>
        $"{Origin}{path}?agent={agentId}&service={(service ?? _service.Url).GetLeftPart(UriPartial.Authority)}";

    /// <summary>Somebody else sets an agent's presence.</summary>
    public Task SetPresenceAsync(string agentId, string statusId) =>
        DoneAsync("PUT", $"agents/{agentId}/presence", new { statusId }, "supervisor:sue");

    /// <summary>Sends what has to succeed.</summary>
    public async Task DoneAsync(string method, string path, object? body, string actor)
    {
        var answer = await Client.SendAsync(method, path, body, actor);
        Assert.True(answer.Status is 200 or 204, $"{method} {path}: {answer}");
    }

    /// <summary>What the ledger has of an agent, each as type, rule, and the status or cause it leads to.</summary>
    public async Task<IReadOnlyList<string>> StoryAsync(string agentId)
    {
        var answer = await Client.GetAsync($"agents/{agentId}/timeline?limit=1000", "auditor:al");
        Assert.True(answer.Status == 200, answer.ToString());
        return
        [
            .. answer
                .Json.GetProperty("items")
                .EnumerateArray()
                .Select(e =>
                {
                    var status = e.TryGetProperty("to", out var to) ? to.GetProperty("statusId").GetString() : null;
                    var cause = e.GetProperty("data").TryGetProperty("cause", out var c) ? c.GetString() : null;
                    return string.Join(
                        ' ',
                        new[] { e.GetProperty("type").GetString(), e.GetProperty("rule").GetString(), status ?? cause }.OfType<string>()
                    );
                }),
        ];
    }

    /// <summary>Waits until the ledger has this of an agent; gives all that it has.</summary>
    public async Task<IReadOnlyList<string>> UntilAsync(string agentId, string happened)
    {
        IReadOnlyList<string> story = [];
        await Eventually.IsAsync(
            async () => (story = await StoryAsync(agentId)).Contains(happened),
            () => $"'{happened}' did not happen, but:\n{string.Join('\n', story)}"
        );
        return story;
    }

    /// <summary>When a connection was last seen, by the table of leases; null where it has none.</summary>
    public async Task<DateTimeOffset?> LastSeenAsync(string agentId, string connectionId)
    {
        await using var command = Database.CreateCommand(
            "select last_seen_at from ledger.lease where agent_id = $1 and connection_id = $2"
        );
        command.Parameters.Add(new NpgsqlParameter { Value = agentId });
        command.Parameters.Add(new NpgsqlParameter { Value = connectionId });
        return await command.ExecuteScalarAsync() is DateTime at ? new DateTimeOffset(at) : null;
    }

    /// <summary>The agent's page that begins to hang does so until it is to go on.</summary>
    public void HoldUp(string agentId) => _hanging[agentId] = true;

    /// <summary>The agent's page that hangs goes on.</summary>
    public void LetGo(string agentId) => _hanging.TryRemove(agentId, out _);

    /// <summary>Kills the service.</summary>
    public Task KillServiceAsync() => _service.StopAsync("KILL");

    /// <summary>Starts it again, where it was.</summary>
    public async Task StartServiceAsync()
    {
        var killed = _service;
        _service = await ServiceProcess.StartAtAsync(killed.Url, _database.Arguments);
        await killed.DisposeAsync();
    }

    private static WebApplication Pages(Func<string, bool> hangs)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        using var resource = new StreamReader(typeof(Desktops).Assembly.GetManifestResourceStream("desktop.html")!);
        var html = resource.ReadToEnd();
        app.MapGet("/", () => Results.Text(html, MediaTypeNames.Text.Html));
        app.MapGet(
            "/hangs",
            async (string agent) =>
            {
                // A page that hangs need not load the machine.
                await Task.Delay(100);
                return Results.Text(hangs(agent) ? "true" : "false");
            }
        );
        app.MapGet("/elsewhere", () => Results.Text("<!doctype html><title>Elsewhere</title>", MediaTypeNames.Text.Html));
        app.MapGet(
            Strict,
            (HttpContext http) =>
            {
                http.Response.Headers.ContentSecurityPolicy = "worker-src 'self'";
                return Results.Text(html, MediaTypeNames.Text.Html);
            }
        );
        return app;
    }
}

/// <summary>Tests that share the browser and the service.</summary>
[CollectionDefinition(Name)]
public sealed class DesktopsCollection : ICollectionFixture<Desktops>
{
    public const string Name = "desktops";
}
