using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using PresenceLedger.Embedded;
using PresenceLedger.Testing;

#pragma warning disable CA1416 // The embedded server runs on Linux only, and so do its tests.

namespace PresenceLedger.Ledger.Tests.Postgres;

public sealed class EmbeddedPostgresTests : IDisposable
{
    private const UnixFileMode Everybody =
        UnixFileMode.UserRead
        | UnixFileMode.UserWrite
        | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead
        | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead
        | UnixFileMode.OtherExecute;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    // Like mktemp -d: nobody but its owner can enter.
    private readonly string _private = Directory.CreateTempSubdirectory("presence-ledger-embedded-").FullName;

    private readonly List<Process> _processes = [];

    private string Folder
    {
        get
        {
            File.SetUnixFileMode(_private, Everybody);
            return Path.Combine(_private, "data");
        }
    }

    public void Dispose()
    {
        foreach (var process in _processes)
        {
            process.Kill();
            process.Dispose();
        }

        foreach (var link in Directory.EnumerateFileSystemEntries(_private, "postgres", SearchOption.AllDirectories).ToList())
        {
            if (new DirectoryInfo(link).ResolveLinkTarget(returnFinalTarget: true) is { Exists: true } elsewhere)
            {
                Directory.Delete(elsewhere.FullName, recursive: true);
            }
        }

        Directory.Delete(_private, recursive: true);
    }

    [Fact]
    public async Task A_fresh_cluster_has_the_database_and_an_unprivileged_role()
    {
        await using var server = await StartAsync(Folder);

        Assert.False(server.Adopted);
        Assert.Equal("on", await ScalarAsync(server, "SHOW data_checksums"));
        Assert.Equal("on", await ScalarAsync(server, "SHOW fsync"));
        Assert.Equal("UTF8", await ScalarAsync(server, "SHOW server_encoding"));
        Assert.Equal("scram-sha-256", await ScalarAsync(server, "SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules"));
        Assert.Equal(
            "false,false,false,true",
            await ScalarAsync(
                server,
                "SELECT concat_ws(',', rolsuper::text, rolcreatedb::text, rolcreaterole::text, rolcanlogin::text) "
                    + "FROM pg_roles WHERE rolname = 'presence_ledger'"
            )
        );
        Assert.Equal("presence_ledger", await ScalarAsync(server, "SELECT current_user", EmbeddedPostgres.ServiceRole));
    }

    [Fact]
    public async Task Nothing_listens_on_tcp()
    {
        await using var server = await StartAsync(Folder);

        Assert.Equal("", await ScalarAsync(server, "SHOW listen_addresses"));
        var files = new DirectoryInfo($"/proc/{server.ProcessId}/fd").EnumerateFileSystemInfos().Select(file => file.LinkTarget).ToList();
        Assert.Contains(files, file => file!.StartsWith("socket:", StringComparison.Ordinal));
        Assert.DoesNotContain(TcpSockets(), inode => files.Contains($"socket:[{inode}]"));
    }

    [Fact]
    public async Task Settings_of_the_caller_come_after_the_built_in_ones_but_never_open_a_port()
    {
        var options = new EmbeddedPostgresOptions(Folder)
        {
            Settings = new Dictionary<string, string> { ["max_connections"] = "17", ["listen_addresses"] = "127.0.0.1" },
        };
        await using var server = await EmbeddedPostgres.StartAsync(options, NullLogger.Instance, CancellationToken.None);

        Assert.Equal("17", await ScalarAsync(server, "SHOW max_connections"));
        Assert.Equal("", await ScalarAsync(server, "SHOW listen_addresses"));
    }

    [Fact]
    public async Task A_restart_keeps_the_data()
    {
        int first;
        await using (var server = await StartAsync(Folder))
        {
            first = server.ProcessId;
            await ScalarAsync(server, "CREATE TABLE kept AS SELECT 42 AS answer");
        }

        Assert.False(IsRunning(first));
        await using var again = await StartAsync(Folder);
        Assert.Equal("42", await ScalarAsync(again, "SELECT answer::text FROM kept"));
    }

    [Fact]
    public async Task A_start_that_was_cut_short_is_done_again()
    {
        Directory.CreateDirectory(Path.Combine(Folder, "postgres", "data.new", "half"));
        if (Environment.IsPrivilegedProcess)
        {
            await RunAsync("chown", "-R", "postgres", Path.Combine(Folder, "postgres"));
        }

        await using var server = await StartAsync(Folder);

        Assert.Equal("1", await ScalarAsync(server, "SELECT '1'"));
    }

    [Fact]
    public async Task The_server_is_out_of_reach_of_the_terminals_signals()
    {
        await using var server = await StartAsync(Folder);

        Assert.Equal(server.ProcessId, SessionOf(server.ProcessId));
    }

    [Fact]
    public async Task A_second_start_adopts_a_server_that_outlived_its_process()
    {
        var server = await StartAsync(Folder);
        // As long as another user seems to be there, our own end leaves the server running, as kill -9 would.
        var another = Path.Combine(Folder, "postgres", "users", "another");
        using (
            var user = Process.Start(
                new ProcessStartInfo("flock", [another, "sh", "-c", "echo here; cat"])
                {
                    UseShellExecute = false,
                    RedirectStandardInput = true,
                    RedirectStandardOutput = true,
                }
            )!
        )
        {
            Assert.Equal("here", await user.StandardOutput.ReadLineAsync());
            await server.DisposeAsync();
            user.StandardInput.Close();
            await user.WaitForExitAsync();
        }

        Assert.True(IsRunning(server.ProcessId));
        await using (var next = await StartAsync(Folder))
        {
            Assert.True(next.Adopted);
            Assert.Equal(server.ProcessId, next.ProcessId);
            Assert.Equal("1", await ScalarAsync(next, "SELECT '1'"));
        }

        Assert.False(IsRunning(server.ProcessId));
    }

    [Fact]
    public async Task Only_the_last_user_stops_the_server()
    {
        var first = await StartAsync(Folder);
        var second = await StartAsync(Folder);

        Assert.Equal(first.ProcessId, second.ProcessId);
        await first.DisposeAsync();
        Assert.Equal("1", await ScalarAsync(second, "SELECT '1'"));
        await second.DisposeAsync();
        Assert.False(IsRunning(first.ProcessId));
    }

    [Fact]
    public async Task Two_that_start_at_once_share_one_server()
    {
        var both = await Task.WhenAll(StartAsync(Folder), StartAsync(Folder));

        Assert.Equal(both[0].ProcessId, both[1].ProcessId);
        await Task.WhenAll(both.Select(server => server.DisposeAsync().AsTask()));
        Assert.False(IsRunning(both[0].ProcessId));
    }

    [Fact]
    public async Task A_server_that_is_killed_is_started_again()
    {
        await using var server = await StartAsync(Folder);
        await ScalarAsync(server, "CREATE TABLE kept AS SELECT 42 AS answer");
        var killed = server.ProcessId;

        Kill(killed);

        await UntilAsync(() => server.ProcessId != killed);
        Assert.Equal("42", await ScalarAsync(server, "SELECT answer::text FROM kept"));
    }

    [Fact]
    public async Task An_adopted_server_that_is_killed_is_started_again_once_for_all_its_users()
    {
        await using var first = await StartAsync(Folder);
        await using var second = await StartAsync(Folder);
        var killed = first.ProcessId;

        Kill(killed);

        await UntilAsync(() => first.ProcessId != killed && second.ProcessId != killed);
        Assert.Equal(first.ProcessId, second.ProcessId);
        Assert.Equal("1", await ScalarAsync(second, "SELECT '1'"));
    }

    [Fact]
    public async Task A_socket_that_is_swept_away_is_restored()
    {
        await using var server = await StartAsync(Folder);
        var socket = new NpgsqlConnectionStringBuilder(server.ConnectionString(EmbeddedPostgres.Superuser, "postgres")).Host!;
        var first = server.ProcessId;

        File.Delete(Path.Combine(socket, ".s.PGSQL.5432"));

        await UntilAsync(() => server.ProcessId != first);
        Assert.Equal("1", await ScalarAsync(server, "SELECT '1'"));
    }

    [Fact]
    public async Task A_path_too_long_for_a_socket_gets_a_private_folder_that_may_vanish()
    {
        var folder = Path.Combine(Folder, new string('x', 120));
        string socket;
        await using (var server = await StartAsync(folder))
        {
            socket = new NpgsqlConnectionStringBuilder(server.ConnectionString(EmbeddedPostgres.Superuser, "postgres")).Host!;
            Assert.StartsWith("/tmp/presence-ledger-", socket, StringComparison.Ordinal);
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(socket));
            var first = server.ProcessId;

            Directory.Delete(socket, recursive: true);

            await UntilAsync(() => server.ProcessId != first);
            Assert.Equal("1", await ScalarAsync(server, "SELECT '1'"));
        }

        Directory.Delete(socket, recursive: true);
        await using (var again = await StartAsync(folder))
        {
            Assert.Equal("1", await ScalarAsync(again, "SELECT '1'"));
        }

        Directory.Delete(socket, recursive: true);
    }

    [Theory]
    [InlineData("exec sleep 60")]
    [InlineData("sleep 0 & exec sleep 60")]
    public async Task A_pid_left_behind_that_is_another_programs_or_a_zombies_is_no_server(string program)
    {
        await using (await StartAsync(Folder)) { }

        var other = StartAsServerAccount("sh", "-c", program);
        var pid = other.Id;
        if (program.StartsWith("sleep", StringComparison.Ordinal))
        {
            var children = $"/proc/{other.Id}/task/{other.Id}/children";
            await UntilAsync(() => File.ReadAllText(children).Trim().Length > 0);
            pid = int.Parse(File.ReadAllText(children), CultureInfo.InvariantCulture);
            await UntilAsync(() => Status(pid)[0] == "Z");
        }

        var file = Path.Combine(Folder, "postgres", "data", "postmaster.pid");
        await File.WriteAllTextAsync(
            file,
            $"{pid}\n{Path.GetDirectoryName(file)}\n1700000000\n5432\n/tmp\n\n  5432001         0\nready   \n"
        );
        if (Environment.IsPrivilegedProcess)
        {
            await RunAsync("chown", "postgres", file);
        }

        await using var server = await StartAsync(Folder);

        Assert.False(server.Adopted);
        Assert.NotEqual(pid, server.ProcessId);
        Assert.False(other.HasExited);
        Assert.Equal("1", await ScalarAsync(server, "SELECT '1'"));
    }

    [AsRootFact]
    public async Task Programs_in_the_working_directory_are_not_mistaken_for_the_systems()
    {
        var before = Environment.CurrentDirectory;
        var folder = Folder;
        foreach (var name in new[] { "id", "test", "mkdir", "sync", "setsid" })
        {
            await File.WriteAllTextAsync(Path.Combine(_private, name), "#!/bin/sh\nexit 1\n");
            File.SetUnixFileMode(Path.Combine(_private, name), Everybody);
        }

        Environment.CurrentDirectory = _private;
        try
        {
            await using var server = await StartAsync(folder);
            Assert.Null(new DirectoryInfo(Path.Combine(folder, "postgres")).LinkTarget);
        }
        finally
        {
            Environment.CurrentDirectory = before;
        }
    }

    [AsRootFact]
    public async Task Below_a_private_folder_the_cluster_lives_elsewhere_and_a_new_folder_gets_a_new_one()
    {
        var link = new DirectoryInfo(Path.Combine(_private, "postgres"));
        await using (var server = await StartAsync(_private))
        {
            await ScalarAsync(server, "CREATE TABLE kept AS SELECT 42 AS answer");
        }

        var elsewhere = link.ResolveLinkTarget(returnFinalTarget: true);
        Assert.StartsWith("/var/lib/presence-ledger/", elsewhere?.FullName, StringComparison.Ordinal);
        await using (var again = await StartAsync(_private))
        {
            Assert.Equal("42", await ScalarAsync(again, "SELECT answer::text FROM kept"));
        }

        link.Delete();
        await using (var anew = await StartAsync(_private))
        {
            Assert.Equal("", await ScalarAsync(anew, "SELECT coalesce(to_regclass('kept')::text, '')"));
        }

        Directory.Delete(elsewhere!.FullName, recursive: true);
    }

    [AsRootFact]
    public async Task A_cluster_that_was_taken_away_is_not_replaced_by_an_empty_one()
    {
        File.CreateSymbolicLink(Path.Combine(_private, "postgres"), "/var/lib/presence-ledger/gone");

        var refused = await Assert.ThrowsAsync<EmbeddedPostgresException>(() => StartAsync(_private));

        Assert.Contains("/var/lib/presence-ledger/gone, which is not there", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cluster_of_another_major_version_is_refused()
    {
        var data = Path.Combine(Folder, "postgres", "data");
        Directory.CreateDirectory(data);
        await File.WriteAllTextAsync(Path.Combine(data, "PG_VERSION"), "9\n");

        var refused = await Assert.ThrowsAsync<EmbeddedPostgresException>(() => StartAsync(Folder));

        Assert.Contains("made by PostgreSQL 9", refused.Message, StringComparison.Ordinal);
        Assert.Contains("apt-get install postgresql-9", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Missing_programs_are_reported_with_their_folder()
    {
        var options = new EmbeddedPostgresOptions(Folder) { BinariesFolder = "/nowhere" };

        var refused = await Assert.ThrowsAsync<EmbeddedPostgresException>(() =>
            EmbeddedPostgres.StartAsync(options, NullLogger.Instance, CancellationToken.None)
        );

        Assert.Contains("/nowhere", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_does_not_start_is_reported_with_the_end_of_its_log()
    {
        var options = new EmbeddedPostgresOptions(Folder) { Settings = new Dictionary<string, string> { ["shared_buffers"] = "nonsense" } };

        var refused = await Assert.ThrowsAsync<EmbeddedPostgresException>(() =>
            EmbeddedPostgres.StartAsync(options, NullLogger.Instance, CancellationToken.None)
        );

        Assert.Contains("invalid value for parameter \"shared_buffers\"", refused.Message, StringComparison.Ordinal);
        await using var server = await StartAsync(Folder);
        Assert.Equal("1", await ScalarAsync(server, "SELECT '1'"));
    }

    [Fact]
    public async Task A_data_folder_that_cannot_be_written_is_reported()
    {
        // A file in the way stops root too.
        var file = Path.Combine(_private, "file");
        await File.WriteAllTextAsync(file, "");

        var refused = await Assert.ThrowsAsync<EmbeddedPostgresException>(() => StartAsync(Path.Combine(file, "data")));

        Assert.Contains("cannot be used", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_console_runs_psql_as_the_superuser_and_returns_its_exit_code()
    {
        await using var server = await StartAsync(Folder);

        Assert.Equal(0, await Psql.RunPsqlAsync(server, ["--quiet", "--command", "CREATE TABLE made ()"]));
        Assert.Equal("made", await ScalarAsync(server, "SELECT to_regclass('made')::text"));
        Assert.NotEqual(0, await Psql.RunPsqlAsync(server, ["--quiet", "--file", "/nowhere.sql"]));
    }

    [Fact]
    public async Task A_test_database_is_empty_and_serves_both_roles()
    {
        await using var database = await TestPostgres.CreateDatabaseAsync();
        foreach (var connectionString in new[] { database.SuperuserConnectionString, database.ServiceConnectionString })
        {
            await using var connection = new NpgsqlConnection(connectionString);
            await connection.OpenAsync();
            Assert.Equal(database.Name, connection.Database);
        }
    }

    private static Task<EmbeddedPostgres> StartAsync(string folder) =>
        EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions(folder), NullLogger.Instance, CancellationToken.None);

    private static async Task<string?> ScalarAsync(EmbeddedPostgres server, string sql, string user = EmbeddedPostgres.Superuser)
    {
        await using var connection = new NpgsqlConnection(server.ConnectionString(user, EmbeddedPostgres.Database) + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (string?)await command.ExecuteScalarAsync();
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        var started = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(started) < Patience, "It has not come about in time.");
            await Task.Delay(TimeSpan.FromMilliseconds(10));
        }
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
    }

    private static void Kill(int processId)
    {
        using var process = Process.GetProcessById(processId);
        process.Kill();
    }

    private static bool IsRunning(int processId) => Directory.Exists($"/proc/{processId}") && Status(processId)[0] is not ("Z" or "X");

    private static int SessionOf(int processId) => int.Parse(Status(processId)[3], CultureInfo.InvariantCulture);

    /// <summary>The fields of /proc/PID/stat behind the program's name: state, parent, group, session, …</summary>
    private static string[] Status(int processId)
    {
        var text = File.ReadAllText($"/proc/{processId}/stat");
        return text[(text.LastIndexOf(')') + 2)..].Split(' ');
    }

    private static IEnumerable<string> TcpSockets() =>
        new[] { "/proc/net/tcp", "/proc/net/tcp6" }
            .Where(File.Exists)
            .SelectMany(File.ReadLines)
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[9]);

    // PostgreSQL heeds the processes of its own account only.
    private Process StartAsServerAccount(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { UseShellExecute = false };
        if (Environment.IsPrivilegedProcess)
        {
            start.UserName = "postgres";
        }

        var process = Process.Start(start)!;
        _processes.Add(process);
        return process;
    }
}

/// <summary>Only root is kept out by nobody and yet has to start PostgreSQL as somebody who is.</summary>
internal sealed class AsRootFactAttribute : FactAttribute
{
    public AsRootFactAttribute()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Skip = "Needs root.";
        }
    }
}
