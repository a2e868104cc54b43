using System.Text.Json;
using PresenceLedger.Testing;

namespace PresenceLedger.Client.Tests;

/// <summary>The service in mode Open on a database of its own.</summary>
/// <param name="nodes">How many nodes share the database.</param>
public abstract class Service(int nodes) : IAsyncLifetime
{
    public const string Administrator = "administrator:root";
    public const string Supervisor = "supervisor:sue";
    public const string Routing = "service:routing";

    private readonly List<ServiceProcess> _nodes = [];
    private readonly List<PresenceLedgerClient> _clients = [];
    private TestDatabase _database = null!;

    private int _ids;

    public IReadOnlyList<ServiceProcess> Nodes => _nodes;

    public TestDatabase Database => _database;

    public async Task InitializeAsync()
    {
        _database = await TestPostgres.CreateDatabaseAsync();
        // The first one makes the schema.
        for (var n = 0; n < nodes; n++)
            _nodes.Add(await ServiceProcess.StartAsync(_database.Arguments));
        await PolicyAsync(new { heartbeatSeconds = 0.3 });
    }

    public async Task DisposeAsync()
    {
        foreach (var client in _clients)
            client.Dispose();
        foreach (var node in _nodes)
            await node.DisposeAsync();
        await _database.DisposeAsync();
    }

    /// <summary>A client of all nodes; it lives as long as the service.</summary>
    public PresenceLedgerClient Client(string actor, HttpMessageHandler? handler = null, TimeSpan? retryFor = null)
    {
        var client = new PresenceLedgerClient(
            new PresenceLedgerOptions
            {
                Urls = [.. _nodes.Select(n => n.Url)],
                Actor = actor,
                HttpMessageHandler = handler,
                RetryFor = retryFor ?? TimeSpan.FromSeconds(30),
            }
        );
        lock (_clients)
            _clients.Add(client);
        return client;
    }

    /// <summary>Changes the policy.</summary>
    public async Task PolicyAsync(object policy) => await DoneAsync("PUT", "policy", policy);

    /// <summary>A registered agent that no other test knows.</summary>
    public async Task<string> AgentAsync(object? settings = null)
    {
        var id = $"ana-{Interlocked.Increment(ref _ids)}";
        await RegisterAsync(id, settings);
        return id;
    }

    /// <summary>Registers an agent; queries and snapshots have it from here on.</summary>
    public async Task RegisterAsync(string agentId, object? settings = null)
    {
        await DoneAsync("PUT", "agents/" + agentId, settings ?? new { units = 100 });
        await DoneAsync("GET", $"agents/{agentId}/presence?minVersion=0", null);
    }

    /// <summary>What the ledger has of an agent.</summary>
    public async Task<JsonElement[]> TimelineAsync(string agentId)
    {
        var page = await DoneAsync("GET", $"agents/{agentId}/timeline?limit=500", null);
        return [.. page.GetProperty("items").EnumerateArray()];
    }

    /// <summary>The events of an agent, by type.</summary>
    public async Task<string[]> EventsAsync(string agentId) =>
        [.. (await TimelineAsync(agentId)).Select(e => e.GetProperty("type").GetString()!)];

    /// <summary>Sends what has to succeed, to the last node.</summary>
    private async Task<JsonElement> DoneAsync(string method, string path, object? body)
    {
        using var http = new ServiceClient(_nodes[^1].Url);
        var answer = await http.SendAsync(method, path, body, Administrator);
        Assert.True(answer.Status == 200, $"{method} {path}: {answer}");
        return answer.Json;
    }
}

/// <summary>One service for all tests that only talk to it.</summary>
public sealed class OneNode() : Service(1);

/// <summary>Two nodes on one database.</summary>
public sealed class TwoNodes() : Service(2);

/// <summary>Tests that share the one service.</summary>
[CollectionDefinition(Name)]
public sealed class ServiceCollection : ICollectionFixture<OneNode>
{
    public const string Name = "one service";
}
