using Microsoft.Extensions.Logging.Console;
using PresenceLedger.Ledger;

namespace PresenceLedger.Api.Hosting;

/// <summary>The database and the log of the service, opened for a verb, with whatever else the verb asks for.</summary>
/// <param name="Services">What was asked for.</param>
/// <param name="Database">The database, to be let go.</param>
internal sealed record OpenedStores(ServiceProvider Services, Serving.RunningDatabase Database) : IAsyncDisposable
{
    /// <summary>Opens them, with the log at work.</summary>
    /// <param name="choice">The database.</param>
    /// <param name="settings">Settings of the service, as <c>--Section:Key value</c>.</param>
    /// <param name="add">What else is needed.</param>
    /// <param name="ct">Cancellation.</param>
    /// <exception cref="MisconfiguredException">They cannot be as configured.</exception>
    public static async Task<OpenedStores> OpenAsync(
        DatabaseChoice choice,
        string[] settings,
        Action<IServiceCollection> add,
        CancellationToken ct
    )
    {
        var configuration = Host.CreateApplicationBuilder(
            new HostApplicationBuilderSettings { Args = settings, ContentRootPath = AppContext.BaseDirectory }
        ).Configuration;
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
            await opened.Running.StartAsync(ct);
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

    /// <summary>Names that a verb was given, and what is meant for the configuration.</summary>
    public static (string[] Names, string[] Settings) Split(string[] arguments)
    {
        var (names, settings) = (new List<string>(), new List<string>());
        for (var n = 0; n < arguments.Length; n++)
            if (!arguments[n].StartsWith("--", StringComparison.Ordinal))
                names.Add(arguments[n]);
            else if (arguments[n].Contains('=', StringComparison.Ordinal) || n + 1 == arguments.Length)
                settings.Add(arguments[n]);
            else
                settings.AddRange([arguments[n], arguments[++n]]);
        return ([.. names], [.. settings]);
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await Running.StopAsync(CancellationToken.None);
        await Services.DisposeAsync();
        await Database.DisposeAsync();
    }
}
