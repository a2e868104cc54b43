using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Npgsql;

namespace PresenceLedger.Embedded;

/// <summary>A console on the ledger's database.</summary>
public static class Psql
{
    /// <summary>Runs psql as the superuser on the ledger's database, with our standard input and output; returns its exit code.</summary>
    /// <exception cref="EmbeddedPostgresException">There is no psql.</exception>
    public static Task<int> RunPsqlAsync(EmbeddedPostgres server, IReadOnlyList<string> args) =>
        RunPsqlAsync(server.Connection(EmbeddedPostgres.Superuser, EmbeddedPostgres.Database), args, server.BinariesFolder);

    /// <summary>Runs psql on a database of another server.</summary>
    /// <exception cref="EmbeddedPostgresException">There is no psql.</exception>
    public static Task<int> RunPsqlAsync(NpgsqlConnectionStringBuilder connection, IReadOnlyList<string> args) =>
        RunPsqlAsync(connection, args, "");

    private static async Task<int> RunPsqlAsync(NpgsqlConnectionStringBuilder connection, IReadOnlyList<string> args, string binaries)
    {
        var start = new ProcessStartInfo(Find(binaries), args);
        start.Environment["PGHOST"] = connection.Host;
        start.Environment["PGPORT"] = connection.Port.ToString(CultureInfo.InvariantCulture);
        start.Environment["PGUSER"] = connection.Username;
        // Not an argument: those can be seen by everybody on the machine.
        start.Environment["PGPASSWORD"] = connection.Password;
        start.Environment["PGDATABASE"] = connection.Database;

        // In a terminal Ctrl-C goes to psql too, where it only cancels a statement; it must not end us before psql ends.
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = true);
        using var psql = Process.Start(start)!;
        using var terminate = PosixSignalRegistration.Create(
            PosixSignal.SIGTERM,
            context =>
            {
                context.Cancel = true;
                Posix.Send(psql.Id, Posix.Signal.Terminate);
            }
        );
        await psql.WaitForExitAsync();
        return psql.ExitCode;
    }

    private static string Find(string binaries)
    {
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        return folders.Prepend(binaries).Select(folder => Path.Combine(folder, "psql")).FirstOrDefault(File.Exists)
            ?? throw new EmbeddedPostgresException(
                "There is no psql, neither with the server's programs nor on the PATH. Install it: apt-get install postgresql-client."
            );
    }
}
