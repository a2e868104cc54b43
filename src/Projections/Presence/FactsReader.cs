using System.Data;
using Npgsql;
using NpgsqlTypes;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Ledger.Postgres;

namespace PresenceLedger.Projections.Presence;

/// <summary>What a report needs of the facts.</summary>
/// <param name="From">Facts that ended by then are left out.</param>
/// <param name="To">Facts that begin then or later are left out.</param>
public sealed record FactsWindow(DateTimeOffset From, DateTimeOffset To)
{
    /// <summary>
    /// Only what was recorded by then; null for all that is. What the ledger found out later may have ended a fact long before the
    /// window, so that all of the past of the agents is looked through.
    /// </summary>
    public DateTimeOffset? KnownAt { get; init; }

    /// <summary>
    /// Also who, why, and by which events; where not, edges have no version and are known when they were, and intervals have no
    /// actor or rule, because a report over millions of them does without.
    /// </summary>
    public bool InDetail { get; init; }

    /// <summary>Whether the agents' queues are wanted.</summary>
    public bool WithQueues { get; init; }

    internal bool Detailed => InDetail || KnownAt is not null;
}

/// <summary>An agent: what goes on, and the facts of a window, those that go on among them.</summary>
public sealed record AgentRecord(OpenFacts Open, AgentFacts Facts);

/// <summary>Reads facts, all of them as of one place in the ledger.</summary>
public sealed class FactsReader(NpgsqlDataSource database, TimeProvider clock)
{
    /// <summary>Looks at the facts as they are now; what is projected meanwhile is not seen.</summary>
    public async Task<FactsSnapshot> OpenAsync(CancellationToken ct)
    {
        var connection = await database.OpenConnectionAsync(ct);
        try
        {
            var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, ct);
            return await FactsSnapshot.OfAsync(connection, transaction, clock, ct);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>The last correction of an agent's status at an instant, of those known at another; its version, null where there is none.</summary>
    public async Task<long?> FindCorrectionAsync(string agentId, DateTimeOffset at, DateTimeOffset? knownAt, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            $"""
            select version from {PresenceModel.Schema}.correction
                where agent_id = $1 and from_at <= $2 and to_at > $2 and known_at <= coalesce($3, 'infinity')
                order by version desc limit 1
            """
        );
        command.Parameters.AddValues(agentId, at);
        command.Parameters.Add(new() { Value = (object?)knownAt ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        try
        {
            return (long?)await command.ExecuteScalarAsync(ct);
        }
        catch (PostgresException e) when (ReadSide.IsNotBegun(e))
        {
            return null;
        }
    }
}
