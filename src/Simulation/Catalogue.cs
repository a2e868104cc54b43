using System.Collections.Immutable;
using NodaTime;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Simulation;

/// <summary>Where conversations of one kind come in.</summary>
/// <param name="Id">The queue.</param>
/// <param name="Channel">Its channel.</param>
/// <param name="Workstream">Its workstream.</param>
/// <param name="Units">What each conversation takes.</param>
/// <param name="Profiles">Of which profiles it takes an item.</param>
/// <param name="WrapUp">The wrap-up policy.</param>
/// <param name="Minutes">How long a conversation usually takes.</param>
/// <param name="AutoAccepted">The share that the channel accepts for the agent.</param>
internal sealed record Queue(
    string Id,
    string Channel,
    string Workstream,
    int Units,
    ImmutableArray<string> Profiles,
    WrapUp WrapUp,
    double Minutes,
    double AutoAccepted = 0
);

/// <summary>What an administrator set up before the first shift.</summary>
public static class Catalogue
{
    private const string Voice = "voice";
    private const string Cases = "cases";
    private const int FullDesk = 90;
    private static readonly ImmutableSortedDictionary<string, int?> None = AgentSettings.None.Profiles;

    /// <summary>Statuses, profiles and policy; each custom status is noted as used at once, for every team uses them (CAT-2).</summary>
    public static IEnumerable<ConfigurationCommand> Commands(DateTimeZone zone)
    {
        DefineStatus[] statuses =
        [
            new("break", "Break", "On a break", BaseStatus.Away, "A short break"),
            new("lunch", "Lunch", "At lunch", BaseStatus.Away, null),
            new("away-training", "Training", "In training", BaseStatus.Away, "Training and coaching"),
            new("meeting", "Meeting", "In a meeting", BaseStatus.DoNotDisturb, null),
        ];
        return
        [
            .. statuses,
            new SetCapacityProfile(new CapacityProfile(Voice, "Calls", 1, Blocking: true, ProfileReset.Immediate)),
            new SetCapacityProfile(new CapacityProfile(Cases, "Cases of a day", 8, Blocking: false, ProfileReset.EndOfDay)),
            new AmendPolicy(policy => policy with { EndOfDay = new EndOfDay(new TimeOnly(22, 30), zone.Id) }),
            .. statuses.Select(s => new UseStatus(s.StatusId)),
        ];
    }

    internal static IReadOnlyList<Queue> Queues { get; } =
    [
        new("sales", "chat", "web-chat", 30, [], new WrapUp(WrapUpPolicy.Custom, 45), 8),
        new("service", "messaging", "messaging", 30, [], new WrapUp(WrapUpPolicy.DontBlock), 11, AutoAccepted: 0.15),
        new("billing", "voice", "inbound-calls", FullDesk, [Voice], WrapUp.Default, 5, AutoAccepted: 0.1),
        new("claims", "case", "back-office", 30, [Cases], new WrapUp(WrapUpPolicy.Custom, 120), 14),
    ];

    /// <summary>The settings of the nth agent: chats, calls, both, or messages and cases.</summary>
    internal static AgentSettings Settings(int agent)
    {
        var settings = (agent % 4) switch
        {
            0 => new AgentSettings(null, FullDesk, None, ["sales", "service"], [new Skill("english", "fluent")]),
            1 => new AgentSettings(null, null, None.Add(Voice, null), ["billing"], [new Skill("german", "native")]),
            2 => new AgentSettings(null, FullDesk, None.Add(Voice, null), ["billing", "sales", "service"], []),
            _ => new AgentSettings(null, FullDesk - 30, None.Add(Cases, null), ["claims", "service"], []),
        };
        return agent % 11 == 5 ? settings with { DefaultStatusId = BuiltInStatuses.Away.Id } : settings;
    }

    /// <summary>What an administrator makes of an agent's capacity: fewer units or more, more cases a day or the usual number.</summary>
    internal static AgentSettings Retuned(AgentSettings settings) =>
        settings.Profiles.TryGetValue(Cases, out var limit)
            ? settings with
            {
                Profiles = settings.Profiles.SetItem(Cases, limit is null ? 10 : null),
            }
            : settings with
            {
                Units = settings.Units is FullDesk - 30 or null ? FullDesk : FullDesk - 30,
            };

    internal static Rota RotaOf(int agent) =>
        (agent % 20) switch
        {
            < 8 => Rota.Early,
            < 15 => Rota.Late,
            < 17 => Rota.Weekend,
            _ => Rota.PartTime,
        };
}
