using System.Collections.Immutable;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Projections.Presence;

/// <summary>
/// Folds events into facts: what goes on is kept for each agent, what ends is handed over. Pure: it reads no clock and makes no
/// ids, so a rebuild gives the same.
/// </summary>
public sealed class FactsFold(Configuration configuration)
{
    /// <summary>The configuration as of the last event.</summary>
    public Configuration Configuration { get; private set; } = configuration;

    /// <summary>One more event of the configuration.</summary>
    public void Apply(ConfigurationEvent e) => Configuration = Configuration.Evolve(e);

    /// <summary>What goes on after one more event of an agent.</summary>
    /// <param name="before">What went on before it; null where it is the first.</param>
    /// <param name="record">The event, as recorded.</param>
    /// <param name="e">The same, read.</param>
    /// <param name="closed">Takes what ended with it.</param>
    /// <exception cref="InvalidDataException">It does not fit what came before.</exception>
    public OpenFacts Apply(OpenFacts? before, EventRecord record, AgentEvent e, ClosedFacts closed)
    {
        if (before is null)
            return e is AgentRegistered registered
                ? Register(record, registered)
                : throw new InvalidDataException($"{record.Stream}: '{record.Type}' came before the registration.");
        if (before.Agent.Version + 1 != record.Version)
            throw new InvalidDataException($"{record.Stream}: version {record.Version} came after {before.Agent.Version}.");

        var knownAt = record.RecordedAt > before.KnownAt ? record.RecordedAt : before.KnownAt;
        var at = new Mark(record.OccurredAt, knownAt, record.Version);
        // Who and by which rule is asked for where a status changes alone.
        var metadata = e is PresenceChanged or PresenceCorrected ? LedgerJson.Read<EventMetadata>(record.Metadata) : null;
        var facts = before with { Agent = before.Agent.Evolve(e with { Rule = metadata?.Rule }), KnownAt = knownAt };
        var agentId = facts.Agent.AgentId;
        facts = e switch
        {
            PresenceChanged x => Change(facts, x, metadata!, at, closed),
            AgentSignedIn => facts with { Login = facts.Login ?? new LoginInterval(at, null, null) },
            AgentSignedOut => SignOff(facts, LoginEnd.SignOut, at, closed),
            ConnectionLost { Last: true } => SignOff(facts, LoginEnd.Loss, at, closed),
            ConversationAssigned x => facts with { Sessions = facts.Sessions.SetItem(x.ConversationId, Begin(x, at)) },
            ConversationAccepted x => Move(facts, x.ConversationId, s => s with { Accepted = at, Outcome = SessionOutcome.Accepted }),
            ConversationWaiting x => Move(facts, x.ConversationId, s => s with { Waits = s.Waits.Add(new Waiting(at, null)) }),
            ConversationResumed x => Move(facts, x.ConversationId, s => Resume(s, at)),
            WrapUpStarted x => Move(facts, x.ConversationId, s => s with { WrapUp = at }),
            WrapUpBlockEnded x => Move(facts, x.ConversationId, s => s with { BlockEnded = at }),
            ConversationEnded x => End(facts, x, at, closed),
            ConsultJoined x => facts with
            {
                Participations = facts.Participations.SetItem(x.ConversationId, new Participation(x.ConversationId, x.Mode, at, null)),
            },
            ConsultLeft x => Leave(facts, x.ConversationId, at, closed),
            ConsultEnded x => Leave(facts, x.ConversationId, at with { At = x.EndedAt }, closed),
            AgentConfigured x => Configure(facts, x.Settings, at, closed),
            _ => facts,
        };
        if (e is PresenceCorrected correction)
        {
            closed.Corrections.Add(
                (agentId, new Correction(correction.From, correction.To, correction.StatusId, correction.Base, metadata!.Actor, at))
            );
        }
        return MovesCapacity(e) ? Recount(facts, at, closed) : facts;
    }

    private OpenFacts Register(EventRecord record, AgentRegistered e)
    {
        var at = new Mark(record.OccurredAt, record.RecordedAt, record.Version);
        var agent = Agent.Unknown(StreamNames.AgentId(record.Stream)!).Evolve(e);
        var actor = LedgerJson.Read<EventMetadata>(record.Metadata).Actor;
        return new OpenFacts
        {
            Agent = agent,
            Registered = at,
            KnownAt = record.RecordedAt,
            Status = new StatusInterval(agent.Status.StatusId, agent.Status.Base, agent.Status.Origin, null, actor, false, at, null),
            Capacity = CapacityOf(agent, at),
            Queues = new QueueInterval(e.Settings.Queues, at, null),
        };
    }

    private static OpenFacts Change(OpenFacts facts, PresenceChanged e, EventMetadata metadata, Mark at, ClosedFacts closed)
    {
        facts = facts with { SetBy = new SetBy(metadata.Actor, metadata.Rule, metadata.Reason, at.At) };
        if (e.To.StatusId == facts.Status.StatusId)
            return facts;
        if (HasEverStood(facts.Status.Start, at))
            closed.Statuses.Add((facts.Agent.AgentId, facts.Status with { End = at }));
        return facts with
        {
            Status = new StatusInterval(
                e.To.StatusId,
                e.To.Base,
                e.To.Origin,
                metadata.Rule,
                metadata.Actor,
                facts.Agent.SignedIn,
                at,
                null
            ),
        };
    }

    private static OpenFacts SignOff(OpenFacts facts, LoginEnd how, Mark at, ClosedFacts closed)
    {
        if (facts.Login is { } login)
            closed.Logins.Add((facts.Agent.AgentId, login with { End = at, Ended = how }));
        return facts with { Login = null };
    }

    private static Session Begin(ConversationAssigned e, Mark at) =>
        new()
        {
            ConversationId = e.ConversationId,
            Channel = e.Work.Channel,
            Queue = e.Work.Queue,
            Workstream = e.Work.Workstream,
            Units = e.Work.Units,
            Profiles = e.Work.Profiles,
            CreatedAt = e.Work.CreatedAt,
            Outbound = e.Work.IsOutbound,
            Assigned = at,
        };

    private static Session Resume(Session session, Mark at) =>
        session.Waits is [.., { End: null } last]
            ? session with
            {
                Waits = session.Waits.SetItem(session.Waits.Length - 1, last with { End = at }),
            }
            : session;

    private static OpenFacts Move(OpenFacts facts, string conversationId, Func<Session, Session> change) =>
        facts.Sessions.TryGetValue(conversationId, out var session)
            ? facts with
            {
                Sessions = facts.Sessions.SetItem(conversationId, change(session)),
            }
            : facts;

    private static OpenFacts End(OpenFacts facts, ConversationEnded e, Mark at, ClosedFacts closed)
    {
        if (!facts.Sessions.TryGetValue(e.ConversationId, out var session))
            return facts;
        var (outcome, endedBy) = HowItEnded(e, session.Outcome);
        closed.Sessions.Add((facts.Agent.AgentId, Resume(session, at) with { Ended = at, Outcome = outcome, EndedBy = endedBy }));
        return facts with { Sessions = facts.Sessions.Remove(e.ConversationId) };
    }

    private static (SessionOutcome? Outcome, SessionEnd? EndedBy) HowItEnded(ConversationEnded e, SessionOutcome? before) =>
        e switch
        {
            ConversationAbandoned => (SessionOutcome.Abandoned, SessionEnd.Closed),
            ConversationMissed => (SessionOutcome.Missed, null),
            ConversationUndelivered => (SessionOutcome.Undelivered, null),
            ConversationRejected => (SessionOutcome.Rejected, null),
            ConversationReleased => (before, SessionEnd.Released),
            ConversationTransferred => (before, SessionEnd.Transferred),
            ConversationForceReleased => (before, SessionEnd.ForceReleased),
            _ => (before, SessionEnd.Closed),
        };

    private static OpenFacts Leave(OpenFacts facts, string conversationId, Mark at, ClosedFacts closed)
    {
        if (!facts.Participations.TryGetValue(conversationId, out var one))
            return facts;
        closed.Participations.Add((facts.Agent.AgentId, one with { Left = at.At < one.Joined.At ? at with { At = one.Joined.At } : at }));
        return facts with { Participations = facts.Participations.Remove(conversationId) };
    }

    private static OpenFacts Configure(OpenFacts facts, AgentSettings settings, Mark at, ClosedFacts closed)
    {
        if (settings.Queues.SequenceEqual(facts.Queues.Queues, StringComparer.Ordinal))
            return facts;
        if (HasEverStood(facts.Queues.Start, at))
            closed.Queues.Add((facts.Agent.AgentId, facts.Queues with { End = at }));
        return facts with { Queues = new QueueInterval(settings.Queues, at, null) };
    }

    private static bool MovesCapacity(AgentEvent e) =>
        e is ConversationEvent and not ConversationActivity or WrapUpBlockEnded or AgentConfigured or CapacityReset;

    private OpenFacts Recount(OpenFacts facts, Mark at, ClosedFacts closed)
    {
        var capacity = CapacityOf(facts.Agent, at);
        if (capacity.Continues(facts.Capacity))
            return facts;
        if (HasEverStood(facts.Capacity.Start, at))
            closed.Capacity.Add((facts.Agent.AgentId, facts.Capacity with { End = at }));
        return facts with { Capacity = capacity };
    }

    private CapacityInterval CapacityOf(Agent agent, Mark at)
    {
        var profiles = agent.Settings.Profiles.IsEmpty
            ? ImmutableArray<ProfileUse>.Empty
            : [.. CapacityRules.ProfilesInUse(agent, Configuration).Select(p => new ProfileUse(p.Profile.Id, p.Used, p.Limit))];
        return new CapacityInterval(agent.Settings.Units, agent.UnitsUsed, profiles, at, null);
    }

    /// <summary>
    /// An interval of no length is in no report (TIM-3), unless for a while it was thought to stand: what is found out late may end
    /// it where it began.
    /// </summary>
    private static bool HasEverStood(Mark start, Mark end) => start.At < end.At || start.KnownAt < end.KnownAt;
}
