using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Projections.Divergences;
using PresenceLedger.Projections.Presence;
using PresenceLedger.Testing;

namespace PresenceLedger.Projections.Tests.Divergences;

/// <summary>Facts that have ended, in every table, compared with a replay of the ledger.</summary>
public sealed class ClosedFactsCheckTests : ReadSideTests
{
    private static readonly string[] Tables =
    [
        "status_interval",
        "login_interval",
        "session",
        "session_wait",
        "participation",
        "capacity_interval",
        "queue_interval",
        "correction",
    ];

    private static readonly string Schema = PresenceModel.Schema;

    private ReplayCheck Check => new(_node.Log, _node.Database, _node.Texts);

    protected override Task<TestDatabase> OpenAsync() => Node.CreateDatabaseAsync();

    [Fact]
    public async Task Every_column_of_every_table_is_compared()
    {
        await LiveAsync();
        Assert.Empty((await Check.WholeAsync("ana", null, default)).Divergences);
        var compared = 0;

        foreach (var table in Tables)
        foreach (var (column, type) in await ColumnsAsync(table))
        {
            await KeepAsync(table);
            var other = type switch
            {
                "timestamp with time zone" => $"coalesce({column}, now()) + interval '1 millisecond'",
                "bigint" or "integer" => $"coalesce({column}, 0) + 1",
                "boolean" => $"not {column}",
                "ARRAY" => $"array_append({column}, 'x')",
                "json" => "'[{\"profileId\":\"x\",\"used\":1,\"limit\":1}]'",
                _ => $"coalesce({column}, '') || 'x'",
            };
            await ExecuteAsync($"update {Schema}.{table} set {column} = {other} where ctid = ({OneOf(table)})");

            var found = (await Check.WholeAsync("ana", null, default)).Divergences;

            Assert.True(found.Count > 0, $"{table}.{column} was changed, and nothing was found");
            Assert.All(found, d => Assert.Equal(("facts", "ana"), (d.Model, d.AgentId)));
            Assert.All(found, d => Assert.StartsWith(table + "[", d.Member, StringComparison.Ordinal));
            if (found.Count == 1)
                Assert.EndsWith("]." + column, found[0].Member, StringComparison.Ordinal);
            Assert.Equal("presence-ledger rebuild", found[0].WhatToDo);
            await PutBackAsync(table);
            compared++;
        }

        Assert.True(compared > 60, $"{compared} columns only");
        Assert.Empty((await Check.WholeAsync("ana", null, default)).Divergences);
    }

    [Fact]
    public async Task A_row_that_is_gone_one_too_many_and_one_of_somebody_else_are_found_in_every_table()
    {
        await LiveAsync();
        foreach (var table in Tables)
        {
            await KeepAsync(table);

            await ExecuteAsync($"delete from {Schema}.{table} where ctid = ({OneOf(table)})");
            var gone = Assert.Single((await Check.WholeAsync("ana", null, default)).Divergences);
            Assert.StartsWith(table + "[", gone.Member, StringComparison.Ordinal);
            Assert.Null(gone.Kept);
            Assert.Contains("\"agent_id\":\"ana\"", gone.Replayed, StringComparison.Ordinal);
            await PutBackAsync(table);

            await ExecuteAsync($"insert into {Schema}.{table} select * from {Schema}.{table} where ctid = ({OneOf(table)})");
            var twice = Assert.Single((await Check.WholeAsync("ana", null, default)).Divergences);
            Assert.StartsWith(table + "[", twice.Member, StringComparison.Ordinal);
            Assert.Null(twice.Replayed);
            await PutBackAsync(table);

            await ExecuteAsync($"update {Schema}.{table} set agent_id = 'ghost' where ctid = ({OneOf(table)})");
            Assert.Single((await Check.WholeAsync("ana", null, default)).Divergences);
            Assert.Contains("ghost", await new LedgerAgents(_node.Log, _node.Database).AllAsync(default));
            Assert.Null(Assert.Single((await Check.WholeAsync("ghost", null, default)).Divergences).Replayed);
            await PutBackAsync(table);
        }
        Assert.DoesNotContain("ghost", await new LedgerAgents(_node.Log, _node.Database).AllAsync(default));
        Assert.Empty((await Check.WholeAsync("ana", null, default)).Divergences);
    }

    [Fact]
    public async Task What_goes_on_is_compared_as_a_whole()
    {
        await LiveAsync();
        foreach (
            var (change, member) in new[]
            {
                ("state = jsonb_set(state::jsonb, '{status,start,at}', '\"2001-01-01T00:00:00.000Z\"')::json", "state.status.start.at"),
                ("state = jsonb_set(state::jsonb, '{login,start,version}', '7777')::json", "state.login.start.version"),
                ("state = jsonb_set(state::jsonb, '{capacity,unitsUsed}', '7777')::json", "state.capacity.unitsUsed"),
                ("state = jsonb_set(state::jsonb, '{setBy,rule}', '\"X\"')::json", "state.setBy.rule"),
                ("open_sessions = 7", "open_sessions"),
                ("registered_at = registered_at - interval '1 day'", "registered_at"),
            }
        )
        {
            await KeepAsync("agent");
            await ExecuteAsync($"update {Schema}.agent set {change} where agent_id = 'ana'");
            Assert.Equal(member, Assert.Single((await Check.WholeAsync("ana", null, default)).Divergences).Member);
            await PutBackAsync("agent");
        }
    }

    [Fact]
    public async Task Where_the_facts_stand_still_and_events_come_nothing_differs()
    {
        var facts = await LiveAsync();
        await facts.StopAsync();
        for (var n = 0; n < 30; n++)
            await _node.AcceptAsync("ana", new SetPresence(n % 2 == 0 ? "away" : "busy"));

        Assert.Empty((await Check.WholeAsync("ana", null, default)).Divergences);

        await ExecuteAsync($"delete from {Schema}.session where ctid = ({OneOf("session")})");
        Assert.StartsWith(
            "session[",
            Assert.Single((await Check.WholeAsync("ana", null, default)).Divergences).Member,
            StringComparison.Ordinal
        );
    }

    /// <summary>A life of Ana with something in every table, projected.</summary>
    private async Task<Reading> LiveAsync()
    {
        var reading = await StartAsync(_node);
        await _node.ConfigureAsync(new AmendPolicy(p => p with { HeartbeatTimeout = TimeSpan.FromDays(30) }));
        await _node.ConfigureAsync(new SetCapacityProfile(new CapacityProfile("calls", "Calls", 2, true, ProfileReset.Immediate)));
        foreach (var id in new[] { "ana", "ben" })
            for (var round = 0; round < 3; round++)
            {
                await DoAsync(
                    id,
                    new ConfigureAgent(s =>
                        s with
                        {
                            Units = 100 + round,
                            Profiles = s.Profiles.SetItem("calls", null),
                            Queues = [$"q{round}"],
                        }
                    )
                );
                // What changes meanwhile counts from the next event on.
                await _node.ConfigureAsync(
                    new SetCapacityProfile(new CapacityProfile("calls", "Calls", 3 + round, true, ProfileReset.Immediate))
                );
                await DoAsync(id, new SignIn("main", "web"));
                await DoAsync(id, new SetPresence("away"));
                await DoAsync(id, new SetPresence("available"));
                await DoAsync(
                    id,
                    new AssignConversation($"c{round}", new Work("chat", "q", "ws", 40, ["calls"], WrapUp.Default, _clock.GetUtcNow()))
                );
                await DoAsync(id, new MoveConversation($"c{round}", ConversationVerb.Accept));
                for (var wait = 0; wait < 2; wait++)
                {
                    await DoAsync(id, new MoveConversation($"c{round}", ConversationVerb.Wait));
                    await DoAsync(id, new MoveConversation($"c{round}", ConversationVerb.Resume));
                }
                await DoAsync(id, new JoinConsult($"x{round}", ConsultMode.Consult));
                await DoAsync(id, new LeaveConsult($"x{round}"));
                await DoAsync(id, new MoveConversation($"c{round}", ConversationVerb.WrapUp));
                await DoAsync(id, new MoveConversation($"c{round}", ConversationVerb.Close));
                await DoAsync(id, new CorrectPresence(_clock.GetUtcNow().AddMinutes(-3), _clock.GetUtcNow().AddMinutes(-2), "offline"));
                if (round < 2)
                    await DoAsync(id, new SignOut());
            }
        await CaughtUpAsync(reading);
        foreach (var table in Tables)
            Assert.True((long)(await ScalarAsync($"select count(*) from {Schema}.{table} where agent_id = 'ana'"))! > 1, table);
        return reading;
    }

    private async Task DoAsync(string id, AgentCommand command)
    {
        _clock.Advance(TimeSpan.FromSeconds(30));
        await _node.AcceptAsync(id, command);
    }

    private static string OneOf(string table) =>
        $"select ctid from {Schema}.{table} where agent_id = 'ana' order by {Order(table)} limit 1";

    private static string Order(string table) => table is "correction" ? "version" : "ended_version";

    private async Task<IReadOnlyList<(string Name, string Type)>> ColumnsAsync(string table) => [.. (
                (string)
                    (
                        await ScalarAsync(
                            $"""
                            select string_agg(column_name || '=' || data_type, ',' order by ordinal_position) from information_schema.columns
                            where table_schema = '{Schema}' and table_name = '{table}' and column_name <> 'agent_id'
                            """
                        )
                    )!
            ).Split(',').Select(column => column.Split('=')).Select(column => (column[0], column[1]))];

    private Task KeepAsync(string table) =>
        ExecuteAsync($"drop table if exists public.kept; create table public.kept as select * from {Schema}.{table}");

    private Task PutBackAsync(string table) =>
        ExecuteAsync($"delete from {Schema}.{table}; insert into {Schema}.{table} select * from public.kept");
}
