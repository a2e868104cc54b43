using System.Collections.Immutable;
using System.Text.Json;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Ledger.Calendars;
using PresenceLedger.Projections.Presence;
using static PresenceLedger.Domain.Instants;

namespace PresenceLedger.Queries.RealTime;

/// <summary>Makes answers of facts; everything in it is a computation.</summary>
/// <param name="query">What is asked.</param>
/// <param name="configuration">Statuses, profiles and policy.</param>
/// <param name="conflicts">Conversations that are open with several of all agents, by agent.</param>
/// <param name="asOf">Up to when the facts are complete.</param>
public sealed class RealTimeReport(
    RealTimeQuery query,
    Configuration configuration,
    IReadOnlyDictionary<string, ImmutableArray<Conflict>> conflicts,
    DateTimeOffset asOf
)
{
    private static readonly Metric Presented = Metrics.Named("presentedSessions")!;
    private static readonly Metric Engaged = Metrics.Named("engagedSessions")!;
    private static readonly Metric Rejected = Metrics.Named("rejectedSessions")!;
    private static readonly Metric Missed = Metrics.Named("missedSessions")!;
    private static readonly Metric Outbound = Metrics.Named("outboundSessions")!;
    private static readonly Metric Undelivered = Metrics.Named("undeliveredSessions")!;
    private static readonly Metric Handle = Metrics.Named("averageHandleSeconds")!;
    private static readonly Metric Login = Metrics.Named("loginSeconds")!;
    private static readonly Metric OnContact = Metrics.Named("onContactSeconds")!;
    private static readonly Metric Occupancy = Metrics.Named("occupancy")!;

    public DateTimeOffset From { get; } = query.From(asOf);

    /// <summary>The end of the window of the facts: what happened at the very instant of <c>asOf</c> counts.</summary>
    public DateTimeOffset Until { get; } = asOf.AddMilliseconds(1);

    /// <summary>An agent with what is flagged of its conversations.</summary>
    public Standing Stand(OpenFacts open) =>
        new(open, [.. Flags.Of(open.Agent, configuration.Policy, asOf)], conflicts.GetValueOrDefault(open.Agent.AgentId, []));

    /// <summary>The agents whose names rows name: those of the rows, and those in conflict with them.</summary>
    public IReadOnlyList<string> NamedWith(IReadOnlyList<string> agents) =>
        [
            .. agents
                .Concat(agents.SelectMany(id => conflicts.GetValueOrDefault(id, [])).SelectMany(c => c.Others))
                .Distinct(StringComparer.Ordinal),
        ];

    /// <summary>The row of an agent; and whether its statuses fill the range (REP-4).</summary>
    public (AgentRow Row, bool Conserved) RowOf(
        AgentRecord record,
        IReadOnlyDictionary<string, string> names,
        DateTimeOffset? lastSeenAt,
        ReasonsRead reasons
    )
    {
        var (open, agent) = (record.Open, record.Open.Agent);
        var cell = Arithmetic.Of(record.Facts.Corrected(asOf), [From, Until], asOf, SessionFilter.All)[0];
        var standing = Stand(open);
        var row = new AgentRow
        {
            AgentId = agent.AgentId,
            DisplayName = names.GetValueOrDefault(agent.AgentId),
            StatusId = agent.Status.StatusId,
            StatusText = configuration.StatusText(agent.Status.StatusId),
            Base = agent.Status.Base,
            Origin = agent.Status.Origin,
            SetBy = open.SetBy is { } by ? new SetByAnswer(by.Actor, by.Rule, reasons.Of(GivenReason.OfStatus(open)), by.At) : null,
            Since = agent.Since,
            Until = agent.Status.Until,
            InStatusSeconds = Math.Max(0, (asOf - agent.Since).TotalSeconds),
            SignedIn = agent.SignedIn,
            Units = agent.Settings.Units is { } total ? new UnitsAnswer(total, agent.UnitsUsed, total - agent.UnitsUsed) : null,
            Profiles =
            [
                .. CapacityRules.ProfilesInUse(agent, configuration).Select(p => new ProfileUseAnswer(p.Profile.Id, p.Used, p.Limit)),
            ],
            AtCapacity = IsAtCapacity(agent),
            Routable = IsRoutable(agent),
            Conversations = new ConversationCounts(
                In(ConversationState.Assigned),
                In(ConversationState.Active),
                In(ConversationState.Waiting),
                In(ConversationState.WrapUp)
            ),
            PresentedSessions = (long)Presented.Numerator(cell),
            EngagedSessions = (long)Engaged.Numerator(cell),
            RejectedSessions = (long)Rejected.Numerator(cell),
            MissedSessions = (long)Missed.Numerator(cell),
            OutboundSessions = (long)Outbound.Numerator(cell),
            UndeliveredSessions = (long)Undelivered.Numerator(cell),
            AverageHandleSeconds = Handle.In(cell),
            AverageHandleSecondsNumerator = Handle.Numerator(cell),
            AverageHandleSecondsDenominator = Handle.Denominator(cell),
            LoginSeconds = Login.Numerator(cell),
            OnContactSeconds = OnContact.Numerator(cell),
            Occupancy = Occupancy.In(cell),
            LastSeenAt = lastSeenAt,
            Flags = standing.Flags,
            Stuck = standing.Flagged.Count > 0,
            StuckConversations = [.. standing.Flagged.Select(f => f.ConversationId)],
            OverdueOffers = [.. standing.With(ConversationFlag.Offer)],
            Conflicts = ConflictAnswer.Of(agent.AgentId, standing.Conflicts, names),
            Queues = agent.Settings.Queues,
            Skills = SkillBody.Of(agent),
            OpenSince = agent.Conversations.IsEmpty ? null : agent.Conversations.Values.Min(c => c.AssignedAt),
            OpenBeyond24h = query.Range is RealTimeQuery.OpenBeyond24Hours ? [.. Beyond24Hours(agent)] : null,
        };
        return (row, cell.Conserved);

        int In(ConversationState state) => agent.Conversations.Values.Count(c => c.State == state);
    }

    /// <summary>How agents stand, all together.</summary>
    public RealTimeSummary SummaryOf(IReadOnlyList<Standing> agents)
    {
        var byBase = new SortedDictionary<BaseStatus, int>(Enum.GetValues<BaseStatus>().ToDictionary(b => b, _ => 0));
        var byStatus = new SortedDictionary<string, int>(
            configuration.Statuses.Values.Where(s => !s.Retired).ToDictionary(s => s.Id, _ => 0),
            StringComparer.Ordinal
        );
        var byQueue = new SortedDictionary<string, int>(StringComparer.Ordinal);
        var (signedIn, withSessions, atCapacity, routable, stuck, offers, beyond) = (0, 0, 0, 0, 0, 0, 0);
        var inConflict = new HashSet<string>(StringComparer.Ordinal);
        foreach (var agent in agents)
        {
            var now = agent.Open.Agent;
            byBase[now.Status.Base]++;
            byStatus[now.Status.StatusId] = byStatus.GetValueOrDefault(now.Status.StatusId) + 1;
            signedIn += now.SignedIn ? 1 : 0;
            withSessions += now.Conversations.IsEmpty ? 0 : 1;
            stuck += agent.Flagged.Count;
            offers += agent.With(ConversationFlag.Offer).Count();
            inConflict.UnionWith(agent.Conflicts.Select(c => c.ConversationId));
            beyond += Beyond24Hours(now).Count();
            atCapacity += IsAtCapacity(now) ? 1 : 0;
            var isRoutable = IsRoutable(now);
            routable += isRoutable ? 1 : 0;
            foreach (var queue in now.Settings.Queues.Distinct(StringComparer.Ordinal))
                byQueue[queue] = byQueue.GetValueOrDefault(queue) + (isRoutable ? 1 : 0);
        }
        return new RealTimeSummary
        {
            Registered = agents.Count,
            Online = agents.Count - byBase[BaseStatus.Offline],
            Offline = byBase[BaseStatus.Offline],
            SignedIn = signedIn,
            ByBase = byBase.ToImmutableSortedDictionary(b => WordOf(b.Key), b => b.Value, StringComparer.Ordinal),
            ByStatus = byStatus,
            WithSessions = withSessions,
            AtCapacity = atCapacity,
            StuckConversations = stuck,
            OverdueOffers = offers,
            Conflicts = inConflict.Count,
            OpenBeyond24h = query.Range is RealTimeQuery.OpenBeyond24Hours ? beyond : null,
            Routable = routable,
            RoutableByQueue = byQueue,
        };
    }

    /// <summary>All of an agent.</summary>
    public RealTimeAgentAnswer DetailOf(
        AgentRecord record,
        IReadOnlyDictionary<string, string> names,
        DateTimeOffset? lastSeenAt,
        ReasonsRead reasons
    )
    {
        var agent = record.Open.Agent;
        var (row, conserved) = RowOf(record, names, lastSeenAt, reasons);
        var flags = row
            .StuckConversations.Select(id => (id, Flag: row.OverdueOffers.Contains(id) ? ConversationFlag.Offer : ConversationFlag.Stuck))
            .Concat(row.Conflicts.Select(c => (c.ConversationId, Flag: ConversationFlag.Conflict)))
            .ToLookup(f => f.Item1, f => f.Flag, StringComparer.Ordinal);
        return new RealTimeAgentAnswer
        {
            AgentId = agent.AgentId,
            AsOf = asOf,
            From = From,
            To = asOf,
            TimeZone = query.Zone.Id,
            TimeZoneVersion = Zones.Version,
            Range = query.Range,
            Conserved = conserved,
            Agent = row,
            Conversations =
            [
                .. record
                    .Open.Sessions.Values.OrderBy(s => s.Assigned.At)
                    .Select(s =>
                        SessionAnswer.Of(s, agent.Conversations.GetValueOrDefault(s.ConversationId), [.. flags[s.ConversationId]])
                    ),
            ],
            EndedSessions =
            [
                .. record.Facts.Sessions.Where(s => s.Ended is { } ended && ended.At >= From).Select(s => SessionAnswer.Of(s, null, [])),
            ],
            Capacity = PresenceAnswer.Of(agent, configuration).Capacity,
            Skills = row.Skills,
            History = HistoryOf(record.Facts),
            StuckConversations = row.StuckConversations,
        };
    }

    /// <summary>The statuses of the range.</summary>
    private IReadOnlyList<StatusStretch> HistoryOf(AgentFacts facts) =>
        [
            .. facts
                .Corrected(asOf)
                .Statuses.Where(s => s.Start.At < asOf && (s.End is not { } end || end.At > From))
                .Select(s => new StatusStretch(
                    s.StatusId,
                    configuration.StatusText(s.StatusId),
                    s.Base,
                    s.Start.At,
                    s.End?.At,
                    (Earlier(s.End?.At ?? asOf, asOf) - Later(s.Start.At, From)).TotalSeconds,
                    s.Origin,
                    s.Rule,
                    s.Actor
                )),
        ];

    private bool IsAtCapacity(Agent agent) => agent.SignedIn && CapacityRules.IsExhausted(agent, configuration);

    private bool IsRoutable(Agent agent) =>
        agent.SignedIn && agent.Status.Base is BaseStatus.Available or BaseStatus.Busy && !IsAtCapacity(agent);

    private IEnumerable<OldConversation> Beyond24Hours(Agent agent) =>
        agent
            .Conversations.Where(c => RealTimeQuery.IsBeyond24Hours(c.Value.AssignedAt, asOf))
            .Select(c => new OldConversation(c.Key, c.Value.AssignedAt, c.Value.Work.Channel, c.Value.Work.Queue, c.Value.State));

    private static string WordOf(BaseStatus @base) => JsonNamingPolicy.KebabCaseLower.ConvertName(@base.ToString());
}
