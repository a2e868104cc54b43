using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging;

namespace PresenceLedger.Embedded;

/// <summary>One running <c>postgres</c>, started by this process or adopted from one that is gone.</summary>
internal sealed class PostgresServer
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan RecoveryLimit = TimeSpan.FromMinutes(5);

    private readonly ClusterFolder _cluster;
    private readonly Process? _child;
    private readonly long _logStart;

    private PostgresServer(ClusterFolder cluster, int processId, Process? child, long logStart)
    {
        _cluster = cluster;
        ProcessId = processId;
        _child = child;
        _logStart = logStart;
    }

    public int ProcessId { get; }

    public bool Adopted => _child is null;

    public bool IsAlive => _child is { } child ? !child.HasExited : IsServerOf(_cluster, ProcessId);

    /// <summary>How the server ended, as far as it can be known.</summary>
    public string Ending =>
        _child is { HasExited: true } child ? $"exit code {child.ExitCode}" : "not our child, so its exit code is unknown";

    /// <summary>The server that holds the cluster, whoever started it.</summary>
    public static PostgresServer? Running(ClusterFolder cluster) =>
        ReadPidFile(cluster) is { } file && IsServerOf(cluster, file.ProcessId)
            ? new PostgresServer(cluster, file.ProcessId, child: null, LogLength(cluster))
            : null;

    /// <summary>Starts a server; only to be called when <see cref="Running"/> is null.</summary>
    public static PostgresServer Launch(ClusterFolder cluster, string binaries, IReadOnlyDictionary<string, string> settings)
    {
        cluster.RotateLog();
        var logStart = LogLength(cluster);

        // The shell opens the log and becomes setsid, which becomes postgres: one process throughout. In a session of its own the
        // server does not get the terminal's Ctrl-C, and it is for us to end it when we are done.
        const string Script = """exec setsid "$@" </dev/null >>"$0" 2>&1""";
        var arguments = new List<string> { "-c", Script, cluster.Log, Path.Combine(binaries, "postgres"), "-D", cluster.Data };
        foreach (var (name, value) in Settings(cluster, settings))
        {
            arguments.Add("-c");
            arguments.Add($"{name}={value}");
        }

        // A pid that is left in postmaster.pid may be a zombie's by now, or another program's, and postgres takes either for a server.
        // Named as its grandparent, which is what pg_ctl uses this variable for, it is not; and unlike after a removal of the file,
        // postgres still checks that no backend of the dead server is left in its shared memory.
        var stale = ReadPidFile(cluster)?.ProcessId ?? 0;
        var child = cluster.Account.Start(
            "/bin/sh",
            arguments,
            cluster.Data,
            ("PG_GRANDPARENT_PID", stale.ToString(CultureInfo.InvariantCulture))
        );
        return new PostgresServer(cluster, child.Id, child, logStart);
    }

    /// <summary>Waits until the server takes connections; false when it ended instead.</summary>
    public async Task<bool> WaitUntilReadyAsync(CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(RecoveryLimit, TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        try
        {
            while (IsAlive)
            {
                if (ReadPidFile(_cluster) is { IsReady: true } file && file.ProcessId == ProcessId)
                {
                    return true;
                }

                await Task.Delay(Poll, TimeProvider.System, either.Token);
            }

            return false;
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw new EmbeddedPostgresException(
                $"PostgreSQL (process {ProcessId}) is not ready after {RecoveryLimit.TotalMinutes:0} minutes. Its log {_cluster.Log} ends:\n{LastWords()}",
                e
            );
        }
    }

    /// <summary>Waits for the end of the process.</summary>
    public async Task WaitForExitAsync(CancellationToken ct)
    {
        if (_child is not null)
        {
            await _child.WaitForExitAsync(ct);
        }

        while (IsAlive)
        {
            await Task.Delay(Poll, TimeProvider.System, ct);
        }
    }

    /// <summary>Stops the server: sessions are ended, and all is written. One that does not obey is left to recover at its next start.</summary>
    public async Task StopAsync(ILogger logger)
    {
        if (!IsAlive)
        {
            return;
        }

        foreach (var signal in new[] { Posix.Signal.Interrupt, Posix.Signal.Quit })
        {
            Posix.Send(ProcessId, signal);
            using var limit = new CancellationTokenSource(StopLimit, TimeProvider.System);
            try
            {
                await WaitForExitAsync(limit.Token);
                return;
            }
            catch (OperationCanceledException)
            {
                logger.LogWarning(
                    "PostgreSQL (process {ProcessId}) has not stopped {Seconds} s after {Signal}.",
                    ProcessId,
                    StopLimit.TotalSeconds,
                    signal
                );
            }
        }
    }

    /// <summary>The end of what the server wrote to its log since it started.</summary>
    public string LastWords()
    {
        const int Lines = 20;
        var unwritten = Adopted || !_child!.HasExited ? "" : _child.StandardError.ReadToEnd();
        if (!File.Exists(_cluster.Log))
        {
            return unwritten;
        }

        using var log = new FileStream(_cluster.Log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        log.Seek(Math.Min(_logStart, log.Length), SeekOrigin.Begin);
        using var reader = new StreamReader(log);
        return string.Join('\n', (unwritten + reader.ReadToEnd()).Split('\n', StringSplitOptions.RemoveEmptyEntries).TakeLast(Lines));
    }

    private static long LogLength(ClusterFolder cluster) => new FileInfo(cluster.Log) is { Exists: true } log ? log.Length : 0;

    private static Dictionary<string, string> Settings(ClusterFolder cluster, IReadOnlyDictionary<string, string> wanted)
    {
        var settings = new Dictionary<string, string>
        {
            ["shared_buffers"] = "128MB",
            ["max_connections"] = "100",
            ["wal_compression"] = "on",
            ["jit"] = "off",
            ["huge_pages"] = "off",
            ["timezone"] = "UTC",
            ["log_timezone"] = "UTC",
            ["log_line_prefix"] = "%m [%p] %q%u@%d ",
            ["log_checkpoints"] = "off",
            // Statements may carry secrets and personal data.
            ["log_min_error_statement"] = "panic",
        };
        foreach (var (name, value) in wanted)
        {
            settings[name] = value;
        }

        // Not to be changed: the server is private.
        settings["listen_addresses"] = "";
        settings["port"] = "5432";
        settings["unix_socket_directories"] = cluster.SocketFolder;
        return settings;
    }

    private static PidFile? ReadPidFile(ClusterFolder cluster)
    {
        const int StatusLine = 7;
        try
        {
            var lines = File.ReadAllLines(Path.Combine(cluster.Data, "postmaster.pid"));
            return lines.Length > 0 && int.TryParse(lines[0], CultureInfo.InvariantCulture, out var processId)
                ? new PidFile(processId, lines.Length > StatusLine && lines[StatusLine].Trim() == "ready")
                : null;
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    // A pid says little: it may be a zombie's, or have come to another program. A process that is over, even when nobody has
    // collected its exit code yet, has no command line any more; that of a server names its data folder.
    private static bool IsServerOf(ClusterFolder cluster, int processId)
    {
        try
        {
            var words = File.ReadAllText($"/proc/{processId}/cmdline").Split('\0');
            return Path.GetFileName(words[0]) == "postgres" && words is [_, "-D", var data, ..] && data == cluster.Data;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private sealed record PidFile(int ProcessId, bool IsReady);
}
