using System.Runtime.CompilerServices;
using Npgsql;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Clock;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.Postgres;

namespace PresenceLedger.Projections.Presence;

/// <summary>The facts as of a place in the ledger.</summary>
public sealed class FactsSnapshot : IAsyncDisposable
{
    private const int AgentsAtATime = 50;
    private static readonly string Schema = PresenceModel.Schema;
    private readonly NpgsqlConnection _connection;
    private readonly NpgsqlTransaction _transaction;

    private FactsSnapshot(NpgsqlConnection connection, NpgsqlTransaction transaction, ProjectionPosition read)
    {
        _connection = connection;
        _transaction = transaction;
        Read = read;
    }

    /// <summary>Up to where they are complete.</summary>
    public ProjectionPosition Read { get; }

    internal static async Task<FactsSnapshot> OfAsync(
        NpgsqlConnection connection,
        NpgsqlTransaction transaction,
        TimeProvider clock,
        CancellationToken ct
    )
    {
        await using var command = new NpgsqlCommand(
            $"select position, prepare, as_of, newest from {ReadSide.Schema}.read_model where {PresenceModel.Checkpoint}",
            connection,
            transaction
        );
        await using var reader = await command.ExecuteReaderAsync(ct);
        var read = await reader.ReadAsync(ct)
            ? new ProjectionPosition(
                new LogPosition(reader.GetInt64(0), reader.GetInt64(1)),
                clock.NotAfterNow(reader.GetFieldValue<DateTimeOffset>(2)),
                reader.GetFieldValue<DateTimeOffset>(3)
            )
            : ProjectionPosition.None;
        return new FactsSnapshot(connection, transaction, read);
    }

    /// <summary>The agents in the order of their ids, those registered before an instant.</summary>
    public Task<IReadOnlyList<string>> AgentsAsync(DateTimeOffset registeredBefore, CancellationToken ct) =>
        AgentsAsync(registeredBefore, "", int.MaxValue, ct);

    /// <summary>The same, from an id on and at most so many.</summary>
    public async Task<IReadOnlyList<string>> AgentsAsync(DateTimeOffset registeredBefore, string from, int most, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            $"select agent_id from {Schema}.agent where registered_at < $1 and agent_id >= $2 order by agent_id limit $3",
            _connection,
            _transaction
        );
        command.Parameters.AddValues(registeredBefore, from, most);
        return await command.ReadAsync(row => row.GetString(0), ct);
    }

    /// <summary>Agents with their facts, in the order in which they are named; those that are not registered are left out.</summary>
    public async IAsyncEnumerable<AgentRecord> ReadAsync(
        IReadOnlyList<string> agents,
        FactsWindow window,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        foreach (var some in agents.Chunk(AgentsAtATime))
        foreach (var record in await FactsWindowReader.ReadAsync(_connection, _transaction, some, window, ct))
            yield return record;
    }

    /// <summary>What goes on with some agents; those that are not registered are left out.</summary>
    public async Task<IReadOnlyList<OpenFacts>> OpenAsync(IReadOnlyList<string> agents, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            $"select f.state::text from unnest($1) with ordinality a (id, n) join {Schema}.agent f on f.agent_id = a.id order by a.n",
            _connection,
            _transaction
        );
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. agents] });
        return await command.ReadAsync(row => LedgerJson.Read<OpenFacts>(row.GetString(0)), ct);
    }

    /// <summary>What goes on with every agent, in the order of their ids.</summary>
    /// <param name="latest">What this node read before.</param>
    /// <param name="ct">Cancellation.</param>
    public Task<IReadOnlyList<OpenFacts>> AllOpenAsync(LatestAgents latest, CancellationToken ct) =>
        latest.WhereAsync(_connection, _transaction, "true", [], ct);

    /// <summary>
    /// Agents who left a queue within a window, or of whom it was not known yet; those who are in it now are not among them unless they
    /// came back.
    /// </summary>
    public async Task<IReadOnlyList<string>> AgentsWhoLeftAsync(
        string queue,
        DateTimeOffset from,
        DateTimeOffset to,
        DateTimeOffset? knownAt,
        CancellationToken ct
    )
    {
        await using var command = new NpgsqlCommand(
            $"""
            select distinct agent_id from {Schema}.queue_interval
                where $1 = any (queues) and (ended_at > $2 or ended_known_at > $4) and started_at < $3
            """,
            _connection,
            _transaction
        );
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = queue });
        command.Parameters.Add(FactsWindowReader.At(from));
        command.Parameters.Add(FactsWindowReader.At(to));
        command.Parameters.Add(FactsWindowReader.At(knownAt ?? DateTimeOffset.MaxValue));
        return await command.ReadAsync(row => row.GetString(0), ct);
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _transaction.DisposeAsync();
        await _connection.DisposeAsync();
    }
}
