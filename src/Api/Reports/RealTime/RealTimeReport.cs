using System.Collections.Immutable;
using System.Text.Json;
using PresenceLedger.Api.Agents;
using PresenceLedger.Api.Privacy;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Projections.Facts;

namespace PresenceLedger.Api.Reports.RealTime;

/// <summary>Makes answers of facts; everything in it is a computation.</summary>
internal sealed class RealTimeReport(RealTimeQuery query, Configuration configuration, DateTimeOffset asOf)
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

    /// <summary>Why the status of an agent was set.</summary>
    public static GivenReason ReasonOf(OpenFacts open) => new(open.Agent.AgentId, open.SetBy?.Reason, open.SetBy?.At ?? default);

    /// <summary>An agent with its stuck conversations.</summary>
    public Standing Stand(OpenFacts open) => new(open, [.. Prerequisites.Stuck(open.Agent, configuration, asOf)]);

    /// <summary>The row of an agent; and whether its statuses fill the range (REP-4).</summary>
    public (AgentRow Row, bool Conserved) RowOf(AgentRecord record, string? displayName, DateTimeOffset? lastSeenAt, ReasonsRead reasons)
    {
        var (open, agent) = (record.Open, record.Open.Agent);
        var cell = Arithmetic.Of(record.Facts.Corrected(asOf), [From, Until], asOf, SessionFilter.All)[0];
        var stuck = Stand(open).Stuck;
        var row = new AgentRow
        {
            AgentId = agent.AgentId,
            DisplayName = displayName,
            StatusId = agent.Status.StatusId,
            StatusText = configuration.StatusText(agent.Status.StatusId),
            Base = agent.Status.Base,
            Origin = agent.Status.Origin,
            SetBy = open.SetBy is { } by ? new SetByAnswer(by.Actor, by.Rule, reasons.Of(ReasonOf(open)), by.At) : null,
            Since = agent.Since,
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
            Stuck = stuck.Count > 0,
            StuckConversations = stuck,
            Queues = agent.Settings.Queues,
            Skills = SkillsOf(agent),
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
        var (signedIn, withSessions, atCapacity, routable, stuck, beyond) = (0, 0, 0, 0, 0, 0);
        foreach (var agent in agents)
        {
            var now = agent.Open.Agent;
            byBase[now.Status.Base]++;
            byStatus[now.Status.StatusId] = byStatus.GetValueOrDefault(now.Status.StatusId) + 1;
            signedIn += now.SignedIn ? 1 : 0;
            withSessions += now.Conversations.IsEmpty ? 0 : 1;
            stuck += agent.Stuck.Count;
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
            OpenBeyond24h = query.Range is RealTimeQuery.OpenBeyond24Hours ? beyond : null,
            Routable = routable,
            RoutableByQueue = byQueue,
        };
    }

    /// <summary>All of an agent.</summary>
    public RealTimeAgentAnswer DetailOf(AgentRecord record, string? displayName, DateTimeOffset? lastSeenAt, ReasonsRead reasons)
    {
        var agent = record.Open.Agent;
        var (row, conserved) = RowOf(record, displayName, lastSeenAt, reasons);
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
                    .Select(s => new SessionAnswer(
                        s,
                        agent.Conversations.GetValueOrDefault(s.ConversationId),
                        row.StuckConversations.Contains(s.ConversationId)
                    )),
            ],
            EndedSessions =
            [
                .. record
                    .Facts.Sessions.Where(s => s.Ended is { } ended && ended.At >= From)
                    .Select(s => new SessionAnswer(s, null, false)),
            ],
            Capacity = new PresenceAnswer(agent, configuration).Capacity,
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
                    (Min(s.End?.At ?? asOf, asOf) - Max(s.Start.At, From)).TotalSeconds,
                    s.Origin,
                    s.Rule,
                    s.Actor
                )),
        ];

    private bool IsAtCapacity(Agent agent) => agent.SignedIn && CapacityRules.IsExhausted(agent, configuration);

    private bool IsRoutable(Agent agent) =>
        agent.SignedIn && agent.Status.Base is BaseStatus.Available or BaseStatus.Busy && !IsAtCapacity(agent);

    private static IReadOnlyList<SkillBody> SkillsOf(Agent agent) =>
        [.. agent.Settings.Skills.Select(s => new SkillBody(s.Name, s.Proficiency))];

    private IEnumerable<OldConversation> Beyond24Hours(Agent agent) =>
        agent
            .Conversations.Where(c => RealTimeQuery.IsBeyond24Hours(c.Value.AssignedAt, asOf))
            .Select(c => new OldConversation(c.Key, c.Value.AssignedAt, c.Value.Work.Channel, c.Value.Work.Queue, c.Value.State));

    private static string WordOf(BaseStatus @base) => JsonNamingPolicy.KebabCaseLower.ConvertName(@base.ToString());

    private static DateTimeOffset Min(DateTimeOffset a, DateTimeOffset b) => a < b ? a : b;

    private static DateTimeOffset Max(DateTimeOffset a, DateTimeOffset b) => a > b ? a : b;
}
