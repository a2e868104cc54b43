using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using PresenceLedger.Api.Hosting;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Access;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Calendars;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.EventStoreDb;
using PresenceLedger.Ledger.Heartbeats;
using PresenceLedger.Ledger.Postgres;
using PresenceLedger.Ledger.Reasons;
using PresenceLedger.Ledger.Timers;
using PresenceLedger.Projections.Presence;
using PresenceLedger.Testing.EventStoreDb;

namespace PresenceLedger.Testing;

/// <summary>The ledger of one node of the service: caches and connections of its own, on a database that it may share.</summary>
public sealed class Node : IAsyncDisposable
{
    private readonly List<IHostedService> _started = [];
    private readonly ILog _log;

    private Node(TestDatabase database, TimeProvider clock, Func<ILog, ILog>? around)
    {
        Clock = clock;
        Database = Serving.DataSource(database.ServiceConnectionString);
        _log = database.EventStore is { } store
            ? new EventStoreDbLog(store.Choice, new AnswerClaims(Database, clock), clock, NullLogger<EventStoreDbLog>.Instance)
            : new PostgresLog(Database, clock, NullLogger<PostgresLog>.Instance);
        Log = around is null ? _log : around(_log);
        Texts = new PostgresReasonTexts(Database, clock);
        Access = new AccessLog(Log, clock);
        Configuration = new ConfigurationStream(Log, Texts, clock, NullLogger<ConfigurationStream>.Instance);
        Leases = new Leases(Database, Configuration, Arrivals = new Arrivals(clock), clock, NullLogger<Leases>.Instance);
        Agents = new AgentStreams(Log, new PastStates(Database, Log), Leases, Configuration, Texts, TzdbCalendar.Instance, clock);
        Timers = new TimerKeeper(Database, Log, Agents, Configuration, TzdbCalendar.Instance, clock, NullLogger<TimerKeeper>.Instance);
        Due = new DueWorker(
            Database,
            Log,
            Agents,
            Leases,
            Configuration,
            Texts,
            TzdbCalendar.Instance,
            clock,
            NullLogger<DueWorker>.Instance
        );
    }

    public TimeProvider Clock { get; }

    public NpgsqlDataSource Database { get; }

    public ILog Log { get; }

    public IReasonTexts Texts { get; }

    public AccessLog Access { get; }

    public ConfigurationStream Configuration { get; }

    public Arrivals Arrivals { get; }

    public Leases Leases { get; }

    public AgentStreams Agents { get; }

    public TimerKeeper Timers { get; }

    public DueWorker Due { get; }

    /// <summary>A fresh database with the schema of the ledger, whose nodes keep the log in an EventStoreDB where one is given.</summary>
    public static async Task<TestDatabase> CreateDatabaseAsync(TestEventStore? eventStore = null)
    {
        var database = await TestPostgres.CreateDatabaseAsync(eventStore);
        await LedgerSchema.ApplyAsync(database.SuperuserConnectionString, "presence_ledger", CancellationToken.None);
        return database;
    }

    /// <summary>A node whose log runs and whose configuration is read; what else is to run is to be started.</summary>
    /// <param name="database">The database.</param>
    /// <param name="clock">The time.</param>
    /// <param name="around">What stands between the log and the rest of the node.</param>
    public static async Task<Node> StartAsync(TestDatabase database, TimeProvider? clock = null, Func<ILog, ILog>? around = null)
    {
        var node = new Node(database, clock ?? TimeProvider.System, around);
        await node.StartAsync((IHostedService)node._log);
        await node.Configuration.RefreshAsync(CancellationToken.None);
        return node;
    }

    /// <summary>Starts a service of the node; it stops with the node.</summary>
    public async Task StartAsync(IHostedService service)
    {
        await service.StartAsync(CancellationToken.None);
        _started.Add(service);
    }

    /// <summary>Sends a command on an agent, by an administrator unless said otherwise.</summary>
    public Task<CommandOutcome> SendAsync(
        string agentId,
        AgentCommand command,
        Func<CommandEnvelope, CommandEnvelope>? with = null,
        Func<CommandOutcome, string>? answer = null
    )
    {
        var envelope = Envelope();
        return Agents.TransactAsync(agentId, command, with?.Invoke(envelope) ?? envelope, answer, CancellationToken.None);
    }

    /// <summary>Sends a command on an agent that is to be accepted.</summary>
    public async Task<AgentAccepted> AcceptAsync(
        string agentId,
        AgentCommand command,
        Func<CommandEnvelope, CommandEnvelope>? with = null
    ) => (AgentAccepted)await SendAsync(agentId, command, with);

    /// <summary>Registers an agent.</summary>
    public Task<AgentAccepted> RegisterAsync(string agentId, int? units = 100) =>
        AcceptAsync(agentId, new ConfigureAgent(settings => settings with { Units = units }));

    /// <summary>Changes the configuration.</summary>
    public async Task ConfigureAsync(ConfigurationCommand command)
    {
        var outcome = await Configuration.TransactAsync(command, Envelope(), null, CancellationToken.None);
        if (outcome is not ConfigurationAccepted)
            throw new InvalidOperationException($"The configuration was not changed: {outcome}.");
    }

    /// <summary>The events of an agent.</summary>
    public async Task<IReadOnlyList<EventRecord>> EventsAsync(string agentId) => await StreamAsync(StreamNames.Agent(agentId));

    /// <summary>The events of a stream.</summary>
    public async Task<IReadOnlyList<EventRecord>> StreamAsync(string stream) =>
        [.. (await Log.ReadStreamAsync(stream, 0, 1_000_000, CancellationToken.None)).Select(e => e.Record)];

    /// <summary>Waits, as the log goes on, for events of an agent; fails after a while.</summary>
    public async Task<IReadOnlyList<EventRecord>> UntilAsync(string agentId, Func<IReadOnlyList<EventRecord>, bool> enough)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (true)
        {
            var next = Log.NextAppend;
            var events = await EventsAsync(agentId);
            if (enough(events))
                return events;
            await next.WaitAsync(patience.Token);
        }
    }

    /// <summary>Stops what was started.</summary>
    public async Task StopAsync()
    {
        for (var n = _started.Count - 1; n >= 0; n--)
            await _started[n].StopAsync(CancellationToken.None);
        _started.Clear();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Due.Dispose();
        Timers.Dispose();
        Access.Dispose();
        Agents.Dispose();
        Leases.Dispose();
        Configuration.Dispose();
        ((IDisposable)_log).Dispose();
        await Database.DisposeAsync();
    }

    /// <summary>A command of an administrator.</summary>
    public static CommandEnvelope Envelope()
    {
        var id = Guid.CreateVersion7();
        return new CommandEnvelope(new Actor(Persona.Administrator, "root"), id, id.ToString("N"));
    }
}
