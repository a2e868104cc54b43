using System.Globalization;
using System.Runtime;
using System.Runtime.InteropServices;
using Npgsql;
using PresenceLedger.Ledger;
using PresenceLedger.Projections;

namespace PresenceLedger.Api.Hosting;

/// <summary>The verb <c>rebuild</c>: builds the read model anew, beside the one that is read.</summary>
public static class RebuildVerb
{
    /// <summary>Rebuilds; returns the exit code.</summary>
    /// <param name="choice">The database.</param>
    /// <param name="names">The name of a read model, if only one is to be rebuilt.</param>
    /// <param name="restart">Throws away what is half built.</param>
    /// <param name="output">Where it says what it does.</param>
    /// <param name="ct">Breaks it off; the next run goes on.</param>
    /// <exception cref="MisconfiguredException">There is no such read model, or it cannot be as configured.</exception>
    public static async Task<int> RunAsync(DatabaseChoice choice, string[] names, bool restart, TextWriter output, CancellationToken ct)
    {
        // Nobody waits for an answer of this process: what collects beside it would only take a core from it.
        GCSettings.LatencyMode = GCLatencyMode.Batch;
        using var interrupted = CancellationTokenSource.CreateLinkedTokenSource(ct);
        using var byTerminal = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
        using var bySystem = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);
        await using var opened = await OpenedStores.OpenAsync(choice, Serving.AddReadModel, interrupted.Token);
        var models = opened.Services.GetServices<IReadModel>().ToArray();
        if (names.FirstOrDefault(name => models.All(m => m.Name != name)) is { } unknown)
            throw new MisconfiguredException(
                $"There is no read model '{unknown}'; there {(models.Length == 1 ? "is" : "are")} {string.Join(", ", models.Select(m => m.Name))}."
            );

        var database = opened.Services.GetRequiredService<NpgsqlDataSource>();
        try
        {
            foreach (var model in models.Where(m => names.Length == 0 || names.Contains(m.Name, StringComparer.Ordinal)))
            {
                var progress = new Progress(model, output, rewrites: output == Console.Out && !Console.IsOutputRedirected);
                await new Rebuild(model, opened.Log, database, opened.Services.GetRequiredService<TimeProvider>()).RunAsync(
                    restart,
                    progress,
                    interrupted.Token
                );
            }
            return 0;
        }
        catch (Exception e) when (e is RebuildRefusedException or LogEndsBeforeException or InvalidDataException)
        {
            await output.WriteLineAsync(e.Message);
            return 1;
        }
        catch (OperationCanceledException)
        {
            await output.WriteLineAsync("\nInterrupted. Run again, it goes on where it was.");
            return 1;
        }

        void Interrupt(PosixSignalContext context)
        {
            context.Cancel = true;
            interrupted.Cancel();
        }
    }

    private sealed class Progress(IReadModel model, TextWriter output, bool rewrites) : IProgress<RebuildProgress>
    {
        private readonly long _began = TimeProvider.System.GetTimestamp();
        private long _said = TimeProvider.System.GetTimestamp();

        private TimeSpan Between => TimeSpan.FromSeconds(rewrites ? 0.2 : 3);

        public void Report(RebuildProgress value)
        {
            var (events, seconds) = (value.Events, TimeProvider.System.GetElapsedTime(_began).TotalSeconds);
            switch (value.Stage)
            {
                case RebuildStage.Begins:
                    Say($"builds {model.Schema} anew, beside the one that is read");
                    Say(
                        "can be broken off at any moment (Ctrl-C, kill); run again, it goes on where it was, or begins anew with --restart"
                    );
                    break;
                case RebuildStage.Resumes:
                    Say(
                        Invariant(
                            $"goes on with what an earlier run built of {model.Schema}: {value.Part:P1} of the log (--restart begins anew)"
                        )
                    );
                    break;
                case RebuildStage.BeginsLive:
                    Say(
                        $"there is no {model.Schema} yet: fills it from the beginning; a service that starts meanwhile waits, and goes on with it"
                    );
                    break;
                case RebuildStage.Fills when TimeProvider.System.GetElapsedTime(_said) < Between:
                    return;
                case RebuildStage.Fills:
                    var part = value.Part is { } p ? Invariant($", {p:P1} of the log") : "";
                    Say(Invariant($"{events} events, {events / seconds:F0} events/s{part}"), open: rewrites);
                    break;
                case RebuildStage.Indexes:
                    Say(Invariant($"{events} events applied in {seconds:F1} s; makes the indexes"));
                    break;
                case RebuildStage.Swapped:
                    Say(Invariant($"is read from now on, after {events} events in {seconds:F1} s"));
                    break;
                case RebuildStage.Dropped:
                    Say("the tables before it are dropped");
                    break;
                case RebuildStage.Kept:
                    Say($"the tables before it are still read by a query, and are left in {model.Schema}_old; the next rebuild drops them");
                    break;
            }
        }

        private void Say(string text, bool open = false)
        {
            _said = TimeProvider.System.GetTimestamp();
            var line = $"{model.Name}: {text}";
            if (rewrites)
                Terminal.ClearLine(output);
            output.Write(open ? line : line + Environment.NewLine);
            output.Flush();
        }

        private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
    }
}
