using System.Globalization;
using NodaTime;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Simulation;

/// <summary>What to simulate. The same gives the same ledger, to the byte.</summary>
/// <param name="Agents">How many agents.</param>
/// <param name="Days">How many days.</param>
/// <param name="Seed">Where chance begins.</param>
/// <param name="Start">The first day.</param>
/// <param name="Zone">Where the center is: its shifts are in local time.</param>
public sealed record SimulationPlan(int Agents, int Days, long Seed, DateOnly Start, DateTimeZone Zone)
{
    /// <summary>Midnight before the first day.</summary>
    public DateTimeOffset Begin => Shift.At(Start, TimeOnly.MinValue, Zone);

    /// <summary>Midnight after the last one.</summary>
    public DateTimeOffset End => Shift.At(Start.AddDays(Days), TimeOnly.MinValue, Zone);
}

/// <summary>A contact center: teams that live beside each other, and the ledger they leave.</summary>
public static class Center
{
    private const int EventsOfPortion = 30_000;
    private const double EventsOfAgentAndHour = 14;

    /// <summary>
    /// The ledger, in the order in which it was recorded, in portions of some ten thousand events: the configuration first, then
    /// as much of the time as that takes. However it is divided, the events are the same.
    /// </summary>
    public static IEnumerable<IReadOnlyList<EventRecord>> Ledger(SimulationPlan plan)
    {
        var (configuration, setUp) = SetUp(plan);
        yield return setUp;

        var (teams, scribes) = Teams(plan, configuration);
        var step = TimeSpan.FromSeconds(Math.Clamp(Math.Round(3600 * EventsOfPortion / (EventsOfAgentAndHour * plan.Agents)), 10, 86_400));
        EventRecord[] rest = [];
        var until = Until(plan.Begin);
        var living = LiveAsync(until);
        while (true)
        {
            living.GetAwaiter().GetResult();
            var (lived, last) = (until, until == plan.End);
            var written = rest.Concat(scribes.SelectMany(s => s.Take())).ToArray();
            if (!last)
            {
                // They live on while what they left is put in order.
                until = Until(until);
                living = LiveAsync(until);
            }
            var recorded = written.OrderBy(e => e.RecordedAt).ToArray();
            // What was recorded a moment after the end goes with what the others do then.
            var ended =
                last ? recorded.Length
                : Array.FindIndex(recorded, e => e.RecordedAt >= lived) is >= 0 and var n ? n
                : recorded.Length;
            rest = recorded[ended..];
            if (ended > 0)
                yield return recorded[..ended];
            if (last)
                yield break;
        }

        DateTimeOffset Until(DateTimeOffset begin) => begin + step < plan.End ? begin + step : plan.End;

        Task LiveAsync(DateTimeOffset end) => Task.Run(() => Parallel.ForEach(teams, team => team.LiveUntil(end)));
    }

    private static (Configuration Configuration, IReadOnlyList<EventRecord> Records) SetUp(SimulationPlan plan)
    {
        var chance = Chance.Of(plan.Seed, -1);
        var configuration = Configuration.Initial;
        var records = new List<EventRecord>();
        var at = plan.Begin;
        foreach (var command in Catalogue.Commands(plan.Zone))
        {
            at += TimeSpan.FromMilliseconds(100);
            var events = ConfigurationDecider.Decide(configuration, command, at).Events;
            var id = chance.Id(at);
            records.AddRange(
                EventRecords.Create(
                    StreamNames.Configuration,
                    configuration.Version,
                    records.Count == 0 ? HashChain.Genesis : records[^1].Hash,
                    events,
                    due: 0,
                    new CommandEnvelope(new Actor(Persona.Administrator, "workforce-management"), id, id.ToString("N")),
                    configuration.Version,
                    at.AddMilliseconds(3),
                    chance.Id
                )
            );
            configuration = events.Aggregate(configuration, (c, e) => c.Evolve(e));
        }
        return (configuration, records);
    }

    private static (Team[] Teams, Scribe[] Scribes) Teams(SimulationPlan plan, Configuration configuration)
    {
        Scribe[] scribes =
        [
            .. Enumerable
                .Range(0, (plan.Agents + Team.Size - 1) / Team.Size)
                .Select(n => new Scribe(configuration.Version, Chance.Of(plan.Seed, 2 * n))),
        ];
        var teams = Desks(plan.Agents)
            .Chunk(Team.Size)
            .Select(
                (desks, n) =>
                {
                    var team = new Team(n, desks, configuration, Chance.Of(plan.Seed, 2 * n + 1), scribes[n], plan.Begin, Tempo.AsLived);
                    team.Open(plan.Start, plan.Days, plan.Zone);
                    return team;
                }
            )
            .ToArray();
        return (teams, scribes);
    }

    /// <summary>Desks by the number of agents: <c>agent-0001</c> and so on.</summary>
    public static IEnumerable<Desk> Desks(int agents)
    {
        var digits = "D" + Math.Max(4, agents.ToString(CultureInfo.InvariantCulture).Length).ToString(CultureInfo.InvariantCulture);
        return Enumerable.Range(0, agents).Select(n => new Desk("agent-" + (n + 1).ToString(digits, CultureInfo.InvariantCulture), n));
    }
}
