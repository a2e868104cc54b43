using Npgsql;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Testing;

namespace PresenceLedger.Ledger.Tests.Agents;

public sealed class PostgresAgentStreamsTests : AgentStreamsTests
{
    protected override Task<TestDatabase> OpenAsync() => Node.CreateDatabaseAsync();

    protected override async Task AssertTogetherAsync(Guid one, Guid other)
    {
        await using var command = _node.Database.CreateCommand(
            "select count(distinct xmin::text) from ledger.event where event_id in ($1, $2)"
        );
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = one });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = other });
        Assert.Equal(1L, await command.ExecuteScalarAsync());
    }

    [Fact]
    public async Task A_hot_command_costs_one_statement()
    {
        await _node.AcceptAsync("ana", new SetPresence("away"));
        using var statements = new Statements(_database);

        await _node.AcceptAsync("ana", new SetPresence("busy"));
        await _node.AcceptAsync("ana", new AssignConversation("c1", Chat), with: e => e with { ConnectionId = "main" });

        Assert.Equal(2, statements.Sent.Count);
        Assert.All(statements.Sent, s => Assert.Contains("ledger.append", s, StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_changes_nothing_writes_nothing()
    {
        await _node.AcceptAsync("ana", new SetPresence("away"));
        using var statements = new Statements(_database);

        var accepted = await _node.AcceptAsync("ana", new SetPresence("away"));

        Assert.Empty(accepted.Events);
        Assert.NotEmpty(statements.Sent);
        Assert.DoesNotContain(statements.Sent, s => s.Contains("ledger.append", StringComparison.Ordinal));
    }
}
