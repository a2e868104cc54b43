using System.Globalization;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger.Calendars;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Simulation;

/// <summary>Sees what happens in a team, and writes it down or passes it on.</summary>
public interface IWitness
{
    /// <summary>A command was accepted and leads to events; the desk is as it was before.</summary>
    void Saw(Desk desk, AgentCommand command, Decision<AgentEvent> decision, CommandEnvelope envelope, DateTimeOffset at);
}

/// <summary>How fast the people of a team live.</summary>
/// <param name="Scale">What each of their waits is multiplied by: 1, or less to see more of it in a short time.</param>
/// <param name="FirstContact">From where conversations are counted, so that those of another run have other ids.</param>
public sealed record Tempo(double Scale, int FirstContact = 0)
{
    public static Tempo AsLived { get; } = new(1);
}

/// <summary>
/// A team at work: agents, their customers and their lead, each an iterator that does something and says when it goes on. All
/// they do goes through the decider, at the instants of the team's own clock. What chance decides comes out of the team's own
/// source, so that teams can be simulated beside each other and a team lives the same life every time.
/// </summary>
public sealed partial class Team
{
    /// <summary>Agents of a team.</summary>
    public const int Size = 25;

    private static readonly Actor Routing = new(Persona.Service, "routing");
    private static readonly Actor Administrator = new(Persona.Administrator, "workforce-management");

    private readonly PriorityQueue<IEnumerator<DateTimeOffset>, (DateTimeOffset At, long Order)> _agenda = new();
    private readonly Configuration _configuration;
    private readonly IWitness _witness;
    private readonly Chance _chance;
    private readonly Tempo _tempo;
    private readonly Actor _lead;
    private readonly int _number;
    private long _order;
    private int _contacts;

    public Team(
        int number,
        IReadOnlyList<Desk> desks,
        Configuration configuration,
        Chance chance,
        IWitness witness,
        DateTimeOffset now,
        Tempo tempo
    )
    {
        _number = number;
        _configuration = configuration;
        _chance = chance;
        _witness = witness;
        _tempo = tempo;
        _contacts = tempo.FirstContact;
        _lead = new Actor(Persona.Supervisor, string.Create(CultureInfo.InvariantCulture, $"lead-{number + 1:D2}"));
        Desks = desks;
        Now = now;
    }

    public IReadOnlyList<Desk> Desks { get; }

    /// <summary>The team's clock.</summary>
    public DateTimeOffset Now { get; private set; }

    /// <summary>Lives on until just before an instant.</summary>
    public void LiveUntil(DateTimeOffset end)
    {
        while (_agenda.TryPeek(out var next, out var due) && due.At < end)
        {
            _agenda.Dequeue();
            Now = due.At;
            if (next.MoveNext())
                Put(next, next.Current);
            else
                next.Dispose();
        }
        Now = end;
    }

    /// <summary>Begins with what somebody does, at once.</summary>
    private void Begin(IEnumerable<DateTimeOffset> life) => Put(life.GetEnumerator(), Now);

    private void Put(IEnumerator<DateTimeOffset> life, DateTimeOffset at) => _agenda.Enqueue(life, (at > Now ? at : Now, _order++));

    private DateTimeOffset In(double seconds) => Now.AddMilliseconds(Math.Round(seconds * _tempo.Scale * 1000));

    private DateTimeOffset InMinutes(double least, double most) => In(60 * _chance.Between(least, most));

    private DateTimeOffset Around(DateTimeOffset planned, double least, double most) =>
        planned.AddMilliseconds(Math.Round(_chance.Between(least, most) * _tempo.Scale * 60_000));

    /// <summary>Gives a command to an agent's stream; false where it is refused, which the life of a contact center brings along.</summary>
    private bool Tell(Desk desk, AgentCommand command, Actor actor, string correlationId, Reason? reason = null)
    {
        if (Decide(desk, command) is not { Refusal: null } decision)
            return false;
        Take(desk, command, decision, Envelope(desk, actor, correlationId, reason));
        return true;
    }

    /// <summary>What an agent does at the own desk; false too while the network does not carry it.</summary>
    private bool Do(Desk desk, AgentCommand command, string? correlationId = null) =>
        desk.Reachable && Tell(desk, command, new Actor(Persona.Agent, desk.AgentId), correlationId ?? Correlation());

    /// <summary>TRF-1: the same conversation, as it is, to the second agent; one command, two streams.</summary>
    private bool Transfer(Desk from, Desk to, Contact contact)
    {
        var transfer = new TransferConversation(contact.Id, to.AgentId, null, null);
        if (!from.Reachable || Decide(from, transfer) is not { Refusal: null } gone)
            return false;
        var assign = new AssignConversation(contact.Id, from.Agent.Conversations[contact.Id].Work.HandedOn(), FromAgentId: from.AgentId);
        if (Decide(to, assign) is not { Refusal: null } come)
            return false;
        var envelope = Envelope(from, new Actor(Persona.Agent, from.AgentId), contact.CorrelationId, null);
        Take(from, transfer, gone, envelope);
        Take(to, assign, come, envelope);
        return true;
    }

    private Decision<AgentEvent> Decide(Desk desk, AgentCommand command) =>
        AgentDecider.Decide(desk.Agent, command, new AgentContext(Now, _configuration, desk.Signs(Now), TzdbCalendar.Instance));

    private void Take(Desk desk, AgentCommand command, Decision<AgentEvent> decision, CommandEnvelope envelope)
    {
        if (
            Permissions.Check(envelope.Actor, desk.AgentId, command) is { } forbidden
            && command is not AssignConversation { FromAgentId: not null }
        )
            throw new InvalidOperationException(forbidden.Detail);
        if (!decision.Events.IsEmpty)
        {
            _witness.Saw(desk, command, decision, envelope.CameFrom(desk.Agent, command), Now);
            foreach (var e in decision.Events)
                desk.Agent = desk.Agent.Evolve(e);
            desk.Tidy();
        }
        LookLater(desk);
    }

    private CommandEnvelope Envelope(Desk desk, Actor actor, string correlationId, Reason? reason) =>
        new(actor, _chance.Id(Now), correlationId)
        {
            Reason = reason,
            ConnectionId = actor.Kind is Persona.Agent ? desk.ConnectionId : null,
        };

    private string Correlation() => _chance.Id(Now).ToString("N");

    /// <summary>Has what becomes due by itself noticed a moment after it is, as the service does.</summary>
    private void LookLater(Desk desk)
    {
        // Most have nothing that could become due, and asking takes as long as deciding.
        if (!desk.AwaitsSomething)
            return;
        var signs = desk.Signs(Now);
        var due = DueWork.NextAt(desk.Agent, _configuration, TzdbCalendar.Instance, signs);
        foreach (var (id, connection) in desk.Agent.Connections)
            if (desk.IsSilent(id) && DueWork.LossOf(id, connection, signs[id], _configuration).At is var loss && !(due < loss))
                due = loss;
        if (due is not { } at || (desk.LookAt > Now && desk.LookAt <= at))
            return;
        desk.LookAt = at;
        Begin(Look(desk, at));
    }

    private IEnumerable<DateTimeOffset> Look(Desk desk, DateTimeOffset due)
    {
        yield return due.AddMilliseconds(_chance.Below(200) + 5);
        if (desk.LookAt == due)
            desk.LookAt = DateTimeOffset.MinValue;
        Tell(desk, new SettleDue(), Actor.Ledger, "");
    }
}
