using System.Text;
using Npgsql;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Projections;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Testing;

/// <summary>The facts of a ledger in their tables, folded page by page without a loop; gone with it.</summary>
public sealed class ProjectedFacts : IAsyncDisposable
{
    private static readonly string[] Tables =
    [
        "agent",
        "status_interval",
        "login_interval",
        "session",
        "session_wait",
        "participation",
        "capacity_interval",
        "queue_interval",
        "correction",
    ];

    private readonly NpgsqlDataSource _owner;

    private ProjectedFacts(NpgsqlDataSource owner, TimeProvider clock) => (_owner, Reader) = (owner, new FactsReader(owner, clock));

    /// <summary>Reads them, by the clock of the node.</summary>
    public FactsReader Reader { get; }

    /// <summary>Projects all of a log.</summary>
    /// <param name="database">Where to.</param>
    /// <param name="node">Whose log.</param>
    /// <param name="pageSize">How many events at a time.</param>
    /// <param name="forgetful">Whether each page is folded by another projector, which reads what the one before wrote.</param>
    public static async Task<ProjectedFacts> OfAsync(TestDatabase database, Node node, int pageSize, bool forgetful = false)
    {
        var owner = NpgsqlDataSource.Create(database.SuperuserConnectionString);
        var projected = new ProjectedFacts(owner, node.Clock);
        IReadModel model = new PresenceModel();
        await projected.ExecuteAsync(
            $"""
            create schema if not exists {ReadSide.Schema};
            create table if not exists {ReadSide.Schema}.read_model (
                name text, version int, place text, position bigint, prepare bigint, as_of timestamptz, newest timestamptz, store text
            );
            delete from {ReadSide.Schema}.read_model;
            drop schema if exists {model.Schema} cascade;
            create schema {model.Schema};
            """
        );
        await projected.ExecuteAsync(model.TablesSql(model.Schema) + model.IndexesSql(model.Schema));

        var projector = model.Open(model.Schema, null);
        var (position, asOf) = (LogPosition.Start, DateTimeOffset.MinValue);
        while (await node.Log.ReadAllAsync(position, pageSize, default) is { Count: > 0 } page)
        {
            var changes = await projector.FoldAsync(owner, page, default);
            await using var connection = await owner.OpenConnectionAsync();
            await using var transaction = await connection.BeginTransactionAsync();
            await changes.WriteAsync(connection, default);
            await transaction.CommitAsync();
            position = page[^1].Position;
            asOf = page.Max(e => e.Record.RecordedAt) is var latest && latest > asOf ? latest : asOf;
            if (forgetful)
                projector = model.Open(model.Schema, changes.State);
        }
        await using var checkpoint = owner.CreateCommand(
            $"insert into {ReadSide.Schema}.read_model (name, version, place, position, prepare, as_of, newest, store) values ($1, $2, 'live', 0, 0, $3, $3, 'Postgres')"
        );
        checkpoint.Parameters.Add(new() { Value = model.Name });
        checkpoint.Parameters.Add(new() { Value = model.Version });
        checkpoint.Parameters.Add(new() { Value = asOf });
        await checkpoint.ExecuteNonQueryAsync();
        return projected;
    }

    /// <summary>The facts that events give, without a database.</summary>
    public static Dictionary<string, AgentFacts> Fold(IEnumerable<EventRecord> records)
    {
        var fold = new FactsFold(Configuration.Initial);
        var closed = new ClosedFacts();
        var open = new Dictionary<string, OpenFacts>(StringComparer.Ordinal);
        foreach (var record in records.Where(r => StreamNames.HasPresence(r.Stream)))
            switch (WireNames.Read(record))
            {
                case ConfigurationEvent e:
                    fold.Apply(e);
                    break;
                case AgentEvent e:
                    var id = StreamNames.AgentId(record.Stream)!;
                    open[id] = fold.Apply(open.GetValueOrDefault(id), record, e, closed);
                    break;
            }
        return open.ToDictionary(
            o => o.Key,
            o => new AgentFacts
            {
                AgentId = o.Key,
                Registered = o.Value.Registered,
                Statuses = [.. Of(closed.Statuses, o.Key), o.Value.Status],
                Logins = o.Value.Login is { } login ? [.. Of(closed.Logins, o.Key), login] : [.. Of(closed.Logins, o.Key)],
                Sessions = [.. Of(closed.Sessions, o.Key).Concat(o.Value.Sessions.Values).OrderBy(s => s.Assigned.Version)],
                Participations = [.. Of(closed.Participations, o.Key), .. o.Value.Participations.Values],
                Capacity = [.. Of(closed.Capacity, o.Key), o.Value.Capacity],
                Queues = [.. Of(closed.Queues, o.Key), o.Value.Queues],
                Corrections = [.. Of(closed.Corrections, o.Key)],
            },
            StringComparer.Ordinal
        );

        static IEnumerable<T> Of<T>(IEnumerable<(string AgentId, T Fact)> facts, string id) =>
            facts.Where(f => f.AgentId == id).Select(f => f.Fact);
    }

    /// <summary>Every row of every table.</summary>
    public Task<string> DumpAsync() => DumpAsync(_owner);

    /// <summary>Every row of every table, in an order of its own.</summary>
    public static async Task<string> DumpAsync(NpgsqlDataSource database)
    {
        var dump = new StringBuilder();
        foreach (var table in Tables)
        {
            await using var command = database.CreateCommand($"select t::text from {PresenceModel.Schema}.{table} t order by 1");
            await using var reader = await command.ExecuteReaderAsync();
            dump.AppendLine(table);
            while (await reader.ReadAsync())
                dump.AppendLine(reader.GetString(0));
        }
        return dump.ToString();
    }

    public async ValueTask DisposeAsync()
    {
        await ExecuteAsync($"drop schema {PresenceModel.Schema} cascade");
        await _owner.DisposeAsync();
    }

    private async Task ExecuteAsync(string statement)
    {
        await using var command = _owner.CreateCommand(statement);
        await command.ExecuteNonQueryAsync();
    }
}
