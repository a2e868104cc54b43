using System.Globalization;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Simulation;

/// <summary>What a customer wants, or an agent of a customer: one conversation, however many agents it sees.</summary>
/// <param name="Id">The conversation.</param>
/// <param name="Queue">Where it came in.</param>
/// <param name="CorrelationId">On all that belongs to it.</param>
/// <param name="CreatedAt">When the customer began to wait; null where the agent begins it (CAP-10).</param>
internal sealed record Contact(string Id, Queue Queue, string CorrelationId, DateTimeOffset? CreatedAt)
{
    public Work Work { get; } =
        new(Queue.Channel, Queue.Id, Queue.Workstream, Queue.Units, Queue.Profiles, Queue.WrapUp, CreatedAt)
        {
            Direction = CreatedAt is null ? Direction.Outbound : null,
        };

    /// <summary>How many agents it was offered.</summary>
    public int Offers { get; set; }
}

/// <summary>Customers and their conversations.</summary>
public sealed partial class Team
{
    /// <summary>One agent who takes work gets somebody new after this time, on the average.</summary>
    private const double SecondsBetweenCustomers = 980;
    private const int MostOffers = 4;
    private static readonly double[] Waits = [15, 25, 40];

    /// <summary>Customers come in proportion to the agents who are there for them.</summary>
    private IEnumerable<DateTimeOffset> Customers()
    {
        while (true)
        {
            var working = Desks.Where(d => d.TakesWork).ToArray();
            yield return In(working.Length == 0 ? 60 : _chance.Once(SecondsBetweenCustomers / working.Length));
            if (working.Length == 0)
                continue;
            var queueId = _chance.OneOf(_chance.OneOf(working).Agent.Settings.Queues);
            var queue = Catalogue.Queues.Single(q => q.Id == queueId);
            Begin(Wait(new Contact(NextId(queue), queue, Correlation(), Now)));
        }
    }

    private string NextId(Queue queue) => string.Create(CultureInfo.InvariantCulture, $"{queue.Channel}-{_number + 1:D2}-{++_contacts:D6}");

    /// <summary>An agent calls a customer back, whom every other time nobody answers (CAP-10).</summary>
    private IEnumerable<DateTimeOffset> CallBack(Desk desk, Queue queue)
    {
        yield return InMinutes(2, 15);
        if (!desk.TakesWork || !HasRoom(desk.Agent, queue))
            yield break;
        var contact = new Contact(NextId(queue), queue, Correlation(), null);
        if (!Tell(desk, new AssignConversation(contact.Id, contact.Work), Routing, contact.CorrelationId))
            yield break;
        if (_chance.Is(0.5))
        {
            Begin(Talk(desk, contact));
            yield break;
        }
        yield return In(_chance.Between(20, 45));
        Move(desk, contact, ConversationVerb.WrapUp, Routing);
        yield return In(_chance.Between(5, 30));
        Move(desk, contact, ConversationVerb.Close, Routing);
    }

    /// <summary>A customer waits for an agent, and gives up some time.</summary>
    private IEnumerable<DateTimeOffset> Wait(Contact contact)
    {
        yield return In(_chance.Between(1, 8));
        for (var patience = 20; patience > 0 && contact.Offers < MostOffers; patience--)
        {
            if (FreeFor(contact.Queue) is { } desk)
            {
                Begin(Ring(desk, contact, byLead: false));
                yield break;
            }
            // A lead who cannot see somebody wait gives it to an agent who has no room for it (CAP-6).
            if (
                _chance.Is(0.01) && Desks.FirstOrDefault(d => d.TakesWork && d.Agent.Settings.Queues.Contains(contact.Queue.Id)) is { } full
            )
            {
                Begin(Ring(full, contact, byLead: true));
                yield break;
            }
            yield return In(_chance.OneOf(Waits));
        }
    }

    /// <summary>Of those with room for it, who has least to do; among equals, chance.</summary>
    private Desk? FreeFor(Queue queue, Desk? but = null)
    {
        var from = _chance.Below(Desks.Count);
        Desk? free = null;
        for (var n = 0; n < Desks.Count; n++)
        {
            var desk = Desks[(from + n) % Desks.Count];
            if (desk == but || !desk.TakesWork || !desk.Agent.Settings.Queues.Contains(queue.Id) || !HasRoom(desk.Agent, queue))
                continue;
            if (free is null || desk.Agent.Conversations.Count < free.Agent.Conversations.Count)
                free = desk;
        }
        return free;
    }

    private bool HasRoom(Agent agent, Queue queue)
    {
        if (agent.Settings.Units is { } units && agent.UnitsUsed + queue.Units > units)
            return false;
        foreach (var profile in CapacityRules.ProfilesInUse(agent, _configuration))
            if (queue.Profiles.Contains(profile.Profile.Id) && profile.Used >= profile.Limit)
                return false;
        return true;
    }

    private IEnumerable<DateTimeOffset> Ring(Desk desk, Contact contact, bool byLead)
    {
        contact.Offers++;
        var automatic = !byLead && _chance.Is(contact.Queue.AutoAccepted);
        var assign = new AssignConversation(contact.Id, contact.Work, automatic);
        var reason = byLead ? new Reason("queue-is-long", null) : null;
        if (!Tell(desk, assign, byLead ? _lead : Routing, contact.CorrelationId, reason))
            yield break;
        if (automatic)
        {
            Begin(Talk(desk, contact));
            yield break;
        }
        foreach (var wait in Answer(desk, contact))
            yield return wait;
    }

    /// <summary>The notification rings: it is accepted, missed, rejected, cannot be delivered, or the customer leaves first.</summary>
    private IEnumerable<DateTimeOffset> Answer(Desk desk, Contact contact)
    {
        var fate = _chance.Fraction();
        if (fate < 0.025)
        {
            yield return In(_chance.Between(3, 20));
            Move(desk, contact, ConversationVerb.Close, Routing);
            yield break;
        }
        if (fate < 0.05)
        {
            yield return In(_chance.Between(2, 12));
            if (Move(desk, contact, ConversationVerb.Reject))
            {
                Begin(Recover(desk));
                Begin(Wait(contact));
                yield break;
            }
        }
        else if (fate < 0.95)
        {
            yield return In(_chance.Between(2, 14));
            if (Move(desk, contact, ConversationVerb.Accept))
            {
                Begin(Talk(desk, contact));
                yield break;
            }
        }
        // Now and then it does not even get to the agent's device.
        var unheard = fate >= 0.99;
        yield return In(unheard ? 5 : 20);
        if (Move(desk, contact, unheard ? ConversationVerb.Undelivered : ConversationVerb.Miss, Routing))
        {
            Begin(Recover(desk));
            Begin(Wait(contact));
        }
    }

    /// <summary>The agent comes back to a status that a notification set (NOT-4, NOT-5).</summary>
    private IEnumerable<DateTimeOffset> Recover(Desk desk)
    {
        yield return InMinutes(0.5, 5);
        if (desk.Agent.Status.Origin is Origin.Notification)
            Do(desk, _chance.Is(0.7) ? new ResetPresence() : new SetPresence(BuiltInStatuses.Available.Id));
    }

    private IEnumerable<DateTimeOffset> Talk(Desk desk, Contact contact)
    {
        if (_chance.Is(0.006))
        {
            desk.Stuck.Add(contact.Id);
            Begin(Unstick(desk, contact));
            yield break;
        }
        if (_chance.Is(0.05))
            Begin(TakePart(contact, desk, ConsultMode.Consult));
        if (_chance.Is(0.03))
            Begin(TakePart(contact, desk, ConsultMode.Monitor));

        for (var left = 60 * contact.Queue.Minutes * (0.3 + _chance.Once(0.7)); left > 0; )
        {
            var step = Math.Min(left, _chance.Between(150, 400));
            left -= step;
            yield return In(step);
            if (left > 0 && _chance.Is(0.35))
                Move(desk, contact, ConversationVerb.Activity, Routing);
        }

        if (_chance.Is(0.08) && Move(desk, contact, ConversationVerb.Wait))
        {
            yield return InMinutes(2, 10);
            if (Move(desk, contact, ConversationVerb.Resume))
                yield return InMinutes(1, 4);
        }
        // Whose network is away for long loses the conversation to routing.
        for (var minutes = 0; !desk.Reachable; minutes++)
        {
            if (minutes == 10 || !desk.AtWork)
            {
                if (Move(desk, contact, ConversationVerb.Release, Routing))
                    Begin(Wait(contact));
                yield break;
            }
            yield return In(60);
        }

        var end = _chance.Fraction();
        if (end < 0.05 && FreeFor(contact.Queue, but: desk) is { } other)
        {
            if (Transfer(desk, other, contact))
                Begin(Answer(other, contact));
            yield break;
        }
        if (end < 0.08)
        {
            var away =
                end < 0.07
                    ? new TransferConversation(contact.Id, null, _chance.OneOf(Catalogue.Queues).Id, null)
                    : new TransferConversation(contact.Id, null, null, "partner-desk");
            Do(desk, away, contact.CorrelationId);
            yield break;
        }
        if (end < 0.1)
        {
            if (Move(desk, contact, ConversationVerb.Release))
                Begin(Wait(contact));
            yield break;
        }
        if (end < 0.9)
        {
            Move(desk, contact, ConversationVerb.WrapUp);
            yield return In(_chance.Between(15, 140));
            while (desk.AtWork && !desk.Reachable)
                yield return In(60);
        }
        if (!Move(desk, contact, ConversationVerb.Close))
            Move(desk, contact, ConversationVerb.Close, Routing);
        if (_chance.Is(0.03))
            Begin(CallBack(desk, contact.Queue));
    }

    /// <summary>Somebody else of the team joins for a while (CNS-1); a few drop out with their network (CNS-2).</summary>
    private IEnumerable<DateTimeOffset> TakePart(Contact contact, Desk with, ConsultMode mode)
    {
        yield return InMinutes(0.5, 2);
        if (Desks.Where(d => d != with && d is { AtWork: true, Leaving: false, Reachable: true }).ToArray() is not { Length: > 0 } others)
            yield break;
        var other = _chance.OneOf(others);
        if (!Do(other, new JoinConsult(contact.Id, mode), contact.CorrelationId))
            yield break;
        yield return InMinutes(1, 6);
        if (_chance.Is(0.03))
        {
            CutOff(other);
            yield return InMinutes(6, 15);
            Return(other);
            yield break;
        }
        while (other.AtWork && !other.Reachable)
            yield return In(60);
        Do(other, new LeaveConsult(contact.Id), contact.CorrelationId);
    }

    /// <summary>Hours later the lead sees a conversation that nobody closed (STK-2).</summary>
    private IEnumerable<DateTimeOffset> Unstick(Desk desk, Contact contact)
    {
        yield return InMinutes(100, 400);
        desk.Stuck.Remove(contact.Id);
        Tell(
            desk,
            new ForceReleaseConversation(contact.Id),
            _lead,
            contact.CorrelationId,
            new Reason("stuck", "Open for hours, and the customer is gone")
        );
    }

    private bool Move(Desk desk, Contact contact, ConversationVerb verb) =>
        Do(desk, new MoveConversation(contact.Id, verb), contact.CorrelationId);

    private bool Move(Desk desk, Contact contact, ConversationVerb verb, Domain.Access.Actor actor) =>
        Tell(desk, new MoveConversation(contact.Id, verb), actor, contact.CorrelationId);
}
