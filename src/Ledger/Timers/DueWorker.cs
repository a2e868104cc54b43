using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.Heartbeats;
using PresenceLedger.Ledger.Postgres;
using PresenceLedger.Ledger.Reasons;

namespace PresenceLedger.Ledger.Timers;

/// <summary>
/// Works off what has become due by itself: losses, ends of refresh grace, wrap-up blocks and consults, end-of-day resets; and
/// the second halves of transfers that a node left undone. All nodes share it: each claims some for a moment, so that one that
/// dies leaves nothing undone. It only finds the agents; what is due, and as of when, the domain decides, all of an agent in
/// order. Doing it twice does nothing the second time.
/// </summary>
public sealed class DueWorker(
    NpgsqlDataSource database,
    ILog log,
    AgentStreams agents,
    Leases leases,
    ConfigurationStream configuration,
    IReasonTexts texts,
    ICalendar calendar,
    TimeProvider clock,
    ILogger<DueWorker> logger
) : BackgroundService
{
    private const int AtMost = 256;
    private const int AtOnce = 32;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    private readonly Trouble _waiting = new(logger, clock);

    /// <summary>After this long the node that made a transfer has also recorded its second half, or is gone.</summary>
    public static TimeSpan HandoverPatience { get; } = TimeSpan.FromSeconds(10);

    /// <summary>Stands for a time that only a change of policy could bring.</summary>
    public static DateTimeOffset Never { get; } = new(9999, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var more = await WorkAsync(stoppingToken);
                if (!log.SpansStreams)
                    await HandOverAsync(stoppingToken);
                _waiting.IsOver("Due work is done again");
                if (!more)
                    await Task.Delay(Interval, clock, stoppingToken);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (Exception e)
            {
                // Nothing is lost: what is due stays due.
                _waiting.Is("Due work waits: " + e.Message);
                await Task.WhenAny(Task.Delay(TimeSpan.FromSeconds(1), clock, stoppingToken));
            }
        }
    }

    /// <summary>Works off some of it; true where there is more.</summary>
    private async Task<bool> WorkAsync(CancellationToken ct)
    {
        var now = clock.Now();
        var due = await ClaimDueAsync(now, ct);
        var overdue = await leases.ClaimOverdueAsync(AtMost, ct);
        // Several at a time, so that they share commits; one agent is in here once.
        await Parallel.ForEachAsync(
            due.Keys.Union(overdue, StringComparer.Ordinal),
            new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = ct },
            async (agentId, token) =>
            {
                try
                {
                    await SettleAsync(agentId, now, due, token);
                }
                catch (InvalidDataException e)
                {
                    // One agent whose events cannot be read must not keep the others waiting.
                    logger.LogError(e, "What is due of agent {AgentId} waits", agentId);
                }
            }
        );
        return due.Count == AtMost || overdue.Count == AtMost;
    }

    /// <summary>Makes up for second halves of transfers (TRF-1), as what they are: caused by the command that made the first.</summary>
    private async Task HandOverAsync(CancellationToken ct)
    {
        foreach (var (from, conversationId, to, version) in await ClaimUndoneAsync(ct))
        {
            if (await log.ReadStreamAsync(StreamNames.Agent(to), version, 1, ct) is [var got])
            {
                var metadata = LedgerJson.Read<EventMetadata>(got.Record.Metadata);
                var envelope = new CommandEnvelope(metadata.Actor, metadata.CausationId, metadata.CorrelationId)
                {
                    Reason = await texts.AsGivenAsync(metadata.Reason, ct),
                };
                var handOver = new HandOver(conversationId, to, got.Record.OccurredAt);
                if (await agents.TransactAsync(from, handOver, envelope, answer: null, ct) is AgentAccepted { Events.Count: > 0 })
                    logger.LogInformation(
                        "The transfer of conversation {ConversationId} from {From} to {To} was completed",
                        conversationId,
                        from,
                        to
                    );
            }
            await using var command = database.CreateCommand(
                "delete from ledger.handover where from_agent_id = $1 and conversation_id = $2 and to_agent_id = $3"
            );
            command.Parameters.AddValues(from, conversationId, to);
            await command.ExecuteNonQueryAsync(ct);
        }
    }

    private async Task<List<(string From, string ConversationId, string To, long Version)>> ClaimUndoneAsync(CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            update ledger.handover h set due_at = $1 + $2
                from (
                    select from_agent_id, conversation_id, to_agent_id from ledger.handover
                    where due_at <= $1 order by due_at limit $3 for update skip locked
                ) f
                where h.from_agent_id = f.from_agent_id and h.conversation_id = f.conversation_id and h.to_agent_id = f.to_agent_id
                returning h.from_agent_id, h.conversation_id, h.to_agent_id, h.to_version
            """
        );
        command.Parameters.AddValues(clock.Now(), Claim.Lasts, AtMost);
        return await command.ReadAsync(row => (row.GetString(0), row.GetString(1), row.GetString(2), row.GetInt64(3)), ct);
    }

    private async Task SettleAsync(string agentId, DateTimeOffset now, Dictionary<string, DateTimeOffset> due, CancellationToken ct)
    {
        var id = Guid.CreateVersion7(now);
        var envelope = new CommandEnvelope(Actor.Ledger, id, id.ToString("N"));
        var outcome = await agents.TransactAsync(agentId, new SettleDue(), envelope, answer: null, ct);
        if (outcome is not AgentAccepted { Events.Count: 0 } nothing)
            return;
        if (due.TryGetValue(agentId, out var dueAt))
            await ScheduleAsync(nothing.Agent, dueAt, ct);
        else
            await leases.TidyAsync(nothing.Agent, ct);
    }

    private async Task<Dictionary<string, DateTimeOffset>> ClaimDueAsync(DateTimeOffset now, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            update ledger.due d set claimed_until = now() + $3
                from (
                    select agent_id from ledger.due
                    where due_at <= $1 and claimed_until < now() order by due_at limit $2 for update skip locked
                ) f
                where d.agent_id = f.agent_id
                returning d.agent_id, d.due_at
            """
        );
        command.Parameters.AddValues(now, AtMost, Claim.Lasts);
        var due = await command.ReadAsync(row => (AgentId: row.GetString(0), At: row.GetFieldValue<DateTimeOffset>(1)), ct);
        return due.ToDictionary(d => d.AgentId, d => d.At, StringComparer.Ordinal);
    }

    /// <summary>Nothing was due after all (the policy moved, or it is not known yet what other nodes heard): look again when it may be.</summary>
    private async Task ScheduleAsync(Agent agent, DateTimeOffset dueAt, CancellationToken ct)
    {
        var next = DueWork.NextAt(agent, configuration.Current, calendar, await leases.ReadAsync(agent, ct)) ?? Never;
        var soonest = clock.Now() + Interval;
        await using var command = database.CreateCommand(
            "update ledger.due set due_at = $1, claimed_until = default where agent_id = $2 and due_at = $3"
        );
        command.Parameters.AddValues(next > soonest ? next : soonest, agent.AgentId, dueAt);
        await command.ExecuteNonQueryAsync(ct);
    }
}
