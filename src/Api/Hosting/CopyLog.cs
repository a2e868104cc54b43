using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Copying;
using PresenceLedger.Ledger.EventStoreDb;
using PresenceLedger.Ledger.Postgres;
using PresenceLedger.Ledger.Postgres.Embedded;

namespace PresenceLedger.Api.Hosting;

/// <summary>The verb <c>copy-log</c>: moves a ledger from one store to the other.</summary>
public static class CopyLog
{
    private static readonly TimeSpan Between = TimeSpan.FromSeconds(1);

    /// <summary>Copies; returns the exit code.</summary>
    /// <param name="from">Connection string of the source; null for the database in the data folder.</param>
    /// <param name="to">Connection string of the target; null for the database in the data folder.</param>
    /// <param name="dataFolder">The data folder.</param>
    /// <param name="prefix">Before the names of the streams in an EventStoreDB.</param>
    /// <param name="output">Where it says what it does.</param>
    /// <param name="ct">Breaks it off; the next run goes on.</param>
    /// <exception cref="MisconfiguredException">Source and target are not two logs.</exception>
    public static async Task<int> RunAsync(
        string? from,
        string? to,
        string dataFolder,
        string prefix,
        TextWriter output,
        CancellationToken ct
    )
    {
        if (from == to)
            throw new MisconfiguredException("Source and target are the same; --from and --to name two.");
        await using var source = await OpenAsync(from, dataFolder, prefix, prepare: false, ct);
        await using var target = await OpenAsync(to, dataFolder, prefix, prepare: true, ct);
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

    private static async Task<Opened> OpenAsync(string? connection, string dataFolder, string prefix, bool prepare, CancellationToken ct)
    {
        if (connection is not null && EventStoreDbSettings.IsMeant(connection))
        {
            var choice = new EventStoreDbChoice(Serving.Parse(connection), prefix);
            var log = new EventStoreDbLog(choice, answers: null, TimeProvider.System, NullLogger<EventStoreDbLog>.Instance);
            return await Opened.StartAsync(log, [], ct);
        }

        var server = connection is null
            ? await EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions(dataFolder), NullLogger.Instance, ct)
            : null;
        try
        {
            var settings = Serving.Settings(server?.ConnectionString(EmbeddedPostgres.Superuser, EmbeddedPostgres.Database) ?? connection!);
            if (prepare)
                await LedgerSchema.ApplyAsync(
                    settings.ConnectionString,
                    server is null ? Serving.RoleOf(settings) : EmbeddedPostgres.ServiceRole,
                    ct
                );
            var database = Serving.DataSource(settings.ConnectionString);
            var log = new PostgresLog(database, TimeProvider.System, NullLogger<PostgresLog>.Instance);
            return await Opened.StartAsync(log, server is null ? [database] : [database, server], ct);
        }
        catch
        {
            if (server is not null)
                await server.DisposeAsync();
            throw;
        }
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

    /// <summary>A log that runs, and what it stands on.</summary>
    private sealed record Opened(ILog Log, BackgroundService Running, IReadOnlyList<IAsyncDisposable> Under) : IAsyncDisposable
    {
        public static async Task<Opened> StartAsync<TLog>(TLog log, IReadOnlyList<IAsyncDisposable> under, CancellationToken ct)
            where TLog : BackgroundService, ILog
        {
            var opened = new Opened(log, log, under);
            try
            {
                await log.StartAsync(ct);
                return opened;
            }
            catch
            {
                await opened.DisposeAsync();
                throw;
            }
        }

        public async ValueTask DisposeAsync()
        {
            await Running.StopAsync(CancellationToken.None);
            Running.Dispose();
            foreach (var one in Under)
                await one.DisposeAsync();
        }
    }
}
