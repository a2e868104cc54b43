using PresenceLedger.Contracts;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Queries.Timeline;

/// <summary>Finds out why an agent was what it was at an instant. It reads the log alone.</summary>
public sealed class Inquiry(Records records, Entries entries)
{
    private const int PageSize = 1000;

    /// <summary>The answer; null where nothing is recorded of the agent at all.</summary>
    /// <param name="agentId">Whom it is about.</param>
    /// <param name="at">The instant.</param>
    /// <param name="wording">In which words.</param>
    /// <param name="ct">Cancellation.</param>
    public async Task<WhyAnswer?> WhyAsync(string agentId, DateTimeOffset at, Wording wording, CancellationToken ct)
    {
        var versions = records.VersionsOf(agentId, ct);
        var last = await versions.LastAsync();
        if (last < 0)
            return null;
        // Instants are told apart by the millisecond.
        var version = await versions.FirstAtOrAfterAsync(at.AddMilliseconds(1), last) - 1;

        var history = records.HistoryOf(agentId, ct);
        var agent = await records.StateAfterAsync(agentId, version, ct);
        var (then, now) = await records.Configurations.AtAsync(at, ct);
        var registration = (await history.ForwardsAsync(0, 1))[0];
        var evidence = new Evidence(at, agent, then, registration.ToRecorded());
        var under = new Under();
        if (agent.IsRegistered)
            evidence = await GatherAsync(evidence, history, version, last, under, ct);
        if (evidence.Standing is null)
            under.Causes.Add(registration);

        var reasoning = Reasoning.Of(evidence);
        string Text(string id) => then.Status(id)?.Text ?? now.StatusText(id);
        var unchanging = reasoning.Unchanging.Select(r => r.Version).ToHashSet();
        return new WhyAnswer(
            agentId,
            at,
            agent.IsRegistered ? agent.Status.StatusId : null,
            agent.IsRegistered ? Text(agent.Status.StatusId) : null,
            agent.IsRegistered ? agent.Status.Base : null,
            agent.IsRegistered ? agent.Status.Origin : null,
            agent.IsRegistered ? agent.Since : null,
            evidence.Ended?.Event.OccurredAt,
            string.Join(' ', reasoning.Sentences.Select(s => wording.Say(s, Text))),
            await EntriesAsync(under.Causes),
            await EntriesAsync(under.Meanwhile.Where(e => unchanging.Contains(e.Version))),
            await EntriesAsync(under.Corrections),
            [.. reasoning.Rules.Select(id => new RuleAnswer(id, wording.Title(id)))]
        );

        async Task<IReadOnlyList<TimelineEntry>> EntriesAsync(IEnumerable<AuditedEvent> events) =>
            await entries.OfAsync(history, [.. events.DistinctBy(e => e.Version).OrderByDescending(e => e.Version)], wording, ct);
    }

    /// <summary>What is recorded that bears on the status.</summary>
    private async Task<Evidence> GatherAsync(
        Evidence evidence,
        AgentHistory history,
        long version,
        long last,
        Under under,
        CancellationToken ct
    )
    {
        var since = 0L;
        if (await ChangeBeforeAsync(history, version + 1) is { } change)
        {
            since = change.Version + 1;
            var causes = await history.CausesOfAsync(change);
            var followed = Entries.Followed(change, causes);
            var decided = await records.Configurations.OfAsync(change.Metadata.PolicyVersion, ct);
            evidence = evidence with
            {
                Standing = under.Cause(change, causes),
                DecidedWith = decided,
                Inputs = await entries.InputsOfAsync(history, (PresenceChanged)change.Event, followed, decided, ct),
            };
            if (await BecameAsync(history, change) is { } became && became.Version != change.Version)
                evidence = evidence with { Became = under.Cause(became, await history.CausesOfAsync(became)) };
            if (followed?.Event is AgentSignedIn && await DepartureBeforeAsync(history, followed.Version) is { } departure)
            {
                under.Causes.Add(departure);
                evidence = evidence with { Departure = departure.ToRecorded() };
                if (change.Event.Rule == Rules.Con4 && await RestoredAsync(history, departure) is { } restored)
                    evidence = evidence with { Restored = under.Cause(restored, await history.CausesOfAsync(restored)) };
            }
        }
        for (var from = since; from <= version; from += PageSize)
            under.Meanwhile.AddRange(await history.ForwardsAsync(from, (int)Math.Min(PageSize, version - from + 1)));
        evidence = evidence with { Meanwhile = [.. under.Meanwhile.Select(e => e.ToRecorded())] };
        return await LookForwardAsync(evidence, version, last, under, ct);
    }

    private static Task<AuditedEvent?> ChangeBeforeAsync(AgentHistory history, long version) =>
        history.LastBeforeAsync(version, (_, e) => e is PresenceChanged);

    private static Task<AuditedEvent?> DepartureBeforeAsync(AgentHistory history, long version) =>
        history.LastBeforeAsync(version, (_, e) => Cause.IsDeparture(e));

    /// <summary>The change by which the status became the status, where later ones changed only why it stands.</summary>
    private static async Task<AuditedEvent> BecameAsync(AgentHistory history, AuditedEvent change)
    {
        while (
            change.Event is PresenceChanged e
            && e.From.StatusId == e.To.StatusId
            && await ChangeBeforeAsync(history, change.Version) is { } before
        )
            change = before;
        return change;
    }

    /// <summary>The change that had set what was kept at a departure, however often it was restored since.</summary>
    private static async Task<AuditedEvent?> RestoredAsync(AgentHistory history, AuditedEvent departure)
    {
        while (await ChangeBeforeAsync(history, departure.Version) is { } change)
        {
            if (change.Event.Rule != Rules.Con4 || await DepartureBeforeAsync(history, change.Version) is not { } earlier)
                return change;
            departure = earlier;
        }
        return null;
    }

    /// <summary>How it ended, and what was said of it later.</summary>
    private async Task<Evidence> LookForwardAsync(Evidence evidence, long version, long last, Under under, CancellationToken ct)
    {
        AuditedEvent? ended = null;
        while (version < last)
        {
            var history = records.HistoryOf(evidence.Agent.AgentId, ct);
            var page = await history.ForwardsAsync(version + 1, PageSize, IsChangeOrCorrection);
            foreach (var e in page.Events)
                switch (e.Event)
                {
                    case PresenceChanged change when ended is null && change.To.StatusId != evidence.Agent.Status.StatusId:
                        ended = e;
                        break;
                    case PresenceCorrected correction when correction.From <= evidence.At && evidence.At < correction.To:
                        under.Corrections.Add(e);
                        break;
                }
            if (page.Last is not { } read)
                break;
            version = read;
        }
        return evidence with { Ended = ended?.ToRecorded(), Corrections = [.. under.Corrections.Select(e => e.ToRecorded())] };
    }

    /// <summary>Most events are neither, and need not be taken apart.</summary>
    private static bool IsChangeOrCorrection(string type) => WireNames.Short(type) is "presence-changed" or "presence-corrected";

    /// <summary>The events under the answer.</summary>
    private sealed class Under
    {
        public List<AuditedEvent> Causes { get; } = [];

        public List<AuditedEvent> Meanwhile { get; } = [];

        public List<AuditedEvent> Corrections { get; } = [];

        /// <summary>A change with what it comes from.</summary>
        public CausedChange Cause(AuditedEvent change, IReadOnlyList<AuditedEvent> causes)
        {
            Causes.Add(change);
            Causes.AddRange(causes);
            return new CausedChange(change.ToRecorded(), [.. causes.Select(c => c.ToRecorded())]);
        }
    }
}
