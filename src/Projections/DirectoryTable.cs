using Marten;
using Microsoft.Extensions.Hosting;
using Npgsql;
using PresenceLedger.Ledger.Postgres;

namespace PresenceLedger.Projections;

/// <summary>Creates the table of the directory at the start of the service.</summary>
public sealed class DirectoryTable(IDocumentStore store, NpgsqlDataSource database) : IHostedService
{
    /// <inheritdoc />
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        // One at a time: "if not exists" is no help to two nodes that start at once.
        await Locks.WaitInTransactionAsync(connection, Locks.Schemas, cancellationToken);
        await store.Storage.ApplyAllConfiguredChangesToDatabaseAsync();
    }

    /// <inheritdoc />
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
