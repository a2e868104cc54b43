using PresenceLedger.Domain;
using PresenceLedger.Ledger.Clock;
using PresenceLedger.Testing;

namespace PresenceLedger.Ledger.Tests.Clock;

/// <summary>What was written while the database's clock was ahead.</summary>
public sealed class MendTests
{
    [Fact]
    public async Task The_ledgers_time_decides_what_is_of_a_time_to_come_and_not_what_the_connection_sees()
    {
        await using var database = await Node.CreateDatabaseAsync();
        await using var node = await Node.StartAsync(database);
        // By the ledger's clock, which was set back, all of it is of tomorrow; the connection that mends does not see it yet.
        var ahead = DateTimeOffset.UtcNow.ToMillisecond();
        var now = ahead.AddDays(-1);
        await ExecuteAsync(
            """
            insert into ledger.lease (agent_id, connection_id, last_seen_at, claimed_until) values ('ana', 'main', $1, $1);
            insert into ledger.due (agent_id, due_at, claimed_until) values ('ana', $1, $1);
            insert into ledger.outage (from_at, until_at, cause) values ($1, $1, 'x');
            insert into ledger.node (node_id, lock_key, heard_until, seen_at) values (gen_random_uuid(), 1, $1, $1)
            """
        );

        await ClockKeeper.MendAsync(node.Database, now, default);

        foreach (var column in new[] { "last_seen_at from ledger.lease", "until_at from ledger.outage", "heard_until from ledger.node" })
            Assert.Equal(now.UtcDateTime, await ScalarAsync("select " + column));
        foreach (var table in new[] { "lease", "due" })
            Assert.Equal(true, await ScalarAsync($"select claimed_until = '-infinity' from ledger.{table}"));

        async Task ExecuteAsync(string statements)
        {
            foreach (var statement in statements.Split(';'))
            {
                await using var command = node.Database.CreateCommand(statement);
                command.Parameters.Add(new() { Value = ahead });
                await command.ExecuteNonQueryAsync();
            }
        }

        async Task<object?> ScalarAsync(string query)
        {
            await using var command = node.Database.CreateCommand(query);
            return await command.ExecuteScalarAsync();
        }
    }
}
