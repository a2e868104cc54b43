using System.Collections.Immutable;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Reporting;

namespace PresenceLedger.Projections.Presence;

/// <summary>A table of facts that have ended, with a row for each.</summary>
internal abstract class FactTable(string name)
{
    /// <summary>Its name.</summary>
    public string Name => name;

    /// <summary>Its columns, in the order in which they are written.</summary>
    public abstract IReadOnlyList<string> Columns { get; }

    /// <summary>The column with the version of the event that a fact began with.</summary>
    public abstract string FirstVersion { get; }

    /// <summary>The column with the version of the event that a fact ended with.</summary>
    public abstract string LastVersion { get; }

    /// <summary>Creates the table.</summary>
    public abstract string Sql(string schema);

    /// <summary>Whether some of the facts belong in this table.</summary>
    public abstract bool HasAny(ClosedFacts closed);

    /// <summary>Writes a row for each of the facts that belong in this table.</summary>
    public abstract Task WriteAsync(ClosedFacts closed, IFactRows to);
}

/// <summary>Takes rows, one after another and each column by column.</summary>
internal interface IFactRows
{
    /// <summary>Begins the next row.</summary>
    Task BeginAsync();

    void Text(string? value);

    void Texts(ImmutableArray<string> value);

    void Json(string? value);

    void Flag(bool value);

    void Number(int? value);

    void Version(long? value);

    void Instant(DateTimeOffset? value);
}

/// <summary>A table, declared column by column: what creates it, fills it and checks it follows from that.</summary>
/// <param name="name">Its name.</param>
/// <param name="factsOf">The facts that belong in it.</param>
internal sealed class FactTable<T>(string name, Func<ClosedFacts, IEnumerable<(string AgentId, T Fact)>> factsOf) : FactTable(name)
{
    private readonly List<string> _names = ["agent_id"];
    private readonly List<(int Rank, string Sql)> _definitions = [(0, "agent_id text collate \"C\" not null")];
    private readonly List<Action<IFactRows, T>> _writes = [];
    private readonly List<string> _versions = [];

    /// <inheritdoc />
    public override IReadOnlyList<string> Columns => _names;

    /// <inheritdoc />
    public override string FirstVersion => _versions[0];

    /// <inheritdoc />
    public override string LastVersion => _versions[^1];

    public FactTable<T> Text(string column, Func<T, string?> value, bool nullable = false) =>
        Add(column, "text", nullable, (to, fact) => to.Text(value(fact)));

    public FactTable<T> Texts(string column, Func<T, ImmutableArray<string>> value) =>
        Add(column, "text[]", nullable: false, (to, fact) => to.Texts(value(fact)));

    public FactTable<T> Json(string column, Func<T, string?> value) =>
        Add(column, "json", nullable: true, (to, fact) => to.Json(value(fact)));

    public FactTable<T> Flag(string column, Func<T, bool> value) =>
        Add(column, "boolean", nullable: false, (to, fact) => to.Flag(value(fact)));

    public FactTable<T> Number(string column, Func<T, int?> value, bool nullable = false) =>
        Add(column, "int", nullable, (to, fact) => to.Number(value(fact)));

    public FactTable<T> Version(string column, Func<T, long?> value, bool nullable = false, int rank = 0) =>
        Add(column, "bigint", nullable, (to, fact) => to.Version(value(fact)), rank);

    public FactTable<T> Instant(string column, Func<T, DateTimeOffset?> value, bool nullable = false, int rank = 0) =>
        Add(column, "timestamptz", nullable, (to, fact) => to.Instant(value(fact)), rank);

    /// <summary>Who did it.</summary>
    public FactTable<T> Actor(Func<T, Actor?> value) =>
        Text("actor_kind", fact => value(fact) is { } actor ? Words.Of(actor.Kind) : null, nullable: true)
            .Text("actor_id", fact => value(fact)?.Id, nullable: true);

    /// <summary>One of the fact's edges, which are declared from the first to the last.</summary>
    public FactTable<T> Edge(string edge, Func<T, Mark?> value, bool nullable = false) =>
        Edge(edge + "_at", edge + "_known_at", edge + "_version", value, nullable);

    /// <summary>The same: when it was, since when that is known, and the event's version.</summary>
    public FactTable<T> Edge(string at, string knownAt, string version, Func<T, Mark?> value, bool nullable = false)
    {
        _versions.Add(version);
        return Instant(at, fact => value(fact)?.At, nullable, rank: 1)
            .Instant(knownAt, fact => value(fact)?.KnownAt, nullable, rank: 2)
            .Version(version, fact => value(fact)?.Version, nullable, rank: 3);
    }

    /// <inheritdoc />
    public override string Sql(string schema) =>
        $"create table {schema}.{Name} (\n    {string.Join(",\n    ", _definitions.OrderBy(d => d.Rank).Select(d => d.Sql))}\n);\n\n";

    /// <inheritdoc />
    public override bool HasAny(ClosedFacts closed) => factsOf(closed).Any();

    /// <inheritdoc />
    public override async Task WriteAsync(ClosedFacts closed, IFactRows to)
    {
        foreach (var (agentId, fact) in factsOf(closed))
        {
            await to.BeginAsync();
            to.Text(agentId);
            foreach (var write in _writes)
                write(to, fact);
        }
    }

    // In the created table the instants of all edges stand together, and so do the versions: that is the rank.
    private FactTable<T> Add(string column, string type, bool nullable, Action<IFactRows, T> write, int rank = 0)
    {
        _names.Add(column);
        _definitions.Add((rank, $"{column} {type}{(nullable ? "" : " not null")}"));
        _writes.Add(write);
        return this;
    }
}
