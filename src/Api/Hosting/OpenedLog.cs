using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using PresenceLedger.Api.Audit;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.EventStoreDb;
using PresenceLedger.Ledger.Postgres;
using PresenceLedger.Ledger.Postgres.Embedded;
using PresenceLedger.Ledger.Reasons;
using PresenceLedger.Projections.States;

namespace PresenceLedger.Api.Hosting;

/// <summary>A log that a verb works on, running, and what it stands on.</summary>
/// <param name="Log">The log.</param>
/// <param name="Database">The PostgreSQL that keeps it; null where an EventStoreDB does.</param>
/// <param name="Running">The log, to be stopped.</param>
/// <param name="Server">The database server that was started for it; null where there was one.</param>
internal sealed record OpenedLog(ILog Log, NpgsqlDataSource? Database, BackgroundService Running, EmbeddedPostgres? Server)
    : IAsyncDisposable
{
    /// <summary>
    /// What an audit reads. Where the log is an EventStoreDB it is without texts of reasons, for nobody said where the PostgreSQL beside it is.
    /// </summary>
    public Records Records() => new(Log, Texts, Database is null ? null : new PastStates(Database, Log));

    /// <summary>The texts of reasons; null where nobody said where they are.</summary>
    public IReasonTexts? Texts => Database is null ? null : new PostgresReasonTexts(Database, TimeProvider.System);

    /// <summary>Opens the log of a connection string, or of the data folder.</summary>
    /// <param name="connection">An EventStoreDB's or a PostgreSQL's; null for the database in the data folder.</param>
    /// <param name="dataFolder">The data folder.</param>
    /// <param name="prefix">Before the names of the streams in an EventStoreDB.</param>
    /// <param name="prepare">Whether it is to be written to: the schema is brought up to this version then.</param>
    /// <param name="ct">Cancellation.</param>
    public static async Task<OpenedLog> OpenAsync(string? connection, string dataFolder, string prefix, bool prepare, CancellationToken ct)
    {
        if (connection is not null && EventStoreDbSettings.IsMeant(connection))
        {
            var choice = new EventStoreDbChoice(Serving.Parse(connection), prefix);
            var log = new EventStoreDbLog(choice, answers: null, TimeProvider.System, NullLogger<EventStoreDbLog>.Instance);
            return await StartAsync(log, null, null, ct);
        }

        // Only what writes makes a ledger where there is none.
        if (
            connection is null
            && !prepare
            && new DirectoryInfo(Path.Combine(dataFolder, "postgres")) is { Exists: false, LinkTarget: null }
        )
            throw new MisconfiguredException(
                $"There is no ledger in {dataFolder}. Name the folder with --data, or a server with --connection."
            );
        var server = connection is null
            ? await EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions(dataFolder), NullLogger.Instance, ct)
            : null;
        try
        {
            var settings = Serving.Settings(server?.ConnectionString(EmbeddedPostgres.Superuser, EmbeddedPostgres.Database) ?? connection!);
            if (prepare)
                await LedgerSchema.ApplyAsync(
                    settings.ConnectionString,
                    server is null ? Serving.RoleOf(settings) : EmbeddedPostgres.ServiceRole,
                    ct
                );
            var database = Serving.DataSource(settings.ConnectionString);
            await using (var opened = await database.OpenConnectionAsync(ct))
                await LedgerSchema.RefuseNewerAsync(opened, ct);
            var log = new PostgresLog(database, TimeProvider.System, NullLogger<PostgresLog>.Instance);
            return await StartAsync(log, database, server, ct);
        }
        catch
        {
            if (server is not null)
                await server.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await Running.StopAsync(CancellationToken.None);
        Running.Dispose();
        if (Database is not null)
            await Database.DisposeAsync();
        if (Server is not null)
            await Server.DisposeAsync();
    }

    private static async Task<OpenedLog> StartAsync<TLog>(
        TLog log,
        NpgsqlDataSource? database,
        EmbeddedPostgres? server,
        CancellationToken ct
    )
        where TLog : BackgroundService, ILog
    {
        var opened = new OpenedLog(log, database, log, server);
        try
        {
            await log.StartAsync(ct);
            return opened;
        }
        catch
        {
            await opened.DisposeAsync();
            throw;
        }
    }
}
