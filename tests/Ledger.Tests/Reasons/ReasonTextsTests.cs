using System.Security.Cryptography;
using System.Text;
using Npgsql;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.Postgres;
using PresenceLedger.Ledger.Reasons;
using PresenceLedger.Ledger.Verification;
using PresenceLedger.Testing;
using PresenceLedger.Testing.EventStoreDb;

namespace PresenceLedger.Ledger.Tests.Reasons;

/// <summary>Texts of reasons beside the ledger, on every log: they can be erased, and the chain still holds.</summary>
public abstract class ReasonTextsTests : IAsyncLifetime
{
    private const string Words = "Anas Tochter\n ist krank 😀";
    private static readonly Work Chat = new("chat", null, null, 30, [], WrapUp.Default, null);

    private protected TestDatabase _database = null!;
    private protected Node _node = null!;

    protected abstract Task<TestDatabase> OpenAsync();

    public async Task InitializeAsync()
    {
        _database = await OpenAsync();
        _node = await Node.StartAsync(_database);
        await _node.RegisterAsync("ana");
        await _node.AcceptAsync("ana", new SignIn("main", "web"));
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task An_event_has_the_digest_of_salt_and_text_and_not_the_text()
    {
        await _node.AcceptAsync("ana", new SetPresence("away"), Because(Words));

        var last = (await _node.EventsAsync("ana"))[^1];
        Assert.DoesNotContain("krank", last.Metadata, StringComparison.Ordinal);
        var reason = ReasonOf(last);
        Assert.Equal(("family", null), (reason.Code, reason.Text));
        var (salt, text, stream) = await RowAsync(reason.Digest!);
        Assert.Equal((16, Words, "agent-ana"), (salt.Length, Encoding.UTF8.GetString(text), stream));
        Assert.Equal(reason.Digest, Convert.ToHexStringLower(SHA256.HashData([.. salt, .. text])));
        Assert.Equal(new Reason("family", Words), await _node.Texts.AsGivenAsync(reason, default));
    }

    [Fact]
    public async Task The_same_text_twice_has_two_digests()
    {
        await _node.AcceptAsync("ana", new SetPresence("away"), Because(Words));
        await _node.AcceptAsync("ana", new SetPresence("busy"), Because(Words));

        var events = await _node.EventsAsync("ana");
        Assert.NotEqual(ReasonOf(events[^1]).Digest, ReasonOf(events[^2]).Digest);
    }

    [Fact]
    public async Task Any_text_comes_back_as_it_was()
    {
        const string odd = "a\0b \u00e4 \ud83d\ude00 \"'\\ ";

        await _node.AcceptAsync("ana", new SetPresence("away"), Because(odd));

        var reason = ReasonOf((await _node.EventsAsync("ana"))[^1]);
        Assert.Equal(odd, (await _node.Texts.AsGivenAsync(reason, default))!.Text);
    }

    [Fact]
    public async Task A_reason_without_a_text_is_in_the_event_and_nowhere_else()
    {
        await _node.AcceptAsync("ana", new SetPresence("away"), e => e with { Reason = new Reason("lunch", null) });
        await _node.AcceptAsync("ana", new SetPresence("busy"), e => e with { Reason = new Reason(null, "") });

        var events = await _node.EventsAsync("ana");
        Assert.Equal(new RecordedReason("lunch"), ReasonOf(events[^2]));
        Assert.DoesNotContain("reason", events[^1].Metadata, StringComparison.Ordinal);
        Assert.Equal(0, await CountAsync());
    }

    [Fact]
    public async Task What_records_nothing_leaves_no_text()
    {
        await _node.AcceptAsync("ana", new SetPresence("away"), e => e with { IdempotencyKey = "first" });
        var first = await _node.SendAsync("ana", new SetPresence("busy"), With("k", Words), _ => "answered");
        Assert.IsType<AgentAccepted>(first);
        Assert.Equal(1, await CountAsync());

        await _node.AcceptAsync("ana", new SetPresence("busy"), Because("nothing to do"));
        Assert.IsType<CommandOutcome.Refused>(await _node.SendAsync("ana", new SetPresence("nowhere"), Because("refused")));
        Assert.IsType<CommandOutcome.VersionConflict>(
            await _node.SendAsync("ana", new SetPresence("away"), e => Because("conflict")(e) with { IfMatch = 0 })
        );
        await _node.AcceptAsync("ana", new SetPresence("away"));
        Assert.IsType<CommandOutcome.Repeated>(await _node.SendAsync("ana", new SetPresence("busy"), With("k", Words), _ => "answered"));

        Assert.Equal(1, await CountAsync());
    }

    [Fact]
    public async Task Two_nodes_at_one_agent_keep_a_text_for_each_event_and_no_other()
    {
        await using var other = await Node.StartAsync(_database);

        await Task.WhenAll(
            Enumerable
                .Range(0, 40)
                .Select(n =>
                    Task.Run(() =>
                        (n % 2 == 0 ? _node : other).AcceptAsync("ana", new AssignConversation($"c{n}", Chat), Because($"text {n}"))
                    )
                )
        );

        var reasons = (await _node.EventsAsync("ana")).Where(e => e.Type == "conversation-assigned.v1").Select(ReasonOf).ToArray();
        var texts = await _node.Texts.FindAsync([.. reasons.Select(r => r.Digest!)], default);
        Assert.Equal(
            Enumerable.Range(0, 40).Select(n => $"text {n}").Order(StringComparer.Ordinal),
            texts.Values.Select(t => t.Text).Order(StringComparer.Ordinal)
        );
        Assert.Equal(40, await CountAsync());
    }

    [Fact]
    public async Task A_transfer_keeps_a_text_for_each_agent_and_that_of_one_is_erased_without_the_other()
    {
        await _node.RegisterAsync("ben");
        await _node.AcceptAsync("ana", new AssignConversation("c1", Chat));
        await _node.AcceptAsync("ana", new TransferConversation("c1", "ben", null, null), Because(Words));
        var given = ReasonOf((await _node.EventsAsync("ana")).Single(e => e.Type == "conversation-transferred.v1"));
        var got = ReasonOf((await _node.EventsAsync("ben")).Single(e => e.Type == "conversation-assigned.v1"));

        var erased = await _node.Texts.EraseAsync(["agent-ana"], TimeProvider.System.Now(), default);

        Assert.Equal(1, erased);
        var left = await _node.Texts.FindAsync([given.Digest!, got.Digest!], default);
        Assert.Equal((1, Words), (left.Count, left[got.Digest!].Text));
    }

    [Fact]
    public async Task Erased_texts_are_gone_up_to_the_instant_and_the_chain_still_holds()
    {
        await _node.AcceptAsync("ana", new SetPresence("away"), Because(Words));
        var upTo = TimeProvider.System.Now();
        while (TimeProvider.System.Now() <= upTo)
            await Task.Yield();
        await _node.AcceptAsync("ana", new SetPresence("busy"), Because("later"));

        Assert.Equal(1, await _node.Texts.EraseAsync(["agent-ana", "access-ana"], upTo, default));

        var events = await _node.EventsAsync("ana");
        var hash = HashChain.Genesis;
        foreach (var e in events)
        {
            Assert.True(HashChain.Holds(hash, e));
            hash = e.Hash;
        }
        Assert.Equal(new Reason("family", null), await _node.Texts.AsGivenAsync(ReasonOf(events[^2]), default));
        Assert.Equal(new Reason("family", "later"), await _node.Texts.AsGivenAsync(ReasonOf(events[^1]), default));
        Assert.Equal(0, await _node.Texts.EraseAsync(["agent-ana"], upTo, default));
    }

    [Fact]
    public async Task A_text_that_was_changed_in_the_table_is_not_shown()
    {
        await _node.AcceptAsync("ana", new SetPresence("away"), Because(Words));
        await using var superuser = NpgsqlDataSource.Create(_database.SuperuserConnectionString);
        await using (var change = superuser.CreateCommand("update ledger.reason set text = convert_to('Ana was lazy', 'UTF8')"))
            Assert.Equal(1, await change.ExecuteNonQueryAsync());

        Assert.Null((await _node.Texts.AsGivenAsync(ReasonOf((await _node.EventsAsync("ana"))[^1]), default))!.Text);
    }

    [Fact]
    public async Task What_is_missing_or_changed_is_found_in_the_whole_ledger_and_what_was_erased_is_not()
    {
        await _node.RegisterAsync("ben");
        foreach (var text in new[] { "one", "two", "three" })
        foreach (var id in new[] { "ana", "ben" })
            await _node.AcceptAsync(id, new AssignConversation($"c-{text}", Chat), Because(text));
        var check = () => new ReasonCheck(_node.Log, _database.EventStore is null ? _node.Database : null, _node.Texts).RunAsync(default);
        Assert.Empty(await check());

        await using var superuser = NpgsqlDataSource.Create(_database.SuperuserConnectionString);
        await using (
            var tamper = superuser.CreateCommand(
                """
                delete from ledger.reason where stream = 'agent-ana' and text in (convert_to('one', 'UTF8'), convert_to('three', 'UTF8'));
                update ledger.reason set text = convert_to('more', 'UTF8') where stream = 'agent-ben' and text = convert_to('one', 'UTF8');
                update ledger.reason set stream = 'agent-else' where stream = 'agent-ben' and text = convert_to('two', 'UTF8');
                """
            )
        )
            await tamper.ExecuteNonQueryAsync();

        var found = await check();
        var anas = (await _node.EventsAsync("ana")).First(e => e.Metadata.Contains("\"digest\"", StringComparison.Ordinal));
        Assert.Equal(
            [(FindingKind.TextMissing, "agent-ana"), (FindingKind.TextChanged, "agent-ben")],
            found.Select(f => (f.Kind, f.Stream!))
        );
        Assert.Equal((anas.Version, anas.EventId), (found[0].Version!.Value, found[0].EventId!.Value));
        Assert.All(found, f => Assert.True(f.Followers >= 1));

        // An erasure covers what came before it, whatever happened to that, and nothing after it.
        await _node.AcceptAsync("ana", new SignOut());
        await _node.AcceptAsync("ana", new ErasePerson(), Because("gone too"));
        await _node.Texts.EraseAsync(["agent-ana"], TimeProvider.System.Now(), default);
        Assert.Equal("agent-ben", Assert.Single(await check()).Stream);
        await _node.AcceptAsync("ana", new ConfigureAgent(s => s with { Units = 7 }), Because("later"));
        await using (var delete = superuser.CreateCommand("delete from ledger.reason where stream = 'agent-ana'"))
            await delete.ExecuteNonQueryAsync();
        Assert.Equal(["agent-ana", "agent-ben"], (await check()).Select(f => f.Stream));
    }

    [Fact]
    public async Task Of_a_stream_it_is_told_what_is_missing_changed_or_should_have_been_erased()
    {
        foreach (var text in new[] { "one", "two", "three" })
            await _node.AcceptAsync("ana", new AssignConversation($"c-{text}", Chat), Because(text));
        await using var superuser = NpgsqlDataSource.Create(_database.SuperuserConnectionString);
        await using (
            var tamper = superuser.CreateCommand(
                """
                delete from ledger.reason where text = convert_to('one', 'UTF8');
                update ledger.reason set text = convert_to('more', 'UTF8') where text = convert_to('two', 'UTF8');
                """
            )
        )
            await tamper.ExecuteNonQueryAsync();
        Assert.Equal([ReasonFaultKind.Missing, ReasonFaultKind.Changed], (await FaultsAsync()).Distinct());

        await _node.AcceptAsync("ana", new SignOut());
        await _node.AcceptAsync("ana", new ErasePerson());
        // Nobody has deleted what is left.
        Assert.Equal([ReasonFaultKind.NotErased], (await FaultsAsync()).Distinct());
        await _node.Texts.EraseAsync(["agent-ana"], TimeProvider.System.Now(), default);
        Assert.Empty(await FaultsAsync());

        async Task<IReadOnlyList<ReasonFaultKind>> FaultsAsync()
        {
            var reasons = new StreamReasons(_node.Texts, "agent-ana");
            // However the pages fall.
            foreach (var page in (await _node.EventsAsync("ana")).Chunk(2))
                await reasons.AddAsync(page, default);
            return [.. reasons.Faults.Select(f => f.Kind)];
        }
    }

    [Fact]
    public async Task That_a_status_is_used_for_the_first_time_is_noted_without_the_words_of_an_agent()
    {
        await _node.ConfigureAsync(new DefineStatus("away-ill", "Ill", "Ill", BaseStatus.Away, null));

        await _node.AcceptAsync("ana", new SetPresence("away-ill"), Because(Words));

        var note = (await _node.StreamAsync(StreamNames.Configuration))[^1];
        Assert.Equal("status-used.v1", note.Type);
        Assert.Equal(new RecordedReason("family"), ReasonOf(note));
        Assert.Equal(1, await CountAsync());
    }

    [Fact]
    public async Task Texts_of_changes_of_the_configuration_are_kept_beside_it_too()
    {
        var envelope = Because("For the courses in May")(Node.Envelope());

        await _node.Configuration.TransactAsync(new DefineStatus("away-may", "May", "May", BaseStatus.Away, null), envelope, null, default);

        var reason = ReasonOf((await _node.StreamAsync(StreamNames.Configuration))[^1]);
        Assert.Null(reason.Text);
        Assert.Equal("For the courses in May", (await _node.Texts.AsGivenAsync(reason, default))!.Text);
    }

    private static Func<CommandEnvelope, CommandEnvelope> Because(string text) => e => e with { Reason = new Reason("family", text) };

    private static Func<CommandEnvelope, CommandEnvelope> With(string key, string text) =>
        e => Because(text)(e) with { IdempotencyKey = key };

    private static RecordedReason ReasonOf(EventRecord e) => LedgerJson.Read<EventMetadata>(e.Metadata).Reason!;

    private async Task<long> CountAsync()
    {
        await using var command = _node.Database.CreateCommand("select count(*) from ledger.reason");
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private async Task<(byte[] Salt, byte[] Text, string Stream)> RowAsync(string digest)
    {
        await using var command = _node.Database.CreateCommand("select salt, text, stream from ledger.reason where digest = $1");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = digest });
        await using var reader = await command.ExecuteReaderAsync();
        Assert.True(await reader.ReadAsync());
        return (reader.GetFieldValue<byte[]>(0), reader.GetFieldValue<byte[]>(1), reader.GetString(2));
    }
}

public sealed class PostgresReasonTextsTests : ReasonTextsTests
{
    protected override Task<TestDatabase> OpenAsync() => Node.CreateDatabaseAsync();

    [Fact]
    public async Task A_command_without_a_text_costs_one_statement_as_before_and_one_with_a_text_two()
    {
        await _node.AcceptAsync("ana", new SetPresence("away"), e => e with { Reason = new Reason("lunch", "at last") });
        using var statements = new Statements(_database);

        await _node.AcceptAsync("ana", new SetPresence("busy"), e => e with { Reason = new Reason("lunch", null) });
        Assert.Single(statements.Sent);

        await _node.AcceptAsync("ana", new SetPresence("away"), e => e with { Reason = new Reason("lunch", "at last") });
        Assert.Equal(3, statements.Sent.Count);
    }

    [Fact]
    public async Task The_texts_follow_a_log_into_another_database_and_what_was_erased_goes_there_too()
    {
        await _node.AcceptAsync("ana", new SetPresence("away"), e => e with { Reason = new Reason(null, "one\0") });
        var upTo = TimeProvider.System.Now();
        while (TimeProvider.System.Now() <= upTo)
            await Task.Yield();
        await _node.AcceptAsync("ana", new SetPresence("busy"), e => e with { Reason = new Reason(null, "two") });
        await using var target = await Node.CreateDatabaseAsync();
        await using var to = NpgsqlDataSource.Create(target.SuperuserConnectionString);

        Assert.Equal(2, await ReasonCopy.RunAsync(_node.Database, to, default));
        await _node.Texts.EraseAsync(["agent-ana"], upTo, default);
        Assert.Equal(1, await ReasonCopy.RunAsync(_node.Database, to, default));

        var events = (await _node.EventsAsync("ana"))
            .Select(e => LedgerJson.Read<EventMetadata>(e.Metadata).Reason?.Digest)
            .OfType<string>();
        var texts = await new PostgresReasonTexts(to, TimeProvider.System).FindAsync([.. events], default);
        Assert.Equal(["two"], texts.Values.Select(t => t.Text));
    }

    [Fact]
    public async Task A_source_from_before_texts_were_kept_beside_has_none_to_copy()
    {
        await using var old = await TestPostgres.CreateDatabaseAsync();
        await using var from = NpgsqlDataSource.Create(old.SuperuserConnectionString);

        Assert.Equal(0, await ReasonCopy.RunAsync(from, _node.Database, default));
    }

    [Fact]
    public async Task A_text_that_cannot_be_kept_lets_nothing_be_recorded()
    {
        var before = (await _node.EventsAsync("ana")).Count;
        await using var superuser = NpgsqlDataSource.Create(_database.SuperuserConnectionString);
        await using (var revoke = superuser.CreateCommand("revoke insert on ledger.reason from presence_ledger"))
            await revoke.ExecuteNonQueryAsync();

        await Assert.ThrowsAsync<LedgerUnavailableException>(() =>
            _node.SendAsync("ana", new SetPresence("away"), e => e with { Reason = new Reason(null, "x") })
        );

        Assert.Equal(before, (await _node.EventsAsync("ana")).Count);
        Assert.IsType<AgentAccepted>(await _node.SendAsync("ana", new SetPresence("away")));
    }

    [Fact]
    public async Task The_service_may_add_and_delete_texts_and_never_change_one()
    {
        await using var update = _node.Database.CreateCommand("update ledger.reason set stream = 'agent-ben'");
        var refused = await Assert.ThrowsAsync<PostgresException>(() => update.ExecuteNonQueryAsync());
        Assert.Equal("42501", refused.SqlState);
    }

    [Fact]
    public async Task The_schema_of_texts_is_applied_to_a_ledger_of_before()
    {
        await using var superuser = NpgsqlDataSource.Create(_database.SuperuserConnectionString);
        await using (
            var back = superuser.CreateCommand("drop table ledger.reason; delete from ledger.script where name = '004-reasons.sql'")
        )
            await back.ExecuteNonQueryAsync();

        await LedgerSchema.ApplyAsync(_database.SuperuserConnectionString, "presence_ledger", default);

        await _node.AcceptAsync("ana", new SetPresence("away"), e => e with { Reason = new Reason(null, "x") });
        Assert.NotNull(LedgerJson.Read<EventMetadata>((await _node.EventsAsync("ana"))[^1].Metadata).Reason!.Digest);
    }
}

public sealed class EventStoreDbReasonTextsTests : ReasonTextsTests
{
    protected override async Task<TestDatabase> OpenAsync() => await Node.CreateDatabaseAsync(await TestEventStore.StartAsync());
}
