using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using PresenceLedger.Embedded;
using PresenceLedger.Testing.EventStoreDb;

namespace PresenceLedger.Testing;

/// <summary>One throw-away PostgreSQL server per test process, started by the first test that needs it; it is gone after the process.</summary>
public static class TestPostgres
{
    // Waits, in a session of its own, for the end of the test process, which closes our end of the pipe however it comes about.
    private const string Sweep = """
        exec >/dev/null 2>&1
        cat
        if read -r pid <"$0/postgres/data/postmaster.pid" && kill -QUIT "$pid"; then
            tries=100
            while [ "$tries" -gt 0 ] && grep -q . "/proc/$pid/cmdline"; do sleep 0.05; tries=$((tries - 1)); done
        fi
        rm -rf "$(readlink -f "$0/postgres")" "$0"
        """;

    private static readonly Lazy<Task<EmbeddedPostgres>> Started = new(StartAsync);

    // Kept from the garbage collector: with it the pipe would close.
    private static Process? _sweeper;

    /// <summary>The server, for tests that need more than a database.</summary>
    public static Task<EmbeddedPostgres> ServerAsync() => Started.Value;

    /// <summary>A fresh, empty database of the caller's own.</summary>
    public static async Task<TestDatabase> CreateDatabaseAsync(TestEventStore? eventStore = null)
    {
        var server = await ServerAsync();
        var name = $"test_{Guid.NewGuid():N}";
        await ExecuteAsync(server, $"CREATE DATABASE {name}");
        return new TestDatabase(server, name) { EventStore = eventStore };
    }

    internal static async Task ExecuteAsync(EmbeddedPostgres server, string statement)
    {
        await using var connection = new NpgsqlConnection(server.ConnectionString(EmbeddedPostgres.Superuser, "postgres"));
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(statement, connection);
        await command.ExecuteNonQueryAsync();
    }

    private static Task<EmbeddedPostgres> StartAsync()
    {
        var folder = Directory.CreateTempSubdirectory("presence-ledger-tests-").FullName;
        if (!OperatingSystem.IsWindows())
        {
            // So that the server's account can pass when the tests run as root.
            File.SetUnixFileMode(folder, File.GetUnixFileMode(folder) | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        }

        _sweeper = Process.Start(
            new ProcessStartInfo("/usr/bin/env", ["setsid", "sh", "-c", Sweep, folder])
            {
                UseShellExecute = false,
                RedirectStandardInput = true,
            }
        );
        var options = new EmbeddedPostgresOptions(folder) { Settings = new Dictionary<string, string> { ["max_connections"] = "200" } };
        return EmbeddedPostgres.StartAsync(options, NullLogger.Instance, CancellationToken.None);
    }
}

/// <summary>A database of one test or test class, dropped when disposed; with the EventStoreDB that keeps its log, where one does.</summary>
public sealed class TestDatabase : IAsyncDisposable
{
    private readonly EmbeddedPostgres _server;
    private readonly string _keys = Path.Combine(Path.GetTempPath(), "presence-ledger-keys-" + Guid.NewGuid().ToString("N"));

    internal TestDatabase(EmbeddedPostgres server, string name)
    {
        _server = server;
        Name = name;
    }

    public string Name { get; }

    /// <summary>What keeps the log beside the database, for nodes that start from now on; null where the database does.</summary>
    public TestEventStore? EventStore { get; set; }

    public string SuperuserConnectionString => _server.ConnectionString(EmbeddedPostgres.Superuser, Name);

    /// <summary>Connects as the role that the service runs with.</summary>
    public string ServiceConnectionString => _server.ConnectionString(EmbeddedPostgres.ServiceRole, Name);

    /// <summary>What makes the service use it.</summary>
    public string[] Arguments =>
        [
            "--connection",
            ServiceConnectionString,
            "--Ledger:OwnerConnectionString",
            SuperuserConnectionString,
            "--Seals:KeyFolder",
            _keys,
            "--Dashboard:KeyFolder",
            Path.Combine(_keys, "cookies"),
            .. EventStore?.Arguments ?? [],
        ];

    public async ValueTask DisposeAsync()
    {
        await TestPostgres.ExecuteAsync(_server, $"DROP DATABASE {Name} WITH (FORCE)");
        if (EventStore is not null)
            await EventStore.DisposeAsync();
        if (Directory.Exists(_keys))
            Directory.Delete(_keys, recursive: true);
    }
}
