using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.Postgres;

namespace PresenceLedger.Ledger.Timers;

/// <summary>
/// Follows the log and keeps what the ledger waits for: leases of connections, due times, second halves of transfers. One node at a time
/// does it, with a place in the log of its own: a read model that stands still, is rebuilt or changes its version touches no timer. An agent
/// whose events cannot be read has no timers; those of all others go on.
/// </summary>
public sealed class TimerKeeper(
    NpgsqlDataSource database,
    ILog log,
    AgentStreams agents,
    ConfigurationStream configuration,
    ICalendar calendar,
    TimeProvider clock,
    ILogger<TimerKeeper> logger
) : BackgroundService
{
    private const string Lock = "timers";
    private const int PageSize = 500;
    private const int AtOnce = 4;
    private static readonly string PolicyChange = WireNames.OfType<PolicyChanged>();
    private static readonly string Assignment = WireNames.OfType<ConversationAssigned>();
    private static readonly string Transfer = WireNames.OfType<ConversationTransferred>();

    private static readonly TimeSpan Takeover = TimeSpan.FromMilliseconds(500);

    /// <summary>On a shared server there may be millions of others' events between two of the ledger's: who goes on begins where this was.</summary>
    private static readonly TimeSpan Breath = TimeSpan.FromSeconds(1);

    private readonly Trouble _waiting = new(logger, clock);
    private long? _caughtUpAt;

    /// <summary>For how long the end of the log has not been reached; null where another node keeps the timers.</summary>
    public TimeSpan? Behind => _caughtUpAt is { } at ? clock.GetElapsedTime(at) : null;

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await using var connection = await database.OpenConnectionAsync(stoppingToken);
                if (await Locks.TryAsync(connection, Lock, stoppingToken))
                    await KeepAndUnlockAsync(connection, stoppingToken);
                _caughtUpAt = null;
                await Task.Delay(Takeover, clock, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                _waiting.Is("Timers are not kept for now: " + e.Message);
                await Task.WhenAny(Task.Delay(Takeover, clock, stoppingToken));
            }
        }
    }

    private async Task KeepAndUnlockAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        try
        {
            _caughtUpAt = clock.GetTimestamp();
            while (true)
                try
                {
                    await KeepAsync(
                        connection,
                        await TimerTables.FindAsync(connection, log.Store, ct) ?? await BeginAsync(connection, ct),
                        ct
                    );
                }
                catch (LogEndsBeforeException e)
                {
                    // It was restored to an older state. What is due by now is found again from its beginning.
                    logger.LogWarning("Timers are kept from the beginning of the log again: {Error}", e.Message);
                    await TimerTables.ForgetAsync(connection, ct);
                }
        }
        finally
        {
            await Locks.ReleaseAsync(connection, Lock);
        }
    }

    /// <summary>
    /// Begins to keep timers. What is due of an agent follows from the state alone, so that where the log knows its streams, each agent is looked
    /// at once; else all of it is followed from its beginning.
    /// </summary>
    private async Task<LogPosition> BeginAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await TimerTables.ForgetAsync(connection, ct);
        var at = LogPosition.Start;
        if (log is { IsNumbered: true, SpansStreams: true } && await log.StreamsAsync(StreamNames.Agent(""), ct) is { } streams)
        {
            at = new LogPosition(await log.CountAfterAsync(LogPosition.Start, int.MaxValue, ct) ?? 0);
            foreach (var some in streams.Select(StreamNames.AgentId).OfType<string>().Chunk(PageSize))
            {
                var changes = new TimerChanges();
                await Parallel.ForEachAsync(
                    some,
                    new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = ct },
                    async (agentId, token) => await AddAsync(agentId, () => new(agents.KnownAsync(agentId, token)), changes)
                );
                await TimerTables.KeepAsync(connection, changes, ct);
            }
        }
        await TimerTables.BeginAsync(connection, at, log.Store, ct);
        return at;
    }

    private async Task KeepAsync(NpgsqlConnection connection, LogPosition at, CancellationToken ct)
    {
        var writtenAt = clock.GetTimestamp();
        await foreach (var page in log.SubscribeAsync(at, PageSize, ct))
        {
            if (page.Events.Count > 0 || (page.Position > at && clock.GetElapsedTime(writtenAt) > Breath))
            {
                var changes = await ChangesAsync(page.Events, ct);
                await using var transaction = await connection.BeginTransactionAsync(ct);
                await TimerTables.MoveAsync(connection, at, page.Position, ct);
                await TimerTables.KeepAsync(connection, changes, ct);
                await transaction.CommitAsync(ct);
                (at, writtenAt) = (page.Position, clock.GetTimestamp());
            }
            if (page.CaughtUp)
                _caughtUpAt = clock.GetTimestamp();
            _waiting.IsOver("Timers are kept again");
        }
    }

    /// <summary>
    /// What a page changes. An agent is taken as this node knows them, which may be later than the page: what is due then is kept when the
    /// events since come, too.
    /// </summary>
    private async Task<TimerChanges> ChangesAsync(IReadOnlyList<StoredEvent> page, CancellationToken ct)
    {
        var changes = new TimerChanges();
        if (page.Select(e => e.Record).LastOrDefault(e => e.Type == PolicyChange) is { } policy)
        {
            // What is due is told by the policy that holds by now.
            await configuration.RefreshAsync(ct);
            changes.PolicyChangedAt = policy.OccurredAt;
        }
        var read = new HashSet<string>(StringComparer.Ordinal);
        foreach (var events in page.Select(e => e.Record).GroupBy(e => e.Stream, StringComparer.Ordinal))
            if (
                StreamNames.AgentId(events.Key) is { } agentId
                && await AddAsync(agentId, () => agents.AfterAsync(agentId, [.. events], ct), changes)
            )
                read.Add(events.Key);
        if (!log.SpansStreams)
            AddHandovers(page.Select(e => e.Record).Where(e => read.Contains(e.Stream)), changes.Handovers);
        return changes;
    }

    /// <summary>Adds an agent; false where the events of that one cannot be read.</summary>
    private async Task<bool> AddAsync(string agentId, Func<ValueTask<Agent>> load, TimerChanges changes)
    {
        try
        {
            var agent = await load();
            lock (changes)
                changes.Agents.Add((agent, DueAt(agent)));
            return true;
        }
        catch (InvalidDataException e)
        {
            logger.LogError(e, "No timers are kept of agent {AgentId}", agentId);
            return false;
        }
    }

    /// <summary>Transfers are two commits: the half of the second agent comes first, and that of the first one is awaited.</summary>
    private static void AddHandovers(IEnumerable<EventRecord> records, Dictionary<Handover, EventRecord?> handovers)
    {
        foreach (var record in records.Where(e => e.Type == Assignment || e.Type == Transfer))
            switch (WireNames.ReadData(record))
            {
                case ConversationAssigned { FromAgentId: { } from } assigned:
                    handovers[new Handover(from, assigned.ConversationId, StreamNames.AgentId(record.Stream)!)] = record;
                    break;
                case ConversationTransferred { ToAgentId: { } to } transferred:
                    handovers[new Handover(StreamNames.AgentId(record.Stream)!, transferred.ConversationId, to)] = null;
                    break;
            }
    }

    private DateTimeOffset? DueAt(Agent agent) =>
        DueWork.NextAt(agent, configuration.Current, calendar) ?? (agent.DayCounts.IsEmpty ? null : DueWorker.Never);
}
