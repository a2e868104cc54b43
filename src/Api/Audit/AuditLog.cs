using System.CommandLine;
using PresenceLedger.Api.Hosting;
using PresenceLedger.Ledger.Seals;

namespace PresenceLedger.Api.Audit;

/// <summary>What the verbs of the audit have in common: the log of a data folder or a connection string, and the keys beside it.</summary>
internal static class AuditLog
{
    /// <summary>Before the names of the streams in an EventStoreDB.</summary>
    public static Option<string> Prefix() =>
        new("--stream-prefix")
        {
            Description = "Before the names of the streams in an EventStoreDB (Ledger:StreamPrefix).",
            DefaultValueFactory = _ => "",
        };

    /// <summary>Opens the log.</summary>
    /// <param name="connection">An EventStoreDB's or a PostgreSQL's; null for the environment's, or the database in the data folder.</param>
    /// <param name="dataFolder">The data folder.</param>
    /// <param name="prefix">Before the names of the streams in an EventStoreDB.</param>
    /// <param name="writes">Whether it is to be written to.</param>
    /// <param name="ct">Cancellation.</param>
    public static Task<OpenedLog> OpenAsync(string? connection, string dataFolder, string prefix, bool writes, CancellationToken ct) =>
        OpenedLog.OpenAsync(connection ?? Environment.GetEnvironmentVariable("PRESENCE_LEDGER_CONNECTION"), dataFolder, prefix, writes, ct);

    /// <summary>Does something, and makes a word to the operator of what is wrong with keys or seals.</summary>
    /// <exception cref="MisconfiguredException">There is no key for it, or no such thing.</exception>
    public static async Task<int> GuardAsync(Func<Task<int>> run)
    {
        try
        {
            return await run();
        }
        catch (Exception e) when (e is SealingKeyException or SealNoteException or InvalidDataException)
        {
            throw new MisconfiguredException(e.Message);
        }
    }
}
