using Npgsql;
using PresenceLedger.Embedded;
using PresenceLedger.Testing;

namespace PresenceLedger.Client.Tests;

/// <summary>Nodes that are killed, and a database that is away.</summary>
public sealed class FailoverTests(TwoNodes service) : IClassFixture<TwoNodes>, IDisposable
{
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromSeconds(60));

    public void Dispose() => _patience.Dispose();

    [Fact]
    public async Task When_a_node_is_killed_the_client_goes_on_at_the_next_and_nothing_is_lost_or_told_twice()
    {
        const int commands = 60;
        await service.PolicyAsync(new { heartbeatTimeout = 5 });
        var id = await service.AgentAsync();
        await using var ana = await service.Client("agent:" + id).ConnectAsync(id);
        var first = ana.Presence.Version + 1;
        var after = (await service.TimelineAsync(id))[^1].GetProperty("position").GetString();
        var told = service
            .Client(Service.Routing)
            .FollowAsync(new FollowOptions { Agents = [id], After = after })
            .Take(commands)
            .ToListAsync(_patience.Token)
            .AsTask();
        var seen = ana.PresencesAsync().Select(p => p.Version).Take(1 + commands).ToListAsync(_patience.Token).AsTask();

        var supervisor = service.Client(Service.Supervisor).Agent(id);
        Task<int>? killed = null;
        for (var n = 0; n < commands; n++)
        {
            if (n == commands / 3)
                killed = service.Nodes[0].StopAsync("KILL");
            var commander = n % 3 == 0 ? (AgentCommands)ana : supervisor;
            await commander.SetPresenceAsync(n % 2 == 0 ? "away" : "busy");
        }
        await killed!;

        var changes = (await told).Cast<Change>().ToArray();
        var versions = Enumerable.Range((int)first, commands).Select(v => (long)v).ToArray();
        Assert.Equal(versions, changes.Select(c => c.Presence.Version));
        var ledger = (await service.TimelineAsync(id))[(int)first..];
        Assert.Equal(
            ledger.Select(e => (e.GetProperty("position").GetString()!, e.GetProperty("to").GetProperty("statusId").GetString()!)),
            changes.Select(c => (c.Position, c.Presence.StatusId))
        );
        Assert.Equal([first - 1, .. versions], await seen);
        await ana.StatesAsync().FirstAsync(s => s is ConnectionState.Connected, _patience.Token);
        Assert.DoesNotContain("connection-lost", await service.EventsAsync(id));
    }

    [Fact]
    public async Task While_the_database_is_away_heartbeats_are_answered_and_commands_wait_for_it()
    {
        await service.PolicyAsync(new { heartbeatTimeout = 5 });
        var id = await service.AgentAsync();
        await using var ana = await service.Client("agent:" + id).ConnectAsync(id);
        var insistent = service.Client("agent:" + id).Agent(id);
        var hasty = service.Client("agent:" + id, retryFor: TimeSpan.FromSeconds(1)).Agent(id);
        Task<CommandResult> waiting;
        await AllowAsync(service.Database, connections: false);
        try
        {
            var e = await Assert.ThrowsAsync<LedgerUnavailableException>(() => hasty.SetPresenceAsync("away"));
            Assert.NotNull(e.IdempotencyKey);
            Assert.True(await hasty.HeartbeatAsync(ana.ConnectionId));
            waiting = insistent.SetPresenceAsync("busy");
        }
        finally
        {
            await AllowAsync(service.Database, connections: true);
        }
        Assert.Equal("busy", (await waiting.WaitAsync(_patience.Token)).Presence.StatusId);
        await ana.PresencesAsync().FirstAsync(p => p.StatusId == "busy", _patience.Token);
        Assert.Single(await service.TimelineAsync(id), e => e.GetProperty("type").GetString() is "presence-changed" && IsBusy(e));
        Assert.Equal(ConnectionState.Connected, ana.State);
        Assert.DoesNotContain("connection-lost", await service.EventsAsync(id));

        static bool IsBusy(System.Text.Json.JsonElement e) => e.GetProperty("to").GetProperty("statusId").GetString() is "busy";
    }

    /// <summary>Whether anybody may connect to a database; who is connected is thrown out where not.</summary>
    private static async Task AllowAsync(TestDatabase database, bool connections)
    {
        var server = await TestPostgres.ServerAsync();
        await using var connection = new NpgsqlConnection(server.ConnectionString(EmbeddedPostgres.Superuser, "postgres"));
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = $"alter database {database.Name} allow_connections {(connections ? "true" : "false")}";
        await command.ExecuteNonQueryAsync();
        if (connections)
            return;
        command.CommandText = $"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{database.Name}'";
        await command.ExecuteNonQueryAsync();
    }
}
