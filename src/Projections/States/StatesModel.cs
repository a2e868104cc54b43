using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Agents;

namespace PresenceLedger.Projections.States;

/// <summary>
/// States of every agent on the way: after each of its events whose version is a multiple of 200. From one of them and what comes after it
/// any state of the past is a few hundred events away, however long the stream. Rows are only ever added.
/// </summary>
public sealed class StatesModel(ILog log) : IReadModel
{
    /// <summary>Events from a row of an agent to the next.</summary>
    public const int Interval = 200;

    /// <summary>The name of this read model.</summary>
    public const string ModelName = "states";

    // Another with every shape of Agent, for that is what the rows hold; shape 2 was the first.
    private const int OwnVersion = AgentSnapshot.Shape - 1;

    /// <summary>The table that is read.</summary>
    public static string States { get; } = $"{ModelName}_v{OwnVersion}.state";

    /// <inheritdoc />
    public string Name => ModelName;

    /// <inheritdoc />
    public int Version => OwnVersion;

    /// <inheritdoc />
    public string TablesSql(string schema) =>
        $"""
            create table {schema}.state (
                agent_id text collate "C" not null,
                version bigint not null,
                occurred_at timestamptz not null,
                known_at timestamptz not null,
                hash bytea not null,
                state json not null,
                primary key (agent_id, version)
            )
            """;

    /// <inheritdoc />
    public string IndexesSql(string schema) =>
        $"""
            create index state_occurred on {schema}.state (agent_id, occurred_at, version);
            create index state_known on {schema}.state (agent_id, known_at, version)
            """;

    /// <inheritdoc />
    public IProjector Open(string schema, string? state) => new StatesProjector(schema, log);

    /// <summary>Whether there is a row for the state after this version.</summary>
    internal static bool IsKept(long version) => version > 0 && version % Interval == 0;
}
