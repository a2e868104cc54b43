using NodaTime;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Simulation;

/// <summary>The days of agents: shifts, breaks, networks, and the lead of the team.</summary>
public sealed partial class Team
{
    private const double Absent = 0.04;
    private const double HoursBetweenTroubles = 5;
    private static readonly string[] LeadsWord = [BuiltInStatuses.Busy.Id, BuiltInStatuses.DoNotDisturb.Id, "away-training", "meeting"];

    /// <summary>Registers the agents, one after another, and opens for days on end.</summary>
    public void Open(DateOnly first, int days, DateTimeZone zone)
    {
        Begin(Register());
        for (var n = 0; n < days; n++)
            Begin(Plan(first.AddDays(n), zone));
        BeginBusiness();
    }

    /// <summary>Opens with everybody on shift from now on, with a break every two hours.</summary>
    public void OpenAtOnce(int hours)
    {
        Begin(Register());
        foreach (var desk in Desks)
            Begin(Arrive(desk, hours));
        BeginBusiness();
    }

    /// <summary>Everybody goes home at once.</summary>
    public void Close()
    {
        // Also who has no network at the moment: nobody is left behind.
        foreach (var desk in Desks)
            Tell(desk, new SignOut(), new Actor(Persona.Agent, desk.AgentId), Correlation());
    }

    private IEnumerable<DateTimeOffset> Arrive(Desk desk, int hours)
    {
        yield return In(_chance.Between(30, 90));
        var pauses = Enumerable
            .Range(0, hours / 2)
            .Select(n => new Pause(n % 3 == 1 ? "lunch" : "break", In(7200 * (n + _chance.Between(0.1, 0.9))), TimeSpan.FromMinutes(12)));
        Begin(WorkDay(desk, new Shift(Now, In(hours * 3600), [.. pauses])));
    }

    private void BeginBusiness()
    {
        Begin(Customers());
        Begin(Lead());
        Begin(WorkforceManagement());
        Begin(Corrections());
    }

    private IEnumerable<DateTimeOffset> Register()
    {
        var start = Now;
        foreach (var desk in Desks)
        {
            yield return start.AddMilliseconds(Math.Round((5_000 + desk.Number * 10) * _tempo.Scale));
            var settings = Catalogue.Settings(desk.Number);
            Tell(desk, new ConfigureAgent(_ => settings), Administrator, Correlation());
        }
    }

    private IEnumerable<DateTimeOffset> Plan(DateOnly day, DateTimeZone zone)
    {
        yield return Shift.At(day, new TimeOnly(5, 0), zone);
        foreach (var desk in Desks)
            if (Shift.On(Catalogue.RotaOf(desk.Number), day, zone) is { } shift && !_chance.Is(Absent))
                Begin(WorkDay(desk, shift));
    }

    private IEnumerable<DateTimeOffset> WorkDay(Desk desk, Shift shift)
    {
        yield return shift.Start <= Now ? Now : Around(shift.Start, -4, 6);
        desk.ConnectionId = NewConnection();
        desk.Client = _chance.Is(0.8) ? "agent-desktop" : "browser";
        SignIn(desk);
        desk.AtWork = true;
        Begin(Network(desk));
        if (_chance.Is(0.15))
            Begin(SecondScreen(desk));
        if (desk.Agent.Status.Base is BaseStatus.Away)
        {
            yield return InMinutes(1, 6);
            Do(desk, new SetPresence(BuiltInStatuses.Available.Id));
        }

        foreach (var pause in Pauses(shift))
        {
            yield return Around(pause.Start, -6, 12);
            while (!desk.Reachable && Now < shift.End)
                yield return In(60);
            Do(desk, new SetPresence(pause.StatusId));
            yield return In(pause.Length.TotalSeconds * _chance.Between(0.7, 1.3));
            Do(desk, new SetPresence(BuiltInStatuses.Available.Id));
        }

        yield return Around(shift.End, -3, 8);
        desk.Leaving = true;
        for (var minutes = 0; minutes < 25 && desk.Agent.Conversations.Keys.Any(id => !desk.Stuck.Contains(id)); minutes++)
            yield return In(60);
        GoHome(desk);
    }

    private IEnumerable<Pause> Pauses(Shift shift)
    {
        var trained = _chance.Is(0.12) ? _chance.Below(shift.Pauses.Count) : -1;
        for (var n = 0; n < shift.Pauses.Count; n++)
            yield return n == trained
                ? shift.Pauses[n] with
                {
                    StatusId = _chance.Is(0.6) ? "away-training" : "meeting",
                    Length = TimeSpan.FromMinutes(45),
                }
                : shift.Pauses[n];
    }

    /// <summary>Most sign out; some close the tab, and some shut the lid and are missed by their heartbeats.</summary>
    private void GoHome(Desk desk)
    {
        if (_chance.Is(0.03))
            CutOff(desk);
        else if (_chance.Is(0.03))
            CloseTab(desk);
        else
            Do(desk, new SignOut());
        desk.AtWork = desk.Leaving = false;
    }

    private void SignIn(Desk desk)
    {
        desk.Heard(desk.ConnectionId);
        Tell(desk, new SignIn(desk.ConnectionId, desk.Client), new Actor(Persona.Agent, desk.AgentId), Correlation());
    }

    private string NewConnection() => "c-" + _chance.Id(Now).ToString("N")[20..];

    /// <summary>All connections of the agent fall silent.</summary>
    private void CutOff(Desk desk)
    {
        foreach (var id in desk.Agent.Connections.Keys)
            desk.Silence(id, Now);
        LookLater(desk);
    }

    private void CloseTab(Desk desk) => Close(desk, desk.ConnectionId);

    private void Close(Desk desk, string connectionId)
    {
        if (!desk.Agent.Connections.ContainsKey(connectionId) || !Do(desk, new CloseConnection(connectionId)))
            return;
        desk.Silence(connectionId, Now);
        LookLater(desk);
    }

    /// <summary>Page refreshes, and a network that fails for a moment, a while or long.</summary>
    private IEnumerable<DateTimeOffset> Network(Desk desk)
    {
        while (true)
        {
            yield return In(_chance.Once(HoursBetweenTroubles * 3600));
            if (!desk.AtWork || desk.Leaving)
                yield break;
            if (!desk.Reachable)
                continue;
            var kind = _chance.Fraction();
            if (kind < 0.5)
            {
                CloseTab(desk);
                // Now and then the page takes longer than the grace.
                yield return In(_chance.Is(0.9) ? _chance.Between(1, 6) : _chance.Between(12, 60));
            }
            else
            {
                CutOff(desk);
                yield return In(
                    kind < 0.65 ? _chance.Between(20, 60)
                    : kind < 0.87 ? _chance.Between(85, 200)
                    : _chance.Between(300, 1200)
                );
            }
            Return(desk);
        }
    }

    /// <summary>The network is back: the page goes on where it was, or, now and then, is a new one.</summary>
    private void Return(Desk desk)
    {
        if (!desk.AtWork)
            return;
        if (_chance.Is(0.3))
            desk.ConnectionId = NewConnection();
        SignIn(desk);
    }

    /// <summary>A second tab or a phone for a while (SGN-3, CON-2).</summary>
    private IEnumerable<DateTimeOffset> SecondScreen(Desk desk)
    {
        yield return InMinutes(20, 120);
        var second = NewConnection();
        if (!Do(desk, new SignIn(second, "phone")))
            yield break;
        yield return InMinutes(5, 40);
        Close(desk, second);
    }

    /// <summary>The lead takes somebody off the queue, for a reason, and back.</summary>
    private IEnumerable<DateTimeOffset> Lead()
    {
        while (true)
        {
            yield return In(_chance.Once(2 * 3600));
            if (Desks.Where(d => d.TakesWork).ToArray() is not { Length: > 0 } working)
                continue;
            var desk = _chance.OneOf(working);
            var correlation = Correlation();
            var word = _chance.OneOf(LeadsWord);
            Tell(desk, new SetPresence(word), _lead, correlation, new Reason("coaching", "Listens to recordings with the lead"));
            yield return InMinutes(5, 25);
            if (desk.Agent.Status.StatusId == word)
                Tell(desk, new SetPresence(BuiltInStatuses.Available.Id), _lead, correlation, new Reason("coaching-over", null));
        }
    }

    /// <summary>Every other day the lead hears of somebody who was in a training, away from the desk, and has the record say so.</summary>
    private IEnumerable<DateTimeOffset> Corrections()
    {
        while (true)
        {
            yield return In(_chance.Once(48 * 3600));
            var desk = _chance.OneOf(Desks);
            var from = Now.AddMinutes(-Math.Round(_chance.Between(120, 480)));
            if (from > desk.Agent.RegisteredAt && desk.Agent.IsRegistered)
                Tell(
                    desk,
                    new CorrectPresence(from, from.AddMinutes(Math.Round(_chance.Between(15, 90))), "away-training"),
                    _lead,
                    Correlation(),
                    new Reason("forgot-to-set", "Was in a training")
                );
        }
    }

    /// <summary>Every other day somebody's capacity changes.</summary>
    private IEnumerable<DateTimeOffset> WorkforceManagement()
    {
        while (true)
        {
            yield return In(_chance.Once(48 * 3600));
            Tell(_chance.OneOf(Desks), new ConfigureAgent(Catalogue.Retuned), Administrator, Correlation());
        }
    }
}
