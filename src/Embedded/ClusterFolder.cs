using System.Globalization;
using System.Security.Cryptography;
using System.Text;

#pragma warning disable CA1416 // EmbeddedPostgres refuses to start on anything but Linux.

namespace PresenceLedger.Embedded;

/// <summary>The folder of the cluster: <c>data</c> for PostgreSQL, and beside it the passwords, the log, the lock and the socket.</summary>
internal sealed class ClusterFolder
{
    /// <summary>The part of PostgreSQL's socket path behind its folder; the port only names the socket, nothing listens on it.</summary>
    public const string SocketName = ".s.PGSQL.5432";

    private const string Elsewhere = "/var/lib/presence-ledger";
    private const int LongestSocketPath = 107;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly string _home;

    private ClusterFolder(string home, OsAccount account)
    {
        _home = home;
        Account = account;
        SocketFolder = FitsSocket(home) ? home : RecordedSocketFolder();
    }

    public OsAccount Account { get; }

    public string Data => Path.Combine(_home, "data");

    public string Log => Path.Combine(_home, "server.log");

    /// <summary>Has a file for everybody who uses the server.</summary>
    public string Users => Path.Combine(_home, "users");

    public string SocketFolder { get; private set; }

    public bool HasSocket => File.Exists(Path.Combine(SocketFolder, SocketName));

    /// <summary>Whether <c>initdb</c> came to its end here.</summary>
    public bool IsInitialized => Directory.Exists(Data);

    /// <summary>The major version of PostgreSQL that made the cluster.</summary>
    public int Major => int.Parse(File.ReadAllText(Path.Combine(Data, "PG_VERSION")), CultureInfo.InvariantCulture);

    private string SuperuserPasswordFile => Path.Combine(_home, "superuser.password");

    private string ServicePasswordFile => Path.Combine(_home, "service.password");

    private string SocketFolderFile => Path.Combine(_home, "socket-folder");

    /// <summary>
    /// The cluster folder of a data folder: <c>postgres</c> in it. Where the server's account cannot get there (started by root below
    /// a private folder), that is a link to a folder of a random name elsewhere: a data folder made anew never meets old data.
    /// </summary>
    public static async Task<ClusterFolder> PlaceAsync(string dataFolder, OsAccount account, CancellationToken ct)
    {
        var path = Path.Combine(dataFolder, "postgres");
        if (!Directory.Exists(path))
        {
            if (new FileInfo(path).LinkTarget is { } gone)
            {
                throw new EmbeddedPostgresException(
                    $"{path} leads to {gone}, which is not there. Bring that folder back, or remove the link to begin with an empty ledger."
                );
            }

            if (await account.ReachesAsync(dataFolder, ct))
            {
                MakePrivate(path, account);
            }
            else
            {
                Directory.CreateDirectory(Elsewhere);
                File.SetUnixFileMode(Elsewhere, OwnerOnly | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
                var home = Path.Combine(Elsewhere, RandomNumberGenerator.GetHexString(24, lowercase: true));
                MakePrivate(home, account);
                File.CreateSymbolicLink(path, home);
            }
        }

        path = Posix.RealPath(path);
        return await account.ReachesAsync(path, ct)
            ? new ClusterFolder(path, account)
            : throw new EmbeddedPostgresException(
                $"The operating system user 'postgres' cannot enter {path}. Let it pass through the folders above (chmod o+x)."
            );
    }

    public string Password(string user) =>
        user switch
        {
            EmbeddedPostgres.Superuser => File.ReadAllText(SuperuserPasswordFile),
            EmbeddedPostgres.ServiceRole => File.ReadAllText(ServicePasswordFile),
            _ => throw new ArgumentOutOfRangeException(
                nameof(user),
                user,
                "Only the superuser and the service's role have a password here."
            ),
        };

    /// <summary>Makes the cluster. It takes its name only when it is whole, so a start that was cut short is simply done again.</summary>
    public async Task InitializeAsync(string binaries, CancellationToken ct)
    {
        var unfinished = Path.Combine(_home, "data.new");
        if (Directory.Exists(unfinished))
        {
            Directory.Delete(unfinished, recursive: true);
        }

        WriteSecret(SuperuserPasswordFile);
        WriteSecret(ServicePasswordFile);
        string[] arguments =
        [
            "--pgdata=" + unfinished,
            "--username=" + EmbeddedPostgres.Superuser,
            "--pwfile=" + SuperuserPasswordFile,
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--data-checksums",
        ];
        var (exitCode, output) = await Account.RunAsync(Path.Combine(binaries, "initdb"), arguments, _home, ct);
        if (exitCode != 0)
        {
            throw new EmbeddedPostgresException($"initdb cannot make a cluster in {_home} (exit code {exitCode}). It said:\n{output}");
        }

        Directory.Move(unfinished, Data);
        await Account.RunAsync("sync", [_home, SuperuserPasswordFile, ServicePasswordFile], "/", ct);
    }

    /// <summary>Makes sure that the socket's folder is there and nobody else's. Programs that clean up <c>/tmp</c> may have taken it.</summary>
    /// <param name="mayMove">Whether the folder may get another name, as nobody knows the old one yet.</param>
    /// <param name="ct">Stops the attempt.</param>
    public async Task PrepareSocketFolderAsync(bool mayMove, CancellationToken ct)
    {
        if (SocketFolder == _home || await IsOwnedAsync(SocketFolder, ct) || await MakeAsync(SocketFolder, ct))
        {
            return;
        }

        if (mayMove)
        {
            File.Delete(SocketFolderFile);
            SocketFolder = RecordedSocketFolder();
            if (await MakeAsync(SocketFolder, ct))
            {
                return;
            }
        }

        throw new EmbeddedPostgresException(
            $"The folder {SocketFolder} for PostgreSQL's socket cannot be made. Is /tmp full or read-only?"
        );
    }

    /// <summary>Keeps one earlier log when the present one has grown; to be called while no server writes to it.</summary>
    public void RotateLog()
    {
        const long Large = 16 * 1024 * 1024;
        var log = new FileInfo(Log);
        if (log.Exists && log.Length > Large)
        {
            log.MoveTo(Log + ".1", overwrite: true);
        }
    }

    // Made by the account itself and never taken over: mkdir fails when somebody else has taken the name.
    private async Task<bool> MakeAsync(string folder, CancellationToken ct) =>
        (await Account.RunAsync("mkdir", ["-m", "700", folder], "/", ct)).ExitCode == 0;

    private async Task<bool> IsOwnedAsync(string folder, CancellationToken ct) =>
        (await Account.RunAsync("test", ["!", "-L", folder, "-a", "-O", folder], "/", ct)).ExitCode == 0;

    private static void MakePrivate(string folder, OsAccount account)
    {
        Directory.CreateDirectory(folder, OwnerOnly);
        account.Own(folder);
    }

    private void WriteSecret(string path)
    {
        var options = new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        using (var file = new StreamWriter(path, Encoding.ASCII, options))
        {
            file.Write(RandomNumberGenerator.GetHexString(48, lowercase: true));
        }

        Account.Own(path);
    }

    // Beyond the length, a comma would be two folders to PostgreSQL and two hosts to its client, and a colon a port.
    private static bool FitsSocket(string folder) =>
        Encoding.UTF8.GetByteCount(folder) + 1 + SocketName.Length <= LongestSocketPath
        && folder.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '.' or '_' or '-');

    private string RecordedSocketFolder()
    {
        if (File.Exists(SocketFolderFile))
        {
            return File.ReadAllText(SocketFolderFile);
        }

        var folder = "/tmp/presence-ledger-" + RandomNumberGenerator.GetHexString(24, lowercase: true);
        File.WriteAllText(SocketFolderFile, folder);
        return folder;
    }
}
