using Npgsql;
using PresenceLedger.Ledger;

namespace PresenceLedger.Projections;

/// <summary>
/// A read model: tables in a schema of its own, and a fold of the log's pages into them. It reads no clock and makes no ids, so
/// that a rebuild gives the same.
/// </summary>
public interface IReadModel
{
    /// <summary>Its name, as in <c>presence-ledger rebuild NAME</c>.</summary>
    string Name { get; }

    /// <summary>Goes up when its tables or what its fold gives change: another version is another schema, filled anew.</summary>
    int Version { get; }

    /// <summary>The schema that is read.</summary>
    string Schema => $"{Name}_v{Version}";

    /// <summary>Creates its tables in a schema, which is there and is empty, with what has to hold at every moment.</summary>
    string TablesSql(string schema);

    /// <summary>
    /// Creates the indexes that only reading needs: a rebuild makes them after it has filled the tables. Nothing but <c>create index</c>,
    /// none of them unique, with semicolons between them.
    /// </summary>
    string IndexesSql(string schema);

    /// <summary>Read models of before whose place it took: what is left of them is dropped once it has caught up.</summary>
    IReadOnlyList<string> Replaces => [];

    /// <summary>Goes on where the checkpoint stands.</summary>
    /// <param name="schema">Whose tables to fill.</param>
    /// <param name="state">What it kept with the checkpoint; null at the beginning.</param>
    IProjector Open(string schema, string? state);
}

/// <summary>A read model at work; it may remember rows from page to page. One that failed is thrown away, and another opened.</summary>
public interface IProjector
{
    /// <summary>
    /// Folds the next page. The writes of the page before may be under way meanwhile: only what is not in memory is read.
    /// </summary>
    /// <exception cref="InvalidDataException">An event cannot be read, or does not fit what came before.</exception>
    Task<IPageChanges> FoldAsync(NpgsqlDataSource database, IReadOnlyList<StoredEvent> page, CancellationToken ct);
}

/// <summary>What a page changes.</summary>
public interface IPageChanges
{
    /// <summary>What is kept with the checkpoint, for <see cref="IReadModel.Open"/>; null for nothing.</summary>
    string? State { get; }

    /// <summary>
    /// What this page and the next one change together. So pages are small and writes large: what lives short is collected cheaply, and a row
    /// that changes often is written seldom.
    /// </summary>
    IPageChanges With(IPageChanges later);

    /// <summary>Writes it: a statement for each table, in the transaction that moves the checkpoint.</summary>
    Task WriteAsync(NpgsqlConnection connection, CancellationToken ct);
}
