using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using PresenceLedger.Embedded;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Clock;
using PresenceLedger.Ledger.EventStoreDb;
using PresenceLedger.Ledger.Postgres;
using PresenceLedger.Ledger.Reasons;
using PresenceLedger.Ledger.Stores;
using PresenceLedger.Projections.Presence;
using PresenceLedger.Queries.Timeline;

namespace PresenceLedger.Api.Hosting;

/// <summary>A log that a verb works on, running, and what it stands on.</summary>
/// <param name="Log">The log.</param>
/// <param name="Database">The PostgreSQL that keeps it; null where an EventStoreDB does.</param>
/// <param name="Beside">The PostgreSQL beside an EventStoreDB; null where there is none at hand.</param>
/// <param name="Running">The log, to be stopped.</param>
/// <param name="Server">The database server that was started for it; null where there was one.</param>
/// <param name="Clock">The clock of the ledger; the machine's own where no PostgreSQL is at hand (TIM-1).</param>
internal sealed record OpenedLog(
    ILog Log,
    NpgsqlDataSource? Database,
    NpgsqlDataSource? Beside,
    BackgroundService Running,
    EmbeddedPostgres? Server,
    TimeProvider Clock
) : IAsyncDisposable
{
    /// <summary>
    /// What an audit reads. Where the log is an EventStoreDB and no PostgreSQL is beside it, it is without texts of reasons.
    /// </summary>
    public Records Records() => new(Log, Texts, Database is null ? null : new PastStates(Database, Log));

    /// <summary>The texts of reasons; null where nobody said where they are.</summary>
    public IReasonTexts? Texts => (Database ?? Beside) is { } texts ? new PostgresReasonTexts(texts, Clock) : null;

    /// <summary>Opens the log that was chosen. The database, where there is one, says whether it is the one with the ledger.</summary>
    /// <param name="choice">The database, and what keeps the ledger.</param>
    /// <param name="prepare">Whether it is to be written to: the schema is brought up to this version then.</param>
    /// <param name="ct">Cancellation.</param>
    /// <exception cref="MisconfiguredException">There is no such ledger.</exception>
    /// <exception cref="WrongStoreException">The ledger of the database is elsewhere.</exception>
    public static Task<OpenedLog> OpenAsync(DatabaseChoice choice, bool prepare, CancellationToken ct) =>
        OpenAsync(choice, prepare, isChecked: true, ct);

    /// <summary>Opens the log that was chosen, to become the ledger; the database may remember another one.</summary>
    public static Task<OpenedLog> OpenTargetAsync(DatabaseChoice choice, CancellationToken ct) =>
        OpenAsync(choice, prepare: true, isChecked: false, ct);

    /// <summary>Opens the log of a connection string by itself, whatever was chosen; for a copy of the ledger.</summary>
    /// <param name="connection">An EventStoreDB's or a PostgreSQL's.</param>
    /// <param name="choice">The prefix of streams in an EventStoreDB, and what else was chosen.</param>
    /// <param name="prepare">Whether it is to be written to.</param>
    /// <param name="isTarget">Whether it is to become the ledger, and need not be it.</param>
    /// <param name="ct">Cancellation.</param>
    public static Task<OpenedLog> OpenAsync(string connection, DatabaseChoice choice, bool prepare, bool isTarget, CancellationToken ct) =>
        EventStoreDbSettings.IsMeant(connection)
            ? OpenAsync(
                new EventStoreDbChoice(Serving.Parse(connection), choice.Configuration()["Ledger:StreamPrefix"] ?? ""),
                given: null,
                owner: null,
                dataFolder: null,
                binaries: null,
                prepare,
                isChecked: false,
                ct
            )
            : OpenAsync(null, connection, owner: null, dataFolder: null, binaries: null, prepare, isChecked: !isTarget, ct);

    private static Task<OpenedLog> OpenAsync(DatabaseChoice choice, bool prepare, bool isChecked, CancellationToken ct)
    {
        var configuration = choice.Configuration();
        var given = choice.GivenDatabase(configuration);
        return OpenAsync(
            Serving.LogOf(choice, configuration),
            given,
            given is null ? null : configuration["Ledger:OwnerConnectionString"],
            choice.DataFolder,
            configuration["Ledger:PostgresBinaries"],
            prepare,
            isChecked,
            ct
        );
    }

    private static async Task<OpenedLog> OpenAsync(
        EventStoreDbChoice? store,
        string? given,
        string? owner,
        string? dataFolder,
        string? binaries,
        bool prepare,
        bool isChecked,
        CancellationToken ct
    )
    {
        // Only what writes makes a ledger where there is none, and only in a database that keeps it.
        var isThere =
            dataFolder is not null
            && new DirectoryInfo(Path.Combine(dataFolder, "postgres")) is { Exists: true } or { LinkTarget: not null };
        if (given is null && !isThere && !prepare && store is null)
            throw new MisconfiguredException(
                $"There is no ledger in {dataFolder}. Name the folder with --data, or a server with --connection."
            );
        EmbeddedPostgres? server = null;
        NpgsqlDataSource? database = null;
        var clock = TimeProvider.System;
        try
        {
            if (given is null && dataFolder is not null && (isThere || store is null))
                server = await EmbeddedPostgres.StartAsync(
                    new EmbeddedPostgresOptions(dataFolder) { BinariesFolder = binaries },
                    NullLogger.Instance,
                    ct
                );
            if ((given ?? server?.ConnectionString(EmbeddedPostgres.Superuser, EmbeddedPostgres.Database)) is { } connection)
            {
                var settings = Serving.Settings(connection);
                // The schema by its owner, the work by the service's own role, where both are given.
                if (prepare)
                    await LedgerSchema.ApplyAsync(
                        owner ?? settings.ConnectionString,
                        server is null ? Serving.RoleOf(settings) : EmbeddedPostgres.ServiceRole,
                        ct
                    );
                database = Serving.DataSource(settings.ConnectionString);
                await using var checking = await database.OpenConnectionAsync(ct);
                await LedgerSchema.RefuseNewerAsync(checking, ct);
                if (!prepare && await LedgerSchema.IsUnnumberedAsync(checking, ct))
                    throw new MisconfiguredException(
                        "This ledger is of an older version of PresenceLedger. Start the service once with this version, which carries it over "
                            + "(docs/operations.md)."
                    );
                clock = new LedgerClock(new PostgresTime(settings.ConnectionString), TimeProvider.System, NullLogger<LedgerClock>.Instance);
            }
            var opened = store is null
                ? await StartAsync(new PostgresLog(database!, clock, NullLogger<PostgresLog>.Instance), database, null, server, clock, ct)
                : await StartAsync(
                    new EventStoreDbLog(store, answers: null, clock, NullLogger<EventStoreDbLog>.Instance),
                    null,
                    database,
                    server,
                    clock,
                    ct
                );
            // It stands on them now, and lets them go.
            var memory = isChecked && database is not null ? new StoreMemory(database, opened.Log, store?.Prefix ?? "") : null;
            (server, database) = (null, null);
            try
            {
                if (memory is not null)
                    await memory.CheckAsync(ct);
                return opened;
            }
            catch
            {
                await opened.DisposeAsync();
                throw;
            }
        }
        catch
        {
            (clock as LedgerClock)?.Dispose();
            if (database is not null)
                await database.DisposeAsync();
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
        (Clock as LedgerClock)?.Dispose();
        if ((Database ?? Beside) is { } database)
            await database.DisposeAsync();
        if (Server is not null)
            await Server.DisposeAsync();
    }

    private static async Task<OpenedLog> StartAsync<TLog>(
        TLog log,
        NpgsqlDataSource? database,
        NpgsqlDataSource? beside,
        EmbeddedPostgres? server,
        TimeProvider clock,
        CancellationToken ct
    )
        where TLog : BackgroundService, ILog
    {
        var opened = new OpenedLog(log, database, beside, log, server, clock);
        try
        {
            await clock.KnownAsync(ct);
            await log.StartAsync(ct);
            return opened;
        }
        catch
        {
            log.Dispose();
            throw;
        }
    }
}
