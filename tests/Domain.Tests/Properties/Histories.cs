using System.Collections.Immutable;
using CsCheck;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Domain.Tests.Properties;

/// <summary>Something that happens at a distance in time from what happened before.</summary>
internal sealed record Step(long Milliseconds, string AgentId, Happening Happening);

internal abstract record Happening
{
    public sealed record Asked(AgentCommand Command) : Happening;

    public sealed record Configured(ConfigurationCommand Command) : Happening;

    public sealed record Heartbeat(string ConnectionId) : Happening;

    public sealed record Silence(string ConnectionId) : Happening;

    public sealed record Restart : Happening;
}

/// <summary>Random configurations and days of a few agents.</summary>
internal static class Histories
{
    public static readonly ImmutableArray<string> AgentIds = ["ana", "ben", "cid"];

    private static readonly Gen<string> AgentId = Gen.Frequency((12, Gen.Const("ana")), (4, Gen.Const("ben")), (1, Gen.Const("cid")));
    private static readonly Gen<string> ConversationId = One("c1", "c1", "c2", "c3");
    private static readonly Gen<string> ConnectionId = One("main", "main", "edge", "phone");
    private static readonly Gen<string> ProfileId = One("chat", "voice", "calls", "mail");
    private static readonly Gen<string> AnyProfileId = Gen.Frequency((20, ProfileId), (1, Gen.Const("nothing")));

    private static readonly Gen<string> StatusId = One(
        "available",
        "busy",
        "do-not-disturb",
        "away",
        "offline",
        "inactive",
        "away-training",
        "busy-email",
        "free-style",
        "nowhere"
    );

    private static readonly Gen<BaseStatus> Base = Gen.Enum<BaseStatus>();

    private static readonly Gen<ConfigurationCommand> Catalogue = Gen.OneOf<ConfigurationCommand>(
        Gen.Select(
            One("away-training", "busy-email", "free-style"),
            Base,
            (id, b) => (ConfigurationCommand)new DefineStatus(id, id, id, b, null)
        ),
        One("away-training", "busy-email", "away").Select(id => (ConfigurationCommand)new RetireStatus(id)),
        Gen.Select(
            ProfileId,
            Gen.Int[0, 4],
            Gen.Bool,
            (id, limit, blocking) =>
                (ConfigurationCommand)
                    new SetCapacityProfile(
                        new CapacityProfile(
                            id,
                            id,
                            limit,
                            blocking,
                            id is "calls" or "mail" ? ProfileReset.EndOfDay : ProfileReset.Immediate
                        )
                    )
        ),
        Gen.Select(
                Gen.Select(Gen.Int[0, 200_000], Gen.Int[1, 100_000], Gen.Int[1, 20_000]),
                Gen.Int[0, 6],
                Gen.Select(Gen.Bool, Gen.Bool, Gen.Bool, Gen.Int[1, 3], Gen.Int[0, 2]),
                One<EndOfDay?>(null, new EndOfDay(new TimeOnly(18, 0), "Europe/Berlin"), new EndOfDay(new TimeOnly(8, 5), "Etc/UTC"))
            )
            .Select(
                (times, sessions, switches, endOfDay) =>
                    (ConfigurationCommand)
                        new ChangePolicy(
                            new Policy
                            {
                                RestoreWindow = TimeSpan.FromMilliseconds(times.Item1),
                                HeartbeatTimeout = TimeSpan.FromMilliseconds(times.Item2),
                                RefreshGrace = TimeSpan.FromMilliseconds(times.Item3),
                                MaxOpenSessions = sessions,
                                MissedNotificationSetsInactive = switches.Item1,
                                RejectedNotificationSetsDoNotDisturb = switches.Item2,
                                ZeroCapacityWorkSetsBusy = switches.Item3,
                                MissedLimit = switches.Item4,
                                UndeliveredLimit = switches.Item5,
                                EndOfDay = endOfDay,
                            }
                        )
            )
    );

    private static readonly Gen<AgentSettings> Settings = Gen.Select(
        Gen.Frequency((1, Gen.Const((string?)null)), (1, StatusId.Select(id => (string?)id))),
        Gen.Frequency((1, Gen.Const((int?)null)), (1, Gen.Const((int?)0)), (3, Gen.Int[1, 120].Select(units => (int?)units))),
        Gen.Select(AnyProfileId, Gen.Frequency((1, Gen.Const((int?)null)), (1, Gen.Int[0, 3].Select(limit => (int?)limit)))).List[0, 3],
        One("sales", "billing"),
        (status, units, profiles, queue) =>
            new AgentSettings(
                status,
                units,
                profiles.DistinctBy(p => p.Item1).ToImmutableSortedDictionary(p => p.Item1, p => p.Item2, StringComparer.Ordinal),
                [queue],
                []
            )
    );

    private static readonly Gen<Work> AnyWork = Gen.Select(
        Gen.Frequency((1, Gen.Const(0)), (4, Gen.Int[1, 80])),
        AnyProfileId.List[0, 3],
        Gen.Frequency(
            (1, Gen.Const(new WrapUp(WrapUpPolicy.AlwaysBlock))),
            (1, Gen.Const(new WrapUp(WrapUpPolicy.DontBlock))),
            (2, Gen.Int[1, 300].Select(seconds => new WrapUp(WrapUpPolicy.Custom, seconds)))
        ),
        Gen.Frequency((4, Gen.Const((Direction?)null)), (1, Gen.Const((Direction?)Direction.Outbound))),
        (units, profiles, wrapUp, direction) => new Work("chat", null, null, units, [.. profiles], wrapUp, null) { Direction = direction }
    );

    private static readonly Gen<AgentCommand> Command = Gen.Frequency(
        (6, ConnectionId.Select(id => (AgentCommand)new SignIn(id, null))),
        (1, Gen.Const((AgentCommand)new SignOut())),
        (2, ConnectionId.Select(id => (AgentCommand)new CloseConnection(id))),
        (5, StatusId.Select(id => (AgentCommand)new SetPresence(id))),
        (
            5,
            // As long after the command as this is after the start.
            Gen.Select(
                StatusId,
                Gen.Frequency((9, Gen.Int[1, 400]), (1, One(-1, 0, 86_400, 86_401))),
                (id, seconds) => (AgentCommand)new SetPresence(id, Story.Start.AddSeconds(seconds))
            )
        ),
        // It ends only what a missed, rejected or undelivered offer set.
        (6, Gen.Const((AgentCommand)new ResetPresence())),
        (12, Gen.Select(ConversationId, AnyWork, Gen.Bool, (id, work, auto) => (AgentCommand)new AssignConversation(id, work, auto))),
        (20, Gen.Select(ConversationId, Gen.Enum<ConversationVerb>(), (id, verb) => (AgentCommand)new MoveConversation(id, verb))),
        // A wait that ends needs two of them one after the other.
        (
            5,
            Gen.Select(
                ConversationId,
                One(ConversationVerb.Wait, ConversationVerb.Resume),
                (id, verb) => (AgentCommand)new MoveConversation(id, verb)
            )
        ),
        // Offers are answered sooner than so many in a row are undelivered.
        (5, ConversationId.Select(id => (AgentCommand)new MoveConversation(id, ConversationVerb.Undelivered))),
        (
            2,
            Gen.Select(
                ConversationId,
                One<string?>("ana", "ben", null),
                (id, to) => (AgentCommand)new TransferConversation(id, to, to is null ? "queue" : null, null)
            )
        ),
        (1, ConversationId.Select(id => (AgentCommand)new ForceReleaseConversation(id))),
        (
            2,
            Gen.Select(
                StatusId,
                Gen.Int[0, 600],
                Gen.Int[0, 600],
                (id, from, seconds) =>
                    (AgentCommand)new CorrectPresence(Story.Start.AddSeconds(from), Story.Start.AddSeconds(from + seconds), id)
            )
        ),
        (1, Gen.Select(ConversationId, Gen.Enum<ConsultMode>(), (id, mode) => (AgentCommand)new JoinConsult(id, mode))),
        (1, ConversationId.Select(id => (AgentCommand)new LeaveConsult(id))),
        (2, Settings.Select(settings => (AgentCommand)new ConfigureAgent(_ => settings))),
        (1, AnyProfileId.Select(id => (AgentCommand)new ResetCapacity(id))),
        (2, Gen.Long[-1, 4].Select(version => (AgentCommand)new DisputeEntry(version))),
        (2, Gen.Select(Gen.Long[0, 4], Gen.Bool, (version, accepted) => (AgentCommand)new AnswerDispute(version, accepted))),
        (1, Gen.Const((AgentCommand)new ErasePerson())),
        (3, Gen.Const((AgentCommand)new SettleDue()))
    );

    private static readonly Gen<long> Milliseconds = Gen.Frequency(
        (4, Gen.Const(0L)),
        (6, Gen.Long[1, 5_000]),
        (2, Gen.Long[5_000, 200_000]),
        (3, One(10_000L, 60_000L, 75_000L, 150_000L, 150_001L)),
        (1, Gen.Long[-100_000, -1]),
        (1, Gen.Long[3_600_000, 200_000_000])
    );

    private static readonly Gen<Happening> Anything = Gen.Frequency(
        (30, Command.Select(c => (Happening)new Happening.Asked(c))),
        (1, Catalogue.Select(c => (Happening)new Happening.Configured(c))),
        (2, ConnectionId.Select(id => (Happening)new Happening.Heartbeat(id))),
        (2, ConnectionId.Select(id => (Happening)new Happening.Silence(id))),
        (1, Gen.Const((Happening)new Happening.Restart()))
    );

    private static readonly Gen<Step> AnyStep = Gen.Select(Milliseconds, AgentId, Anything, (ms, agent, what) => new Step(ms, agent, what));

    /// <summary>A catalogue with something of everything, ana and ben registered and ana signed in; then anything.</summary>
    public static readonly Gen<ImmutableArray<Step>> Any = Gen.Select(
        Catalogue.Array[0, 6],
        Settings,
        Settings,
        AnyStep.Array[1, 60],
        (catalogue, ana, ben, steps) =>
            ImmutableArray.Create<Step>([
                Profile("chat", 2, false, ProfileReset.Immediate),
                Profile("voice", 1, true, ProfileReset.Immediate),
                Profile("calls", 3, false, ProfileReset.EndOfDay),
                Profile("mail", 2, true, ProfileReset.EndOfDay),
                .. catalogue.Select(c => new Step(0, "ana", new Happening.Configured(c))),
                Ask("ana", new ConfigureAgent(_ => Known(ana))),
                Ask("ben", new ConfigureAgent(_ => Known(ben))),
                Ask("ana", new SignIn("main", null)),
                .. steps,
            ])
    );

    private static Gen<T> One<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    private static AgentSettings Known(AgentSettings settings) =>
        settings with
        {
            DefaultStatusId = settings.DefaultStatusId is "away" or "busy" or "do-not-disturb" ? settings.DefaultStatusId : null,
            Profiles = settings.Profiles.Remove("nothing"),
        };

    private static Step Ask(string agentId, AgentCommand command) => new(0, agentId, new Happening.Asked(command));

    private static Step Profile(string id, int limit, bool blocking, ProfileReset reset) =>
        new(0, "ana", new Happening.Configured(new SetCapacityProfile(new CapacityProfile(id, id, limit, blocking, reset))));
}
