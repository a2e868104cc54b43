using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using PresenceLedger.Embedded;
using PresenceLedger.Testing;

namespace PresenceLedger.Resilience.Tests;

/// <summary>A data folder of one test, with the cluster that the service makes in it.</summary>
public sealed class DataFolder : IAsyncDisposable
{
    private DataFolder(string path) => Path = path;

    public string Path { get; }

    public static DataFolder Create()
    {
        var path = Directory.CreateTempSubdirectory("presence-ledger-resilience-").FullName;
        if (!OperatingSystem.IsWindows())
        {
            // So that the server's account can pass when the tests run as root.
            File.SetUnixFileMode(path, File.GetUnixFileMode(path) | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        }
        return new DataFolder(path);
    }

    public Task<ServiceProcess> StartAsync(params string[] more) => ServiceProcess.StartAsync(["--data", Path, .. more]);

    /// <summary>The process of the cluster's server; null where none runs.</summary>
    public int? ServerProcessId()
    {
        var file = System.IO.Path.Combine(Path, "postgres", "data", "postmaster.pid");
        if (!File.Exists(file))
            return null;
        var id = int.Parse(File.ReadLines(file).First(), CultureInfo.InvariantCulture);
        return Directory.Exists($"/proc/{id}") ? id : null;
    }

    /// <summary>Uses the cluster's server beside the service.</summary>
    public Task<EmbeddedPostgres> OpenAsync() =>
        EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions(Path), NullLogger.Instance, CancellationToken.None);

    public static NpgsqlDataSource Connect(EmbeddedPostgres server) =>
        NpgsqlDataSource.Create(server.ConnectionString(EmbeddedPostgres.Superuser, EmbeddedPostgres.Database));

    public async ValueTask DisposeAsync()
    {
        // Stops a server that a killed service left behind.
        await using (await OpenAsync()) { }
        var cluster = new DirectoryInfo(System.IO.Path.Combine(Path, "postgres"));
        if (cluster.LinkTarget is { } target)
            Directory.Delete(target, recursive: true);
        Directory.Delete(Path, recursive: true);
    }
}
