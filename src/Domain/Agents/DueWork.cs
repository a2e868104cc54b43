using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Policies;

namespace PresenceLedger.Domain.Agents;

/// <summary>Something that happens to an agent by itself when its time comes.</summary>
public abstract record DueWork(DateTimeOffset At)
{
    /// <summary>A custom wrap-up block ends (WRP-3).</summary>
    public sealed record WrapUpEnd(DateTimeOffset At, string ConversationId) : DueWork(At);

    /// <summary>A connection is lost (CON-1).</summary>
    public sealed record Loss(DateTimeOffset At, string ConnectionId, LossCause Cause, DateTimeOffset LastSeenAt) : DueWork(At);

    /// <summary>A consult of an agent who did not come back ends (CNS-2).</summary>
    public sealed record ConsultEnd(DateTimeOffset At, string ConversationId, DateTimeOffset EndedAt) : DueWork(At);

    /// <summary>An end-of-day profile gives back (CAP-7).</summary>
    public sealed record DayEnd(DateTimeOffset At, string ProfileId) : DueWork(At);

    /// <summary>A manual status has stood until the instant that was said, and capacity decides (MAN-6).</summary>
    public sealed record ManualEnd(DateTimeOffset At) : DueWork(At);

    /// <summary>
    /// The end of the restore window still counts as within (CON-4); what happens beyond it happens at the next instant
    /// that the ledger can tell apart.
    /// </summary>
    public static readonly TimeSpan Beyond = TimeSpan.FromMilliseconds(1);

    /// <summary>
    /// All that is to happen to the agent by itself, soonest first. At one instant losses come last, so that a status that
    /// they capture has seen the rest; and a manual status ends after what moves capacity at the same instant.
    /// </summary>
    public static IEnumerable<DueWork> Of(
        Agent agent,
        Configuration configuration,
        IReadOnlyDictionary<string, SignOfLife> signsOfLife,
        ICalendar calendar
    ) => All(agent, configuration, signsOfLife, calendar).OrderBy(due => due.At).ThenBy(Order);

    /// <summary>
    /// When the soonest of it is due, connections aside (their deadlines move with every heartbeat) unless they are closing;
    /// null where nothing is.
    /// </summary>
    /// <param name="agent">The agent.</param>
    /// <param name="configuration">Statuses, profiles and policy.</param>
    /// <param name="calendar">When a day ends.</param>
    /// <param name="signsOfLife">
    /// Where they are known, a closing connection that came back by a heartbeat, which is no event, is not due any more.
    /// </param>
    public static DateTimeOffset? NextAt(
        Agent agent,
        Configuration configuration,
        ICalendar calendar,
        IReadOnlyDictionary<string, SignOfLife>? signsOfLife = null
    )
    {
        var closings = agent
            .Connections.Select(c => LossOf(c.Key, c.Value, signsOfLife ?? AgentContext.NoSigns, configuration))
            .Where(loss => loss.Cause is LossCause.Closed)
            .Select(loss => loss.At);
        var others = All(agent with { Connections = agent.Connections.Clear() }, configuration, AgentContext.NoSigns, calendar)
            .Select(due => due.At);
        return closings.Concat(others).Select(at => (DateTimeOffset?)at).Min();
    }

    /// <summary>
    /// When a connection is lost unless it shows up. One that said it closes has the refresh grace, unless it was seen (or
    /// granted a timeout) after saying so.
    /// </summary>
    public static Loss LossOf(string connectionId, Connection connection, SignOfLife? sign, Configuration configuration)
    {
        var seen = Latest(connection.OpenedAt, connection.ClosingAt, sign?.LastSeenAt.ToMillisecond());
        var countsFrom = Latest(seen, sign?.CountsFrom.ToMillisecond(), null);
        return connection.ClosingAt is { } closing && countsFrom <= closing
            ? new Loss(
                configuration.After(closing, policy => Shorter(policy.RefreshGrace, policy.HeartbeatTimeout)),
                connectionId,
                LossCause.Closed,
                seen
            )
            : new Loss(configuration.After(countsFrom, policy => policy.HeartbeatTimeout), connectionId, LossCause.Heartbeat, seen);
    }

    /// <summary>
    /// A connection's last sign of life, with the full timeout that outages grant it (CON-8). One whose deadline had passed before an
    /// outage began is lost at that deadline all the same: everything that could have saved it was heard.
    /// </summary>
    /// <param name="connection">The connection.</param>
    /// <param name="lastSeenAt">Its last sign of life.</param>
    /// <param name="outages">In the order of their ends.</param>
    /// <param name="configuration">The policy, and those before.</param>
    public static SignOfLife SignOf(
        Connection connection,
        DateTimeOffset lastSeenAt,
        IReadOnlyList<Outage> outages,
        Configuration configuration
    )
    {
        var sign = new SignOfLife(lastSeenAt, lastSeenAt);
        foreach (var outage in outages)
            if (
                outage.Until > Latest(connection.OpenedAt, connection.ClosingAt, sign.CountsFrom)
                && outage.From < LossOf("", connection, sign, configuration).At
            )
                sign = sign with { CountsFrom = outage.Until };
        return sign;
    }

    internal static Loss LossOf(
        string connectionId,
        Connection connection,
        IReadOnlyDictionary<string, SignOfLife> signs,
        Configuration configuration
    ) => LossOf(connectionId, connection, signs.TryGetValue(connectionId, out var sign) ? sign : null, configuration);

    private static IEnumerable<DueWork> All(
        Agent agent,
        Configuration configuration,
        IReadOnlyDictionary<string, SignOfLife> signsOfLife,
        ICalendar calendar
    )
    {
        foreach (var (id, conversation) in agent.Conversations)
            if (conversation is { HoldsCapacity: true, BlockEndsAt: { } endsAt })
                yield return new WrapUpEnd(endsAt, id);

        foreach (var (id, connection) in agent.Connections)
            yield return LossOf(id, connection, signsOfLife, configuration);

        if (agent.Captured is { } captured)
            foreach (var id in agent.Consults.Keys)
                yield return new ConsultEnd(configuration.RestoreUntil(captured.At) + Beyond, id, captured.At);

        foreach (var (id, count) in agent.DayCounts)
            if (
                configuration.FallsDue(count.Since, policy => policy.EndOfDay is { } end ? calendar.Next(end, count.Since) : null) is
                { } dayEnd
            )
                yield return new DayEnd(dayEnd, id);

        if (agent.Status.Until is { } until)
            yield return new ManualEnd(until);
    }

    /// <summary>What comes first loses it (CON-1): a grace that is longer than the timeout does not keep a silent connection.</summary>
    private static TimeSpan Shorter(TimeSpan a, TimeSpan b) => a < b ? a : b;

    private static int Order(DueWork due) =>
        due switch
        {
            WrapUpEnd => 0,
            DayEnd => 1,
            ManualEnd => 2,
            Loss => 3,
            _ => 4,
        };

    private static DateTimeOffset Latest(DateTimeOffset a, DateTimeOffset? b, DateTimeOffset? c)
    {
        var latest = b > a ? b.Value : a;
        return c > latest ? c.Value : latest;
    }
}
