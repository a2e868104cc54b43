using System.Globalization;
using NodaTime;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Calendars;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Projections.Presence;
using PresenceLedger.Queries.Timeline;

namespace PresenceLedger.Queries.Historical;

/// <summary>When too few agents of a queue were routable, and why (docs/real-time.md).</summary>
/// <param name="Queue">The queue.</param>
/// <param name="Below">How many are enough.</param>
/// <param name="From">From when on; 24 hours before the end where null.</param>
/// <param name="To">Until when; now where null.</param>
/// <param name="Zone">Which zone the caller reads.</param>
/// <param name="KnownAt">Only what was recorded by then counts; null for all.</param>
public sealed record CoverageQuery(
    string Queue,
    int Below,
    DateTimeOffset? From,
    DateTimeOffset? To,
    DateTimeZone Zone,
    DateTimeOffset? KnownAt
);

/// <summary>Answers it.</summary>
public sealed class CoverageReport(LatestAgents latest, ILog log, Reasons given, Records records)
{
    private static readonly TimeSpan LongestWindow = TimeSpan.FromDays(31);
    private static readonly TimeSpan DefaultWindow = TimeSpan.FromHours(24);

    /// <summary>For so many causes of a page the reason is looked up in the ledger.</summary>
    private const int MostReasons = 200;

    /// <summary>Whether a text is the cursor of a page.</summary>
    public static bool IsCursor(string? text) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var at) && Math.Abs(at) < 100_000_000_000_000;

    /// <summary>Answers from the facts, and disposes of them as soon as they are read.</summary>
    /// <exception cref="InvalidQueryException">The window is too long, or not of the past.</exception>
    public async Task<CoverageAnswer> AnswerAsync(ReportFacts facts, CoverageQuery query, Paging paging, CancellationToken ct)
    {
        var end = query.To < facts.AsOf ? query.To.Value : facts.AsOf;
        var start = query.From ?? end - DefaultWindow;
        var agents = new List<AgentFacts>();
        // Given back before anything else is read: who holds a connection and waits for another may wait for ever.
        await using (facts)
        {
            if (start >= end)
                throw new InvalidQueryException("from", "must be earlier than 'to', and not in the future");
            if (end - start > LongestWindow)
                throw new InvalidQueryException("from", "must be at most 31 days before 'to'");
            var snapshot = facts.Snapshot;
            var ids = (await snapshot.AllOpenAsync(latest, ct))
                .Where(open => open.Queues.Queues.Contains(query.Queue))
                .Select(open => open.Agent.AgentId)
                .Union(await snapshot.AgentsWhoLeftAsync(query.Queue, start, end, query.KnownAt, ct), StringComparer.Ordinal)
                .Order(StringComparer.Ordinal)
                .ToArray();
            var window = new FactsWindow(start, end)
            {
                InDetail = true,
                WithQueues = true,
                KnownAt = query.KnownAt,
            };
            await foreach (var record in snapshot.ReadAsync(ids, window, ct))
                agents.Add(record.Facts);
        }

        var blocking = BlockingProfiles.Of(await records.Configurations.KnownAtAsync(query.KnownAt, ct));
        var coverage = new Coverage(query.Queue, agents, start, end, blocking);
        DateTimeOffset? after = paging.After is null
            ? null
            : DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(paging.After, CultureInfo.InvariantCulture));
        var page = paging.Of(
            coverage.Below(query.Below).Where(s => after is null || s.Start > after),
            s => s.Start.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture),
            s => (Shortage: s, Causes: coverage.CausesOf(s))
        );
        var reasons = await ReasonsAsync(page.Items.SelectMany(s => s.Causes), ct);
        return new CoverageAnswer
        {
            AsOf = facts.AsOf,
            From = start,
            To = end,
            TimeZone = query.Zone.Id,
            TimeZoneVersion = Zones.Version,
            AsKnownAt = query.KnownAt,
            Queue = query.Queue,
            Below = query.Below,
            Items =
            [
                .. page.Items.Select(s => new ShortageAnswer(
                    s.Shortage.Start,
                    s.Shortage.End,
                    (s.Shortage.End - s.Shortage.Start).TotalSeconds,
                    s.Shortage.Routable,
                    [
                        .. s.Causes.Select(c => new CauseAnswer(c.AgentId, c.Cause, c.StatusId, c.Since, c.Rule, c.Actor)
                        {
                            Reason = reasons.GetValueOrDefault((c.AgentId, c.Version ?? -1)),
                        }),
                    ]
                )),
            ],
            Next = page.Next,
        };
    }

    /// <summary>What was said to what somebody did; facts do not keep it.</summary>
    private async Task<Dictionary<(string, long), ReasonAnswer>> ReasonsAsync(IEnumerable<AbsenceCause> causes, CancellationToken ct)
    {
        var recorded = new Dictionary<(string AgentId, long Version), GivenReason>();
        var said = causes.Where(c => c is { Actor.Kind: not Persona.System, Version: >= 0 }).DistinctBy(c => (c.AgentId, c.Version));
        foreach (var cause in said.Take(MostReasons))
        {
            var events = await log.ReadStreamAsync(StreamNames.Agent(cause.AgentId), cause.Version!.Value, 1, ct);
            if (
                events.Count > 0
                && LedgerJson.Read<EventMetadata>(events[0].Record.Metadata) is { Reason: { } reason } by
                && by.Actor == cause.Actor
            )
                recorded.Add((cause.AgentId, cause.Version.Value), new(cause.AgentId, reason, events[0].Record.OccurredAt));
        }
        var read = await given.ReadAsync(recorded.Values, ct);
        return recorded.ToDictionary(r => r.Key, r => read.Of(r.Value)!);
    }
}
