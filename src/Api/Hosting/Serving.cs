using System.Net.Sockets;
using Marten;
using Npgsql;
using OpenTelemetry.Metrics;
using PresenceLedger.Api.Access;
using PresenceLedger.Api.Agents;
using PresenceLedger.Api.Audit;
using PresenceLedger.Api.Configurations;
using PresenceLedger.Api.Http;
using PresenceLedger.Api.Live;
using PresenceLedger.Api.Privacy;
using PresenceLedger.Api.Reports;
using PresenceLedger.Api.Reports.RealTime;
using PresenceLedger.Api.Simulation;
using PresenceLedger.Contracts;
using PresenceLedger.Dashboard.Access;
using PresenceLedger.Dashboard.Hosting;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Embedded;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Calendars;
using PresenceLedger.Ledger.Clock;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Ledger.EventStoreDb;
using PresenceLedger.Ledger.Heartbeats;
using PresenceLedger.Ledger.Postgres;
using PresenceLedger.Ledger.Seals;
using PresenceLedger.Ledger.Stores;
using PresenceLedger.Ledger.Timers;
using PresenceLedger.Projections;
using PresenceLedger.Projections.Presence;
using PresenceLedger.Queries;
using Scalar.AspNetCore;

namespace PresenceLedger.Api.Hosting;

/// <summary>The service: database, ledger, projections and HTTP.</summary>
public static class Serving
{
    /// <summary>How long a stop waits for what is under way.</summary>
    public static readonly TimeSpan LongestStop = TimeSpan.FromSeconds(20);

    private const string DefaultUrl = "http://127.0.0.1:5080";

    /// <summary>Runs the service until it is told to stop (SIGINT, SIGTERM).</summary>
    /// <param name="choice">Which database.</param>
    /// <param name="urls">Where to listen; null for what the configuration says.</param>
    /// <param name="isDemo">Whether a simulated contact center is at work in it.</param>
    /// <param name="ct">Cancellation.</param>
    /// <exception cref="MisconfiguredException">It cannot start as configured.</exception>
    public static async Task<int> RunAsync(DatabaseChoice choice, string? urls, bool isDemo, CancellationToken ct)
    {
        var builder = WebApplication.CreateBuilder(
            new WebApplicationOptions { Args = [.. choice.Settings], ContentRootPath = AppContext.BaseDirectory }
        );
        builder.Logging.ClearProviders();
        builder.Logging.AddSimpleConsole(o =>
        {
            o.SingleLine = true;
            o.UseUtcTimestamp = true;
            o.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
        });
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        // That keys of cookies are not encrypted on the disk is as it is meant: their folder is as guarded as the database's.
        builder.Logging.AddFilter("Microsoft.AspNetCore.DataProtection", LogLevel.Error);
        builder.Logging.AddFilter("Npgsql", LogLevel.Warning);
        // Each probe would say so; ProbeLog says it once.
        builder.Logging.AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks", LogLevel.None);
        builder.Logging.AddFilter("Microsoft.Hosting.Lifetime", LogLevel.Warning);

        // HTTP_PORTS and its like would listen on every address; where to listen is said by --urls (or urls) alone.
        builder.WebHost.UseSetting(WebHostDefaults.HttpPortsKey, null);
        builder.WebHost.UseSetting(WebHostDefaults.HttpsPortsKey, null);
        var listen = urls ?? builder.Configuration["urls"] ?? DefaultUrl;
        using var socket = new LocalSocket();
        socket.Open(builder, listen.Split(';', StringSplitOptions.RemoveEmptyEntries));
        builder.Services.AddSingleton(_ => socket);

        using var startLogging = LoggerFactory.Create(l => l.AddSimpleConsole(o => o.SingleLine = true));
        var access = AccessSetup.Configure(builder, listen);
        var log = LogOf(choice, builder.Configuration);
        var demo = isDemo ? Demo.Of(builder.Configuration, log) : null;
        await using var database = await DatabaseAsync(choice, builder.Configuration, startLogging.CreateLogger("PostgreSQL"), ct);
        if (
            demo is not null
            && await demo.PrepareAsync(database.ConnectionString, choice.DataFolder, Console.Out, ct) is not 0 and var exit
        )
            return exit;
        builder.Services.AddSingleton(SealSettings.Of(builder.Configuration, choice.DataFolder));
        Compose(builder, database.ConnectionString, log);
        AddDashboard(builder, access, socket, choice.DataFolder);

        var app = builder.Build();
        Map(app);
        DashboardHost.Map(app);
        await using (app)
        {
            // What is refused here would be told with a stack trace by the host.
            foreach (var loop in app.Services.GetServices<ProjectionLoop>())
                await loop.PrepareAsync(ct);
            try
            {
                await app.StartAsync(ct);
            }
            catch (Exception e) when (e is IOException or SocketException)
            {
                throw new MisconfiguredException("The service cannot listen: " + e.Message);
            }
            var url = app.Urls.FirstOrDefault() ?? DefaultUrl;
            Greet(url, demo);
            // Its agents go home before the service stops.
            if (demo is not null)
                await demo.LiveAsync(app.Services, new Uri(url), app.Lifetime.ApplicationStopping);
            await app.WaitForShutdownAsync(ct);
        }
        return 0;
    }

    private static void AddDashboard(WebApplicationBuilder builder, AccessOptions access, LocalSocket socket, string dataFolder)
    {
        // Where it was built they are found through a manifest; where it was published they lie beside it.
        builder.WebHost.UseStaticWebAssets();
        // Files that come after the build need no endpoint; the one that stands for them takes every path, so that what is unknown is not 404.
        builder.Configuration["ReloadStaticAssetsAtRuntime"] = "false";
        // Nodes that share a ledger share these, or each signs out whom another has signed in.
        var keys = builder.Configuration["Dashboard:KeyFolder"] ?? Path.Combine(dataFolder, "cookie-keys");
        var isOpen = access.Mode is AccessMode.Open;
        DashboardHost.Add(builder.Services, new DashboardOptions(socket.Address, isOpen, host => !isOpen || Loopback.Is(host), keys));
        builder.Services.AddSingleton<ITokens, DashboardTokens>();
    }

    /// <summary>Everything but where the database is and who may come in.</summary>
    /// <param name="builder">The service under construction.</param>
    /// <param name="connectionString">The database: of the read side, and of the log unless that is elsewhere.</param>
    /// <param name="log">The EventStoreDB that keeps the log; null where the database does.</param>
    public static void Compose(WebApplicationBuilder builder, string connectionString, EventStoreDbChoice? log = null)
    {
        var services = builder.Services;
        Limits.Configure(builder);
        // Before everything else: what starts dates things.
        services.AddHostedService<ClockKeeper>();
        AddStores(services, connectionString, log);
        services.AddHostedService<StoreGuard>();

        PrivacyEndpoints.Add(builder);
        services.AddSingleton<IKeptStates>(s => s.GetRequiredService<PastStates>());
        services.AddSingleton<ConfigurationStream>();
        services.AddSingleton<Arrivals>();
        services.AddSingleton(s =>
            ActivatorUtilities.CreateInstance<Leases>(s, ListensAsync(s.GetRequiredService<IHostApplicationLifetime>()))
        );
        services.AddSingleton<ISignsOfLife>(s => s.GetRequiredService<Leases>());
        services.AddSingleton<AgentStreams>();
        services.AddSingleton<TimerKeeper>();
        services.AddSingleton<DueWorker>();
        services.AddQueries();
        services.AddSingleton<IDocumentStore>(s =>
            DocumentStore.For(options => ReadSide.Configure(options, s.GetRequiredService<NpgsqlDataSource>()))
        );
        services.AddSingleton<SealBook>();
        services.AddSingleton<ProofPermits>();
        services.AddSingleton(s => s.GetRequiredService<SealSettings>().Keys);
        services.AddSingleton<Sealer>();
        services.AddSingleton<SealWorker>();
        services.AddSingleton<PresenceFeed>();

        // In the order in which they start; they stop in the reverse one, the log, which is the first, last.
        services.AddHostedService(s => s.GetRequiredService<ConfigurationStream>());
        services.AddHostedService<StoredZone>();
        services.AddHostedService(s => s.GetRequiredService<Leases>());
        services.AddHostedService<DirectoryTable>();
        AddReadModel(services);
        services.AddHostedService(s => s.GetRequiredService<TimerKeeper>());
        services.AddHostedService(s => s.GetRequiredService<DueWorker>());
        services.AddHostedService(s => s.GetRequiredService<PresenceFeed>());
        DivergenceWatch.Add(services, builder.Configuration);
        services.AddHostedService(s => s.GetRequiredService<SealWorker>());
        services.Configure<HostOptions>(o => o.ShutdownTimeout = LongestStop);

        Mediation.Add(services);
        services.AddSingleton<Unavailability>();
        services.AddExceptionHandler<FailureHandler>();
        services.AddSingleton<ProbeLog>();
        services.AddProblemDetails(o => o.CustomizeProblemDetails = Problems.Identify);
        services.ConfigureHttpJsonOptions(o => WireJson.Configure(o.SerializerOptions));
        PresenceHub.Add(services);
        services.AddOpenApi(o => ApiDescription.Configure(o));
        services.AddOpenTelemetry().WithMetrics(m => m.AddAspNetCoreInstrumentation().AddMeter(Telemetry.Name).AddPrometheusExporter());
        services.AddSingleton<ProjectionMetrics>();
        services.AddSingleton<ClockHealth>();
        services
            .AddHealthChecks()
            .AddCheck<Readiness>("ledger", tags: ["ready"])
            .AddCheck<ClockHealth>("clock", tags: ["ready"])
            .AddCheck<DivergenceWatch>("divergence", tags: ["ready"]);
    }

    /// <summary>Completes once the service listens.</summary>
    private static Task ListensAsync(IHostApplicationLifetime lifetime)
    {
        var listens = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lifetime.ApplicationStarted.Register(listens.SetResult);
        return listens.Task;
    }

    /// <summary>The endpoints.</summary>
    public static void Map(WebApplication app)
    {
        HeadRequests.Use(app);
        app.UseExceptionHandler();
        KnownTime.Use(app);
        Arrival.Use(app);
        ClientFaults.Use(app);
        app.UseStatusCodePages(async context =>
        {
            if (!await DashboardHost.ShowNotFoundAsync(context))
                await Problems.ForEmptyResponsesAsync(context);
        });
        app.UseRouting();
        // Before what finds out who calls: a browser's preflight says nothing of that.
        app.UseCors();
        app.UseRateLimiter();
        app.UseMiddleware<AccessMiddleware>();
        app.UseMiddleware<RequestChecks>();
        DashboardHost.Use(app);

        var api = app.MapGroup("/api/v1").AddEndpointFilter<FreshnessFilter>().AddEndpointFilter<ReadRecordingFilter>();
        AgentEndpoints.Map(api);
        PrivacyEndpoints.Map(api);
        SealEndpoints.Map(api);
        VerifyEndpoints.Map(api);
        EvidenceEndpoint.Map(api);
        ConfigurationEndpoints.Map(api);
        AccessEndpoint.Map(api);
        HealthEndpoint.Map(api);
        LiveStream.Map(api);
        RealTimeEndpoints.Map(api);
        RealTimeStream.Map(api);
        HistoricalReport.Map(api);
        StatusHistoryEndpoint.Map(api);
        ReportEndpoints.Map(api);
        PresenceHub.Map(app);

        BrowserModule.Map(app);
        app.MapOpenApi("/openapi/v1.json");
        app.MapScalarApiReference(
            "/docs",
            o =>
                o.WithTitle("PresenceLedger")
                    .DisableDefaultFonts()
                    .DisableAgent()
                    .DisableMcp()
                    .DisableTelemetry()
                    .HideDeveloperTools()
                    .HideClientButton()
        );
        app.Services.GetRequiredService<ClockHealth>();
        ProjectionMetrics.Use(app);
        Readiness.Map(app);
    }

    /// <summary>Connections to the database; few, because on few cores more writers are slower for everybody.</summary>
    public static NpgsqlDataSource DataSource(string connectionString)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString)
        {
            ApplicationName = "presence-ledger",
            MaxPoolSize = 16,
            MaxAutoPrepare = 50,
            AutoPrepareMinUsages = 2,
            Timeout = 5,
            CommandTimeout = 15,
            KeepAlive = 10,
        };
        return NpgsqlDataSource.Create(settings);
    }

    /// <summary>The time, the database and the log.</summary>
    internal static void AddStores(IServiceCollection services, string connectionString, EventStoreDbChoice? log)
    {
        services.AddSingleton(s => new LedgerClock(
            new PostgresTime(connectionString),
            TimeProvider.System,
            s.GetRequiredService<ILogger<LedgerClock>>()
        ));
        services.AddSingleton<TimeProvider>(s => s.GetRequiredService<LedgerClock>());
        services.AddSingleton<ICalendar>(TzdbCalendar.Instance);
        services.AddSingleton(_ => DataSource(connectionString));
        if (log is null)
            AddLog<PostgresLog>(services);
        else
            AddLog<EventStoreDbLog>(services.AddSingleton(log).AddSingleton<AnswerClaims>());
        services.AddSingleton(s => new StoreMemory(
            s.GetRequiredService<NpgsqlDataSource>(),
            s.GetRequiredService<ILog>(),
            log?.Prefix ?? ""
        ));
    }

    /// <summary>The read model that all questions are answered from, with its loop; <c>presence-ledger rebuild</c> knows it, too.</summary>
    internal static void AddReadModel(IServiceCollection services)
    {
        services.AddSingleton<IReadModel, PresenceModel>();
        services.AddSingleton<ProjectionLoop>();
        services.AddSingleton<ReadPosition>();
        services.AddHostedService(s => s.GetRequiredService<ProjectionLoop>());
    }

    private static void AddLog<TLog>(IServiceCollection services)
        where TLog : class, ILog, IHostedService
    {
        services.AddSingleton<TLog>();
        services.AddSingleton<ILog>(s => s.GetRequiredService<TLog>());
        services.AddHostedService(s => s.GetRequiredService<TLog>());
    }

    /// <summary>Where the log is kept; null for the database.</summary>
    internal static EventStoreDbChoice? LogOf(DatabaseChoice choice, IConfiguration configuration)
    {
        var connection = choice.Given(configuration, EventStoreDbSettings.IsMeant);
        // Who names an EventStoreDB means it, unless they say otherwise.
        var store = configuration["Ledger:Store"] ?? (connection is null ? "Postgres" : "EventStoreDb");
        if (store.Equals("Postgres", StringComparison.OrdinalIgnoreCase))
            return connection is null
                ? null
                : throw new MisconfiguredException("That is the connection string of an EventStoreDB: say Ledger:Store=EventStoreDb.");
        if (!store.Equals("EventStoreDb", StringComparison.OrdinalIgnoreCase))
            throw new MisconfiguredException($"Ledger:Store={store} is not known; there are Postgres and EventStoreDb.");
        var given =
            configuration["Ledger:EventStoreDb"]
            ?? connection
            ?? throw new MisconfiguredException(
                "Ledger:Store=EventStoreDb needs Ledger:EventStoreDb, as in esdb://user:password@node1:2113,node2:2113."
            );
        return new EventStoreDbChoice(Parse(given), configuration["Ledger:StreamPrefix"] ?? "");
    }

    /// <summary>Reads the connection string of an EventStoreDB.</summary>
    /// <exception cref="MisconfiguredException">It cannot be read.</exception>
    public static EventStoreDbSettings Parse(string connectionString)
    {
        try
        {
            var settings = EventStoreDbSettings.Parse(connectionString);
            return settings.AuthorityFile is { } file && !File.Exists(file)
                ? throw new MisconfiguredException($"The file that tlsCaFile names, '{file}', is not there.")
                : settings;
        }
        catch (FormatException e)
        {
            throw new MisconfiguredException("The connection string of the EventStoreDB cannot be read: " + e.Message + ".");
        }
    }

    /// <summary>Reads the connection string of a PostgreSQL.</summary>
    /// <exception cref="MisconfiguredException">It cannot be read.</exception>
    public static NpgsqlConnectionStringBuilder Settings(string connectionString)
    {
        try
        {
            return new NpgsqlConnectionStringBuilder(connectionString);
        }
        catch (ArgumentException e)
        {
            throw new MisconfiguredException("The connection string cannot be read: " + e.Message);
        }
    }

    /// <summary>The role that a connection string logs in as.</summary>
    public static string RoleOf(NpgsqlConnectionStringBuilder settings) => settings.Username ?? Environment.UserName;

    /// <summary>The database, with the schema of this version.</summary>
    internal static async Task<RunningDatabase> DatabaseAsync(
        DatabaseChoice choice,
        IConfiguration configuration,
        ILogger logger,
        CancellationToken ct
    )
    {
        if (choice.GivenDatabase(configuration) is { } given)
        {
            var settings = Settings(given);
            // The schema by its owner, the work by the service's own role, where both are given.
            var owner = configuration["Ledger:OwnerConnectionString"] ?? given;
            await LedgerSchema.ApplyAsync(owner, RoleOf(settings), ct);
            return new RunningDatabase(given, null);
        }

        var binaries = configuration["Ledger:PostgresBinaries"];
        var server = await EmbeddedPostgres.StartAsync(
            new EmbeddedPostgresOptions(choice.DataFolder) { BinariesFolder = binaries },
            logger,
            ct
        );
        try
        {
            await LedgerSchema.ApplyAsync(
                server.ConnectionString(EmbeddedPostgres.Superuser, EmbeddedPostgres.Database),
                EmbeddedPostgres.ServiceRole,
                ct
            );
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
        return new RunningDatabase(server.ConnectionString(EmbeddedPostgres.ServiceRole, EmbeddedPostgres.Database), server);
    }

    private static void Greet(string url, Demo? demo)
    {
        Console.WriteLine(
            $"""

            PresenceLedger is ready at {url}
              the pages                      {url}/
              the API, to browse and try     {url}/docs
              is it well                     {url}/health/ready
              try it
                curl -X PUT {url}/api/v1/agents/ana -H 'X-Actor: administrator:root' -H 'Content-Type: application/json' -d '{"{"}"units":100{"}"}'
                curl -X POST {url}/api/v1/agents/ana/sign-in -H 'X-Actor: agent:ana'
                curl {url}/api/v1/agents/ana/timeline
              stop it                        Ctrl-C

            """
        );
        if (demo is not null)
            Console.WriteLine(
                $"""
                {demo.Agents} simulated agents begin to work. To be one yourself:
                  {url}/sign-in?kind=agent&id={Demo.Visitor}&returnTo=/console

                """
            );
    }

    /// <summary>A database to use; its server stops with it where this process brought it along and is the last to use it.</summary>
    internal sealed record RunningDatabase(string ConnectionString, EmbeddedPostgres? Server) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            NpgsqlConnection.ClearAllPools();
            if (Server is not null)
                await Server.DisposeAsync();
        }
    }
}
