using System.Collections.Immutable;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Domain.Seals;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Ledger.Tests.Events;

/// <summary>One event of each type, with every member set.</summary>
internal static class Examples
{
    private static readonly DateTimeOffset Time = new(2026, 1, 2, 3, 4, 5, 60, TimeSpan.Zero);

    private static readonly AgentSettings Settings = new(
        "away-training",
        100,
        ImmutableSortedDictionary.Create<string, int?>(StringComparer.Ordinal).Add("chat", null).Add("voice", 2),
        ["sales", "billing"],
        [new Skill("german", "native"), new Skill("tax", null)]
    );

    private static readonly Work Work = new(
        "chat",
        "sales",
        "web",
        30,
        ["chat", "voice"],
        new WrapUp(WrapUpPolicy.Custom, 90.5),
        Time.AddMinutes(-5)
    );

    private static readonly StandingStatus Training = new("away-training", BaseStatus.Away, Origin.Manual);

    private static readonly StandingStatus DoNotDisturb = new("do-not-disturb", BaseStatus.DoNotDisturb, Origin.Capacity);

    public static readonly ImmutableArray<LedgerEvent> All =
    [
        new AgentRegistered(Settings),
        new AgentConfigured(AgentSettings.None),
        new AgentSignedIn("main", "web 1.2", Returned: true),
        new AgentSignedOut(),
        new ConnectionOpened("second", "phone"),
        new ConnectionClosing("second"),
        new ConnectionLost("main", LossCause.Heartbeat, Time.AddSeconds(-75), Time, Time.AddMilliseconds(200), Last: true),
        new PresenceChanged(
            Training,
            DoNotDisturb,
            41,
            new CapacityInputs(100, 120, [new ProfileInputs("chat", 2, 1, Blocking: true)], 11, 10)
        ),
        new ConversationAssigned("c1", Work, ["voice"], "ben"),
        new ConversationAccepted("c1", Automatic: true),
        new ConversationWaiting("c1"),
        new ConversationResumed("c1"),
        new WrapUpStarted("c1", HoldsCapacity: true, Time.AddSeconds(90)),
        new WrapUpBlockEnded("c1", Time, Time.AddSeconds(1)),
        new ConversationActivity("c1"),
        new ConversationClosed("c1"),
        new ConversationAbandoned("c1"),
        new ConversationMissed("c1"),
        new ConversationRejected("c1"),
        new ConversationReleased("c1"),
        new ConversationTransferred("c1", "ben", "sales", "+49 30 1234"),
        new ConversationForceReleased("c1"),
        new ConsultJoined("c2", ConsultMode.Monitor),
        new ConsultLeft("c2"),
        new ConsultEnded("c2", Time),
        new CapacityReset("voice", 7),
        new PresenceCorrected(Time.AddHours(-2), Time.AddHours(-1), "away-training", BaseStatus.Away),
        new EntryDisputed(17),
        new DisputeAnswered(17, Accepted: true),
        new PersonErased(),
        new AuditRead("timeline", Time.AddHours(-2), Time, "complaint 4711"),
        new StatusDefined("away-training", "Training", "In \"training\" <ä 😀>", BaseStatus.Away, "Courses"),
        new StatusChanged("away-training", "Training", "Learning", BaseStatus.DoNotDisturb, null),
        new StatusRetired("away-training"),
        new StatusUsed("away-training"),
        new CapacityProfileSet(new CapacityProfile("voice", "Voice", 3, Blocking: true, ProfileReset.EndOfDay)),
        new PolicyChanged(
            new Policy
            {
                RestoreWindow = TimeSpan.FromSeconds(100.5),
                HeartbeatTimeout = TimeSpan.FromMilliseconds(60_001),
                RefreshGrace = TimeSpan.FromSeconds(5),
                HeartbeatInterval = TimeSpan.FromSeconds(20),
                MaxOpenSessions = 3,
                MissedNotificationSetsInactive = false,
                RejectedNotificationSetsDoNotDisturb = false,
                ZeroCapacityWorkSetsBusy = false,
                StuckAfter = ImmutableSortedDictionary
                    .Create<string, TimeSpan>(StringComparer.Ordinal)
                    .Add("chat", TimeSpan.FromMinutes(30))
                    .Add(Policy.AnyChannel, TimeSpan.FromHours(8)),
                EndOfDay = new EndOfDay(new TimeOnly(18, 30), "Europe/Berlin"),
            }
        ),
        new SealingKeyIntroduced("0123456789abcdef", "MFkw", Time, [new SealSignature("0123456789abcdef", "MEUC")]),
        new SealingKeyRetired("0123456789abcdef", Time, [new SealSignature("fedcba9876543210", "MEUC")]),
        new LedgerSealed(
            17,
            3602,
            2,
            new string('a', 64),
            "AAECAwQFBgcICQoLDA0ODw==",
            "0.812.3604",
            Guid.Parse("0198f2a0-7c00-7000-8000-00000000000a"),
            Time,
            SealStatement.NonePrevious,
            [new SealSignature("0123456789abcdef", "MEUC"), new SealSignature("fedcba9876543210", "MEYC")]
        ),
        new RestoreAccepted(17, new string('a', 64), 12, new string('b', 64), "Disk failed; backup of 02:00", Time),
    ];

    public static LedgerEvent Of(string wireName) => All.Single(e => WireNames.Of(e) == wireName);
}
