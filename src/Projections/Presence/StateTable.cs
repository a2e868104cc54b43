using Npgsql;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.Postgres;

namespace PresenceLedger.Projections.Presence;

/// <summary>
/// The table <c>state</c>: the state of every agent after each of its events whose version is a multiple of <see cref="KeptState.Interval"/>. From one of them and what
/// comes after it any state is a few hundred events away, however long the stream. Rows are only ever added.
/// </summary>
internal static class StateTable
{
    /// <summary>Whether there is a row for the state after this version.</summary>
    public static bool IsKept(long version) => version > 0 && version % KeptState.Interval == 0;

    public static string Sql(string schema) =>
        $"""
            create table {schema}.state (
                agent_id text collate "C" not null,
                version bigint not null,
                occurred_at timestamptz not null,
                known_at timestamptz not null,
                hash bytea not null,
                state json not null,
                primary key (agent_id, version)
            );

            """;

    public static string IndexesSql(string schema) =>
        $"""
            create index state_occurred on {schema}.state (agent_id, occurred_at, version);
            create index state_known on {schema}.state (agent_id, known_at, version);

            """;

    public static async Task WriteAsync(
        NpgsqlConnection connection,
        string schema,
        IReadOnlyCollection<PastState> states,
        CancellationToken ct
    )
    {
        PastState[] rows = [.. states];
        await using var command = new NpgsqlCommand(
            $"""
            insert into {schema}.state (agent_id, version, occurred_at, known_at, hash, state)
                select * from unnest($1, $2, $3, $4, $5, $6) on conflict do nothing
            """,
            connection
        );
        command.Parameters.AddColumn(rows, row => row.Agent.AgentId);
        command.Parameters.AddColumn(rows, row => row.Agent.Version);
        command.Parameters.AddColumn(rows, row => row.Agent.LastOccurredAt);
        command.Parameters.AddColumn(rows, row => row.KnownAt);
        command.Parameters.AddColumn(rows, row => row.Hash);
        command.Parameters.AddJsonColumn(rows, row => LedgerJson.Write(row.Agent));
        await command.ExecuteNonQueryAsync(ct);
    }
}
