using Microsoft.Extensions.Logging.Console;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Clock;
using PresenceLedger.Ledger.Stores;

namespace PresenceLedger.Api.Hosting;

/// <summary>The database and the log of the service, opened for a verb, with whatever else the verb asks for.</summary>
/// <param name="Services">What was asked for.</param>
/// <param name="Database">The database, to be let go.</param>
internal sealed record OpenedStores(ServiceProvider Services, Serving.RunningDatabase Database) : IAsyncDisposable
{
    /// <summary>Opens them, with the log at work.</summary>
    /// <param name="choice">The database.</param>
    /// <param name="add">What else is needed.</param>
    /// <param name="ct">Cancellation.</param>
    /// <exception cref="MisconfiguredException">They cannot be as configured.</exception>
    /// <exception cref="WrongStoreException">The ledger of the database is elsewhere.</exception>
    public static async Task<OpenedStores> OpenAsync(DatabaseChoice choice, Action<IServiceCollection> add, CancellationToken ct)
    {
        var configuration = choice.Configuration();
        using var startLogging = LoggerFactory.Create(l =>
            l.AddSimpleConsole(o => (o.SingleLine, o.ColorBehavior) = (true, LoggerColorBehavior.Disabled))
                .SetMinimumLevel(LogLevel.Warning)
        );
        var store = Serving.LogOf(choice, configuration);
        var database = await Serving.DatabaseAsync(choice, configuration, startLogging.CreateLogger("PostgreSQL"), ct);
        var services = new ServiceCollection().AddLogging();
        Serving.AddStores(services, database.ConnectionString, store);
        add(services);
        var opened = new OpenedStores(services.BuildServiceProvider(), database);
        try
        {
            await opened.Services.GetRequiredService<TimeProvider>().KnownAsync(ct);
            await opened.Running.StartAsync(ct);
            await opened.Services.GetRequiredService<StoreMemory>().CheckAsync(ct);
            return opened;
        }
        catch
        {
            await opened.DisposeAsync();
            throw;
        }
    }

    /// <summary>The log.</summary>
    public ILog Log => Services.GetRequiredService<ILog>();

    private IHostedService Running => (IHostedService)Log;

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await Running.StopAsync(CancellationToken.None);
        await Services.DisposeAsync();
        await Database.DisposeAsync();
    }
}
