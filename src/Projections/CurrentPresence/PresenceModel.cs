namespace PresenceLedger.Projections.CurrentPresence;

/// <summary>The current presence of every agent.</summary>
public sealed class PresenceModel : IReadModel
{
    /// <summary>The name of this read model.</summary>
    public const string ModelName = "presence";

    // Up with every change of the table, of PresenceDocument, or of what PresenceFold makes of the events.
    private const int OwnVersion = 2;

    /// <summary>The table that is read.</summary>
    public static string Agents { get; } = $"{ModelName}_v{OwnVersion}.agent";

    /// <summary>What is true of the rows of agents who disputed something, in SQL.</summary>
    public static string Disputing { get; } = "data -> 'agent' -> 'disputes' is not null";

    /// <summary>What is true of its checkpoint, in SQL.</summary>
    public static string Checkpoint { get; } = $"name = '{ModelName}' and version = {OwnVersion} and place = 'live'";

    /// <inheritdoc />
    public string Name => ModelName;

    /// <inheritdoc />
    public int Version => OwnVersion;

    /// <inheritdoc />
    public string TablesSql(string schema) =>
        $"""
            create table {schema}.agent (
                agent_id text collate "C" primary key,
                version bigint not null,
                base text not null,
                status_id text not null,
                signed_in boolean not null,
                data jsonb not null
            )
            """;

    /// <inheritdoc />
    public string IndexesSql(string schema) =>
        $"""
            create index agent_queues on {schema}.agent using gin ((data -> 'queues') jsonb_path_ops);
            create index agent_skills on {schema}.agent using gin ((data -> 'skills') jsonb_path_ops);
            create index agent_disputes on {schema}.agent (agent_id) where {Disputing}
            """;

    /// <inheritdoc />
    public IProjector Open(string schema, string? state) => new PresenceProjector(schema, state);
}
