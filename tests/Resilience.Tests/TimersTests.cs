using Npgsql;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Testing;

namespace PresenceLedger.Resilience.Tests;

/// <summary>What the ledger does by itself does not depend on what is read.</summary>
public sealed class TimersTests
{
    [Fact]
    public async Task Connections_are_lost_and_wrap_ups_end_while_the_read_models_stand_still_at_an_event()
    {
        await using var database = await TestPostgres.CreateDatabaseAsync();
        await using var service = await ServiceProcess.StartAsync(database.Arguments);
        using var client = new ServiceClient(service.Url);
        await using var source = NpgsqlDataSource.Create(database.SuperuserConnectionString);
        await using (
            var bad = source.CreateCommand(
                """
                insert into ledger.event (position, stream, version, event_id, type, data, metadata, occurred_at, recorded_at, hash)
                    select coalesce(max(position), 0) + 1, 'agent-bad', 0, gen_random_uuid(), 'no-such.v1', '{}', '{}', now(), now(), ''
                    from ledger.event
                """
            )
        )
            await bad.ExecuteNonQueryAsync();
        await HeartbeatingAgents.UntilAsync(
            () => client.GetAsync("/health/ready"),
            health => health.Status == 503 && health.Text.Contains("no-such.v1", StringComparison.Ordinal)
        );

        await HeartbeatingAgents.SignInAsync(client, "silent", "talks");
        Assert.Equal(204, (await client.DeleteAsync("agents/silent/connections/main", "agent:silent")).Status);
        var talk = new
        {
            channel = "chat",
            units = 30,
            autoAccept = true,
            // The shortest that there is.
            wrapUp = new { policy = "custom", seconds = 30 },
        };
        await using (new Beats(_ => service.Url, ["talks"], TimeSpan.FromSeconds(1)))
        {
            await HeartbeatingAgents.DoneAsync(client.PutAsync("agents/talks/conversations/c1", talk, "service:router"));
            await HeartbeatingAgents.DoneAsync(client.PostAsync("agents/talks/conversations/c1/wrap-up", null, "agent:talks"));

            var lost = (ConnectionLost)await FirstAsync(source, "agent-silent", "connection-lost.v1");
            Assert.Equal(lost.Deadline, lost.OccurredAt);
            var ended = (WrapUpBlockEnded)await FirstAsync(source, "agent-talks", "wrap-up-block-ended.v1");
            var started = await FirstAsync(source, "agent-talks", "wrap-up-started.v1");
            Assert.Equal(started.OccurredAt.AddSeconds(30), ended.OccurredAt);
        }
        Assert.Equal(503, (await client.GetAsync("/health/ready")).Status);
    }

    /// <summary>Waits for an event of a stream.</summary>
    private static async Task<AgentEvent> FirstAsync(NpgsqlDataSource source, string stream, string type)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (true)
        {
            if ((await Audit.ReadAsync(source)).FirstOrDefault(e => e.Stream == stream && e.Type == type) is { } found)
                return (AgentEvent)WireNames.Read(found);
            await Task.Delay(50, patience.Token);
        }
    }
}
