using PresenceLedger.Contracts;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Queries.Historical;

/// <summary>Which number of an agent is to be explained.</summary>
/// <param name="AgentId">Whose.</param>
/// <param name="Window">Of which time; both its ends are given.</param>
/// <param name="Filter">Which sessions count.</param>
/// <param name="Metric">Name of the metric.</param>
/// <param name="Status">With <c>statusSeconds</c>: of which status.</param>
public sealed record ExplainQuery(string AgentId, ReportWindow Window, SessionFilter Filter, string Metric, string? Status);

/// <summary>Explains a number (REP-9): the clipped intervals, sessions and events that add up to it.</summary>
public sealed class Explain(ILog log)
{
    /// <summary>Versions no further apart than this are read together.</summary>
    private const int Gap = 50;

    private const int MostEvents = 500;

    /// <summary>Answers from the facts of the agent.</summary>
    /// <param name="query">What is asked.</param>
    /// <param name="agent">The facts, as the view has them.</param>
    /// <param name="asOf">Where open intervals end.</param>
    /// <param name="paging">Which of the items.</param>
    /// <param name="ct">Cancellation.</param>
    /// <exception cref="InvalidQueryException">The cursor is of another list.</exception>
    public async Task<ExplainAnswer> AnswerAsync(
        ExplainQuery query,
        AgentFacts agent,
        DateTimeOffset asOf,
        Paging paging,
        CancellationToken ct
    )
    {
        var (from, to) = query.Window.Bounds();
        var metric = Metrics.Named(query.Metric);
        var explained = metric is null
            ? Explained.OfStatus(agent, from, to, asOf, query.Status!)
            : Explained.Of(agent, from, to, asOf, query.Filter, metric);
        var first = (int)Math.Min(paging.AfterNumber ?? 0, int.MaxValue);
        var parts = explained.Parts.Skip(first).Take(paging.Limit).ToArray();
        var corrections = query.Window.IsRaw ? [] : agent.Corrections;
        var events = await EventsAsync(query.AgentId, parts.SelectMany(p => VersionsOf(p.Contribution, corrections)), ct);
        return new ExplainAnswer(
            query.AgentId,
            query.Metric,
            metric is null ? query.Status : null,
            ReportMetrics.Named(query.Metric)!,
            explained.Value,
            explained.Numerator,
            explained.Denominator,
            asOf,
            from,
            to,
            query.Window.Zone.Id,
            query.Window.View,
            query.Window.KnownAt,
            ReportMetrics.Path,
            [.. parts.Select(p => ItemOf(p, events, corrections))],
            explained.Parts.Count > first + parts.Length ? Paging.Cursor(first + parts.Length) : null
        );
    }

    /// <summary>The events of some versions, in few reads: runs of versions, and what is between those that are near to each other.</summary>
    private async Task<IReadOnlyDictionary<long, StoredEvent>> EventsAsync(string agentId, IEnumerable<long> versions, CancellationToken ct)
    {
        var wanted = versions.Distinct().Order().ToArray();
        var events = new Dictionary<long, StoredEvent>();
        for (var n = 0; n < wanted.Length; )
        {
            var last = n;
            while (last + 1 < wanted.Length && wanted[last + 1] - wanted[last] <= Gap && wanted[last + 1] - wanted[n] < MostEvents)
                last++;
            var run = await log.ReadStreamAsync(StreamNames.Agent(agentId), wanted[n], (int)(wanted[last] - wanted[n]) + 1, ct);
            foreach (var e in run)
                events[e.Record.Version] = e;
            n = last + 1;
        }
        return events;
    }

    private static ExplainItem ItemOf(
        ExplainedPart part,
        IReadOnlyDictionary<long, StoredEvent> events,
        IReadOnlyList<Correction> corrections
    )
    {
        var (heard, amount) = (part.Contribution, part.InSeconds ? part.Contribution.Amount / 1000.0 : part.Contribution.Amount);
        var item = new ExplainItem(KindOf(heard.Fact), heard.Start, heard.End, amount, part.Part)
        {
            Events = [.. VersionsOf(heard, corrections).Distinct().Order().Where(events.ContainsKey).Select(v => EventOf(events[v]))],
        };
        return heard.Fact switch
        {
            StatusInterval status => item with
            {
                StatusId = status.StatusId,
                Base = status.Base,
                Origin = status.Origin,
                Rule = status.Rule,
                Actor = status.Actor,
            },
            LoginInterval login => item with { Ended = login.Ended },
            Session session => item with
            {
                ConversationId = session.ConversationId,
                Channel = session.Channel,
                Queue = session.Queue,
                Workstream = session.Workstream,
                Direction = session.Outbound ? Domain.Agents.Direction.Outbound : Domain.Agents.Direction.Inbound,
                Outcome = session.Outcome,
                EndedBy = session.EndedBy,
            },
            Participation participation => item with { ConversationId = participation.ConversationId, Mode = participation.Mode },
            CapacityInterval capacity => item with { UnitsTotal = capacity.UnitsTotal, UnitsUsed = capacity.UnitsUsed },
            _ => item,
        };
    }

    /// <summary>The versions of the events under a part of a number: the edges of its fact, and the corrections that count within it.</summary>
    private static IEnumerable<long> VersionsOf(Contribution heard, IReadOnlyList<Correction> corrections) =>
        VersionsOf(heard.Fact)
            .Concat(
                corrections.Where(c => c.From < heard.End && c.To > heard.Start && Says(c, heard.Fact)).Select(c => c.Recorded.Version)
            );

    private static bool Says(Correction correction, object fact) =>
        fact switch
        {
            StatusInterval status => correction.StatusId == status.StatusId,
            LoginInterval => correction.Base is not BaseStatus.Offline,
            _ => false,
        };

    private static IEnumerable<long> VersionsOf(object fact) =>
        fact switch
        {
            StatusInterval status => Of(status.Start, status.End),
            LoginInterval login => Of(login.Start, login.End),
            Participation participation => Of(participation.Joined, participation.Left),
            CapacityInterval capacity => Of(capacity.Start, capacity.End),
            Session session => Of(session.Assigned, session.Accepted, session.WrapUp, session.BlockEnded, session.Ended)
                .Concat(session.Waits.SelectMany(w => Of(w.Start, w.End))),
            _ => [],
        };

    private static IEnumerable<long> Of(params Mark?[] marks) => marks.OfType<Mark>().Select(m => m.Version);

    private static string KindOf(object fact) =>
        fact switch
        {
            StatusInterval => "status-interval",
            LoginInterval => "login",
            Session => "session",
            Participation => "participation",
            CapacityInterval => "capacity-interval",
            _ => throw new InvalidOperationException($"{fact.GetType().Name} is no fact."),
        };

    private static ExplainEvent EventOf(StoredEvent stored) =>
        new(
            stored.Record.Version,
            stored.Position.ToString(),
            stored.Record.EventId,
            WireNames.Short(stored.Record.Type),
            stored.Record.OccurredAt,
            stored.Record.RecordedAt,
            LedgerJson.Read<EventMetadata>(stored.Record.Metadata).Rule
        );
}

/// <summary>A number, and what it is made of.</summary>
/// <param name="Value">The number; null where it is undefined.</param>
/// <param name="Numerator">What adds up; in seconds where it is time.</param>
/// <param name="Denominator">What that is divided by; null where it is a sum.</param>
/// <param name="Parts">What they are made of.</param>
public sealed record Explained(double? Value, double Numerator, double? Denominator, IReadOnlyList<ExplainedPart> Parts)
{
    public static Explained Of(
        AgentFacts agent,
        DateTimeOffset from,
        DateTimeOffset to,
        DateTimeOffset asOf,
        SessionFilter filter,
        Metric metric
    )
    {
        var parts = new List<ExplainedPart>();
        var cell = Arithmetic.Of(
            agent,
            [from, to],
            asOf,
            filter,
            heard =>
            {
                if (heard.Measure == metric.Of)
                    parts.Add(new ExplainedPart(heard, "numerator", metric.InSeconds));
                if (heard.Measure == metric.Over)
                    parts.Add(new ExplainedPart(heard, "denominator", metric.OverSeconds));
            }
        )[0];
        return new Explained(metric.In(cell), metric.Numerator(cell), metric.Over is null ? null : metric.Denominator(cell), parts);
    }

    public static Explained OfStatus(AgentFacts agent, DateTimeOffset from, DateTimeOffset to, DateTimeOffset asOf, string statusId)
    {
        var parts = new List<ExplainedPart>();
        var cell = Arithmetic.Of(
            agent,
            [from, to],
            asOf,
            SessionFilter.All,
            heard =>
            {
                // Online is these once more.
                if (
                    heard
                        is {
                            Measure: Measure.Available or Measure.Busy or Measure.DoNotDisturb or Measure.Away or Measure.Offline,
                            Fact: StatusInterval status
                        }
                    && status.StatusId == statusId
                )
                    parts.Add(new ExplainedPart(heard, "numerator", InSeconds: true));
            }
        )[0];
        var seconds = (cell.Statuses.FirstOrDefault(s => s.StatusId == statusId)?.Milliseconds ?? 0) / 1000.0;
        return new Explained(seconds, seconds, null, parts);
    }
}

/// <summary>Part of a number.</summary>
/// <param name="Contribution">What it is.</param>
/// <param name="Part">Of the numerator, or the denominator.</param>
/// <param name="InSeconds">Whether it is time.</param>
public sealed record ExplainedPart(Contribution Contribution, string Part, bool InSeconds);
