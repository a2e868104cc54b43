using System.Globalization;
using PresenceLedger.Ledger.Copying;
using PresenceLedger.Ledger.Reasons;

namespace PresenceLedger.Api.Hosting;

/// <summary>The verb <c>copy-log</c>: moves a ledger from one store to the other.</summary>
public static class CopyLog
{
    private static readonly TimeSpan Between = TimeSpan.FromSeconds(1);

    /// <summary>Copies; returns the exit code.</summary>
    /// <param name="from">Connection string of the source; null for the ledger that was chosen.</param>
    /// <param name="to">Connection string of the target; null for the ledger that was chosen.</param>
    /// <param name="choice">The database, and what keeps the ledger, as for every verb.</param>
    /// <param name="output">Where it says what it does.</param>
    /// <param name="ct">Breaks it off; the next run goes on.</param>
    /// <exception cref="MisconfiguredException">Source and target are not two logs.</exception>
    public static async Task<int> RunAsync(string? from, string? to, DatabaseChoice choice, TextWriter output, CancellationToken ct)
    {
        if (from == to)
            throw new MisconfiguredException("Source and target are the same; --from and --to name two.");
        await using var source = from is null
            ? await OpenedLog.OpenAsync(choice, prepare: false, ct)
            : await OpenedLog.OpenAsync(from, choice, prepare: false, isTarget: false, ct);
        await using var target = to is null
            ? await OpenedLog.OpenTargetAsync(choice, ct)
            : await OpenedLog.OpenAsync(to, choice, prepare: true, isTarget: true, ct);
        var progress = new Progress(output);
        try
        {
            var result = await new LogCopy(source.Log, target.Log, progress).RunAsync(ct);
            await output.WriteLineAsync(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{result.Copied} events copied, {result.Events - result.Copied} were there. The target has the {result.Events} events of "
                        + $"{result.Streams} streams, and every hash chain holds and ends as in the source."
                )
            );
            await output.WriteLineAsync(await ReasonsAsync(source, target, ct));
            if (source.Log.Store != target.Log.Store || source.Database is null)
                await output.WriteLineAsync(
                    $"To go on with the target, start the service with it and, once, with --Ledger:MovedFrom {source.Log.Store}."
                );
            return 0;
        }
        catch (CopyException e)
        {
            await output.WriteLineAsync(e.Message);
            return 1;
        }
        catch (InvalidDataException e)
        {
            await output.WriteLineAsync("An event cannot be read: " + e.Message);
            return 1;
        }
    }

    /// <summary>Copies the texts of reasons, which are beside the logs; says what became of them.</summary>
    private static async Task<string> ReasonsAsync(OpenedLog source, OpenedLog target, CancellationToken ct)
    {
        if (source.Database is null)
            return "The texts of reasons stay in the PostgreSQL beside the EventStoreDB of the source.";
        if (target.Database is null)
            return "The texts of reasons stay in the PostgreSQL of the source: the service finds them where it goes on with that one.";
        var count = await ReasonCopy.RunAsync(source.Database, target.Database, ct);
        return string.Create(CultureInfo.InvariantCulture, $"The target has the {count} texts of reasons.");
    }

    private sealed class Progress(TextWriter output) : IProgress<CopyProgress>
    {
        private long _said = TimeProvider.System.GetTimestamp();

        public void Report(CopyProgress value)
        {
            if (TimeProvider.System.GetElapsedTime(_said) < Between)
                return;
            _said = TimeProvider.System.GetTimestamp();
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{value.Read} events read, {value.Copied} copied …"));
        }
    }
}
