using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Projections.Presence;

/// <summary>
/// All that is read of agents, made in one fold: what goes on with each of them now, the facts that have ended, and states on the way. Its
/// tables are of one place in the log.
/// </summary>
public sealed class PresenceModel : IReadModel
{
    /// <summary>The name of this read model.</summary>
    public const string ModelName = "presence";

    // Up with every change of a table, of what the fold gives, and of the shape of Agent or OpenFacts, which the rows hold as JSON.
    private const int OwnVersion = 3;

    /// <summary>The schema that is read.</summary>
    public static string Schema { get; } = $"{ModelName}_v{OwnVersion}";

    /// <summary>The table that is read of agents as they are now.</summary>
    public static string Agents { get; } = Schema + ".agent";

    /// <summary>The table that is read of states on the way.</summary>
    public static string States { get; } = Schema + ".state";

    /// <summary>What is true of its checkpoint, in SQL.</summary>
    public static string Checkpoint { get; } = $"name = '{ModelName}' and version = {OwnVersion} and place = 'live'";

    /// <inheritdoc />
    public string Name => ModelName;

    /// <inheritdoc />
    public int Version => OwnVersion;

    /// <inheritdoc />
    public IReadOnlyList<string> Replaces => ["facts", "states"];

    /// <inheritdoc />
    public string TablesSql(string schema) => AgentTable.Sql(schema) + FactTables.Sql(schema) + StateTable.Sql(schema);

    /// <inheritdoc />
    public string IndexesSql(string schema) =>
        string.Concat(AgentTable.IndexesSql(schema), FactTables.IndexesSql(schema), StateTable.IndexesSql(schema));

    /// <inheritdoc />
    public IProjector Open(string schema, string? state) =>
        new PresenceProjector(schema, state is null ? Configuration.Initial : LedgerJson.Read<Configuration>(state));
}
