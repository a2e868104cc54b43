using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Domain.WhatIf;
using PresenceLedger.Ledger.Calendars;
using static PresenceLedger.Domain.Tests.Commands;

namespace PresenceLedger.Domain.Tests.WhatIf;

/// <summary>Small cases of what would have been, checked by hand.</summary>
public class ReplayTests
{
    private static readonly DateTimeOffset Late = Story.Start.AddDays(3);

    private static AgentReplay Replay(
        Story story,
        Func<Policy, Policy>? policy = null,
        Func<AgentSettings, AgentSettings>? settings = null,
        string? from = null,
        string? to = null
    ) =>
        AgentReplay.Of(
            "ana",
            story.Ledger,
            new Alternative(
                ConfigurationHistory.Of(story.ConfigurationLedger),
                TzdbCalendar.Instance,
                c => c with { Policy = (policy ?? (p => p))(c.Policy) },
                (_, s) => (settings ?? (x => x))(s)
            ),
            from is null ? DateTimeOffset.MinValue : Instant(from),
            to is null ? Late : Instant(to)
        );

    private static DateTimeOffset Instant(string time) =>
        Story.Start + TimeSpan.Parse(time, System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>The changes of presence that would have been other: as recorded => as they would have been.</summary>
    private static string[] Other(
        Story story,
        Func<Policy, Policy>? policy = null,
        Func<AgentSettings, AgentSettings>? settings = null,
        string? from = null,
        string? to = null
    )
    {
        var replay = Replay(story, policy, settings, from, to);
        PresenceChanged[] recorded = [.. story.Recorded.Take(replay.Begin..replay.End).OfType<PresenceChanged>()];
        PresenceChanged[] other = [.. replay.Events.Select(e => e.Event).OfType<PresenceChanged>()];
        return [.. OtherTransition.Between(recorded, other).Select(t => $"{Line(t.Recorded)} => {Line(t.Other)}")];

        static string Line(PresenceChanged? change) => change is null ? "(none)" : Story.Line(change);
    }

    /// <summary>Away by hand, gone at 00:10:00, lost at 00:11:15, back 165 s later.</summary>
    private static Story LongGone() =>
        new Story()
            .Ana(units: 100)
            .Given(SignIn())
            .At("00:05:00")
            .Given(Set("away"))
            .At("00:10:00")
            .NetworkLost()
            .At("00:11:16")
            .Given(Settle())
            .At("00:14:00")
            .Given(SignIn())
            .At("00:20:00")
            .Given(Set("busy"));

    [Fact, Trait("Rule", Rules.Con4)]
    public void Within_a_longer_restore_window_the_status_would_have_been_restored() =>
        Assert.Equal(
            ["00:14:00 offline -> available, Default, SGN-1 => 00:14:00 offline -> away, Manual, CON-4"],
            Other(LongGone(), p => p with { RestoreWindow = TimeSpan.FromSeconds(165) })
        );

    [Fact, Trait("Rule", Rules.Con4)]
    public void Beyond_a_shorter_restore_window_it_would_not_have_been() =>
        Assert.Equal(
            ["00:12:00 offline -> away, Manual, CON-4 => 00:12:00 offline -> available, Default, SGN-1"],
            Other(
                new Story()
                    .Ana()
                    .Given(SignIn(), Set("away"))
                    .At("00:10:00")
                    .NetworkLost()
                    .At("00:11:16")
                    .Given(Settle())
                    .At("00:12:00")
                    .Given(SignIn()),
                p => p with { RestoreWindow = TimeSpan.FromSeconds(44) }
            )
        );

    [Fact, Trait("Rule", Rules.Man6)]
    public void What_stood_until_an_instant_ends_with_what_capacity_would_have_been() =>
        Assert.Equal(
            [
                "00:01:00 available -> busy, Capacity, CAP-2 => 00:01:00 available -> do-not-disturb, Capacity, CAP-3",
                "00:15:00 away -> busy, Capacity, MAN-6 => 00:15:00 away -> do-not-disturb, Capacity, MAN-6",
            ],
            Other(
                new Story()
                    .Ana(units: 100)
                    .Given(SignIn())
                    .At("00:01:00")
                    .Given(Start("c1", 40))
                    .At("00:05:00")
                    .Given(Set("away", until: "00:15:00"))
                    .At("00:20:00")
                    .Given(Settle()),
                settings: s => s with { Units = 40 }
            )
        );

    [Fact, Trait("Rule", Rules.Con1)]
    public void A_longer_timeout_would_have_kept_a_connection_that_came_back() =>
        Assert.Equal(
            ["00:11:15 away -> offline, Connection, CON-3 => (none)", "00:14:00 offline -> available, Default, SGN-1 => (none)"],
            Other(LongGone(), p => p with { HeartbeatTimeout = TimeSpan.FromSeconds(241) })
        );

    [Fact, Trait("Rule", Rules.Con3)]
    public void A_loss_would_have_been_as_much_later_or_earlier_as_the_timeout_is()
    {
        Assert.Equal(
            [
                "00:11:15 away -> offline, Connection, CON-3 => (none)",
                "(none) => 00:13:20 away -> offline, Connection, CON-3",
                "00:14:00 offline -> available, Default, SGN-1 => 00:14:00 offline -> away, Manual, CON-4",
            ],
            Other(LongGone(), p => p with { HeartbeatTimeout = TimeSpan.FromSeconds(200) })
        );
        Assert.Equal(
            ["(none) => 00:10:30 away -> offline, Connection, CON-3", "00:11:15 away -> offline, Connection, CON-3 => (none)"],
            Other(LongGone(), p => p with { HeartbeatTimeout = TimeSpan.FromSeconds(30) })
        );
    }

    [Fact, Trait("Rule", Rules.Con8)]
    public void What_a_restart_of_the_server_granted_counts_with_another_timeout_too()
    {
        var story = new Story()
            .Ana()
            .Given(SignIn())
            .At("00:10:00")
            .NetworkLost()
            .At("00:10:20")
            .ServerRestarted()
            .At("00:12:00")
            .Given(Settle());
        Assert.Equal(
            ["00:11:35 available -> offline, Connection, CON-3 => (none)", "(none) => 00:12:20 available -> offline, Connection, CON-3"],
            Other(story, p => p with { HeartbeatTimeout = TimeSpan.FromSeconds(120) })
        );
    }

    [Fact, Trait("Rule", Rules.Con6)]
    public void A_shorter_grace_would_have_made_a_loss_of_a_refresh()
    {
        var story = new Story().Ana().Given(SignIn(), Set("busy")).At("00:10:00").Given(CloseConnection()).At("00:10:08").Given(SignIn());
        Assert.Equal(
            ["(none) => 00:10:05 busy -> offline, Connection, CON-3", "(none) => 00:10:08 offline -> busy, Manual, CON-4"],
            Other(story, p => p with { RefreshGrace = TimeSpan.FromSeconds(5) })
        );
        Assert.Empty(Other(story, p => p with { RefreshGrace = TimeSpan.FromSeconds(9) }));
    }

    [Fact, Trait("Rule", Rules.Con6)]
    public void A_longer_grace_would_have_made_a_refresh_of_a_loss()
    {
        var story = new Story()
            .Ana()
            .Given(SignIn())
            .At("00:10:00")
            .Given(CloseConnection())
            .At("00:10:11")
            .Given(Settle())
            .At("00:10:12")
            .Given(SignIn());
        var replay = Replay(story, p => p with { RefreshGrace = TimeSpan.FromSeconds(30) });
        Assert.DoesNotContain(replay.Events, e => e.Event is ConnectionLost);
        Assert.Contains(replay.Events, e => e.Event is ConnectionOpened { Rule: Rules.Con6 });
        Assert.Empty(replay.Refused);
    }

    [Fact, Trait("Rule", Rules.Con1)]
    public void A_connection_that_a_heartbeat_alone_brought_back_counts_as_never_gone()
    {
        var story = new Story()
            .Ana()
            .Given(SignIn())
            .At("00:10:00")
            .Given(CloseConnection())
            .At("00:10:04")
            .Heartbeat()
            .At("00:10:30")
            .Heartbeat()
            .Given(Set("busy"));
        Assert.Empty(Other(story));
        Assert.Empty(Other(story, p => p with { RefreshGrace = TimeSpan.FromSeconds(1) }));
    }

    [Fact, Trait("Rule", Rules.Con3)]
    public void A_loss_that_was_in_doubt_stays_after_what_came_between()
    {
        // 500 ms after its deadline a loss is still doubted; a conversation ends meanwhile.
        var story = new Story().Ana(units: 100).Given(SignIn(), Start("c1", 100)).At("00:10:00").NetworkLost();
        var deadline = Story.Start.AddMinutes(10).AddSeconds(75);
        story.AtInstant(deadline.AddMilliseconds(200)).ServerRestarted().Given(Close("c1"));
        var lost = AgentDecider.Decide(
            story.Agent,
            new SettleDue(),
            new AgentContext(
                deadline.AddMilliseconds(700),
                story.Configuration,
                new Dictionary<string, SignOfLife>(StringComparer.Ordinal)
                {
                    ["main"] = new(Story.Start.AddMinutes(10), Story.Start.AddMinutes(10)),
                },
                TzdbCalendar.Instance
            )
        );
        RecordedEvent[] ledger = [.. story.Ledger, .. RecordedEvents.Of(lost, deadline.AddMilliseconds(700), story.Configuration)];
        Assert.Equal("00:11:15.2 available -> offline, Connection, CON-3", Story.Line(lost.Events[^1]));

        var replay = AgentReplay.Of(
            "ana",
            ledger,
            Alternative.None(ConfigurationHistory.Of(story.ConfigurationLedger), TzdbCalendar.Instance),
            DateTimeOffset.MinValue,
            Late
        );
        Assert.Equal(ledger.Select(e => RecordedEvents.Line(e.Event)), replay.Events.Select(e => RecordedEvents.Line(e.Event)));
    }

    [Fact, Trait("Rule", Rules.Not1), Trait("Rule", Rules.Not4)]
    public void Without_the_missed_policy_there_would_have_been_nothing_to_reset()
    {
        var story = new Story()
            .Ana(units: 100)
            .Given(SignIn(), Assign("c1", 10))
            .At("00:01:00")
            .Given(Miss("c1"))
            .At("00:02:00")
            .Given(Reset());
        Func<Policy, Policy> off = p => p with { MissedNotificationSetsInactive = false };
        Assert.Equal(
            ["00:01:00 available -> inactive, Notification, NOT-1 => (none)", "00:02:00 inactive -> available, Capacity, NOT-4 => (none)"],
            Other(story, off)
        );
        var refused = Assert.Single(Replay(story, off).Refused);
        Assert.Equal((RefusalCodes.NothingToReset, Instant("00:02:00")), (refused.Refusal.Code, refused.At));
        Assert.Same(story.Recorded[(int)refused.Version], refused.Event);
    }

    [Fact, Trait("Rule", Rules.Cap3)]
    public void With_more_units_two_conversations_would_not_have_exhausted_the_agent()
    {
        var story = new Story()
            .Ana(units: 100)
            .Given(SignIn(), Start("c1", 50))
            .At("00:01:00")
            .Given(Start("c2", 50))
            .At("00:02:00")
            .Given(Close("c2"));
        Assert.Equal(
            ["00:01:00 busy -> do-not-disturb, Capacity, CAP-3 => (none)", "00:02:00 do-not-disturb -> busy, Capacity, CAP-2 => (none)"],
            Other(story, settings: s => s with { Units = 150 })
        );
    }

    [Fact, Trait("Rule", Rules.Cap9)]
    public void Other_settings_hold_from_the_beginning_of_the_window_on()
    {
        var story = new Story()
            .Ana(units: 100)
            .Given(SignIn(), Start("c1", 50))
            .At("00:30:00")
            .Given(Close("c1"))
            .At("00:40:00")
            .Given(Configure(s => s with { Units = 70 }), Start("c2", 60));
        Assert.Equal(
            [
                "(none) => 00:10:00 busy -> do-not-disturb, Capacity, CAP-3",
                "00:40:00 available -> busy, Capacity, CAP-2 => 00:40:00 available -> do-not-disturb, Capacity, CAP-6",
            ],
            Other(story, settings: s => s with { Units = 50 }, from: "00:10:00")
        );
    }

    [Fact]
    public void What_the_catalogue_does_not_have_yet_is_set_once_it_has()
    {
        var story = new Story().Ana(units: 100).Given(SignIn()).At("00:01:00").Given(Start("c1", 10)).At("00:05:00");
        story.Profile("voice", limit: 1, blocking: true).At("00:10:00").Given(Start("c2", 10, null, "voice"));
        var replay = Replay(story, settings: s => s with { Units = null, Profiles = s.Profiles.SetItem("voice", null) });
        Assert.Equal(
            Instant("00:05:00"),
            replay.Events.Select(e => e.Event).OfType<AgentConfigured>().Single(e => e.Settings.Profiles.ContainsKey("voice")).OccurredAt
        );
        Assert.Equal("00:10:00 busy -> do-not-disturb, Capacity, CAP-3", Story.Line(replay.Events[^1].Event));
    }

    [Fact, Trait("Rule", Rules.Cap7)]
    public void Another_end_of_day_would_have_given_back_at_another_time()
    {
        var story = new Story()
            .Policy(p => p with { EndOfDay = new EndOfDay(new TimeOnly(20, 0), "Etc/UTC") })
            .Profile("calls", limit: 1, reset: ProfileReset.EndOfDay)
            .Ana(null, null, "calls")
            .Given(SignIn(), Start("c1", 0, null, "calls"))
            .At("00:10:00")
            .Given(Close("c1"))
            .At("12:00:01")
            .Given(Settle());
        Assert.Equal(
            [
                "(none) => 01:00:00 do-not-disturb -> available, Capacity, CAP-1",
                "12:00:00 do-not-disturb -> available, Capacity, CAP-1 => (none)",
            ],
            Other(story, p => p with { EndOfDay = new EndOfDay(new TimeOnly(9, 0), "Etc/UTC") })
        );
    }

    [Fact, Trait("Rule", Rules.Cap7)]
    public void A_reset_that_an_administrator_asked_for_is_asked_for_again()
    {
        var story = new Story()
            .Policy(p => p with { EndOfDay = new EndOfDay(new TimeOnly(20, 0), "Etc/UTC") })
            .Profile("calls", limit: 1, reset: ProfileReset.EndOfDay)
            .Ana(null, null, "calls")
            .Given(SignIn(), Start("c1", 0, null, "calls"))
            .At("00:10:00")
            .Given(Close("c1"), ResetCapacity("calls"));
        Assert.Empty(Other(story, p => p with { EndOfDay = null }));
    }

    [Fact]
    public void A_policy_that_was_changed_in_the_middle_stays_changed_but_for_what_is_other()
    {
        var story = new Story()
            .Ana()
            .Given(SignIn(), Set("away"))
            .At("00:10:00")
            .NetworkLost()
            .At("00:11:16")
            .Given(Settle())
            .At("00:11:30")
            .Policy(p => p with { RestoreWindow = TimeSpan.FromSeconds(10), MissedNotificationSetsInactive = false })
            .At("00:12:00")
            .Given(SignIn(), Assign("c1"), Miss("c1"));
        Assert.Empty(Other(story));
        Assert.Empty(Other(story, p => p with { MaxOpenSessions = 5 }));
        Assert.Equal(
            ["00:12:00 offline -> available, Default, SGN-1 => 00:12:00 offline -> away, Manual, CON-4"],
            Other(story, p => p with { RestoreWindow = TimeSpan.FromMinutes(5) })
        );
    }

    [Fact]
    public void What_would_have_become_due_before_the_policy_changed_is_decided_as_before()
    {
        // With a timeout of 30 s she is lost at 00:10:30; the policy of 00:11:00 has no say in that.
        var story = new Story()
            .Ana(units: 100)
            .Given(SignIn(), Join("x"))
            .At("00:10:00")
            .NetworkLost()
            .At("00:11:00")
            .Policy(p => p with { RestoreWindow = TimeSpan.FromSeconds(500) })
            .At("00:11:16")
            .Given(Settle());
        var lost = Replay(story, p => p with { HeartbeatTimeout = TimeSpan.FromSeconds(30) }).Events.Single(e => e.Event is ConnectionLost);
        Assert.Equal(-1, lost.ConfigurationVersion);
        Assert.Equal(Instant("00:10:30"), lost.Event.OccurredAt);
    }

    [Fact]
    public void Before_the_window_everything_is_as_recorded()
    {
        Assert.Equal(
            ["00:14:00 offline -> available, Default, SGN-1 => 00:14:00 offline -> away, Manual, CON-4"],
            Other(
                LongGone(),
                p => p with { RestoreWindow = TimeSpan.FromSeconds(165), HeartbeatTimeout = TimeSpan.FromSeconds(1) },
                from: "00:13:00"
            )
        );
        Assert.Empty(Other(LongGone(), p => p with { RestoreWindow = TimeSpan.FromSeconds(165) }, from: "00:14:00.001"));
        Assert.Empty(Other(LongGone(), p => p with { RestoreWindow = TimeSpan.FromSeconds(165) }, to: "00:14:00"));
    }

    [Fact]
    public void What_becomes_due_by_the_end_of_the_window_is_told()
    {
        var story = new Story().Ana().Given(SignIn()).At("00:10:00").NetworkLost().At("00:11:16").Given(Settle());
        Assert.Equal(
            ["(none) => 00:10:20 available -> offline, Connection, CON-3"],
            Other(story, p => p with { HeartbeatTimeout = TimeSpan.FromSeconds(20) }, to: "00:11:00")
        );
    }

    [Fact]
    public void A_further_connection_that_would_not_have_been_lost_lives_on_beside_the_new_one()
    {
        var story = new Story()
            .Ana()
            .Given(SignIn("old"))
            .At("00:10:00")
            .NetworkLost("old")
            .At("00:11:16")
            .Given(Settle())
            .At("00:11:30")
            .Given(SignIn("new"))
            .At("00:30:00")
            .Given(SignOut());
        var events = Replay(story, p => p with { HeartbeatTimeout = TimeSpan.FromMinutes(3) }).Events.Select(e => Story.Line(e.Event));
        Assert.Equal(
            [
                "00:00:00 AgentRegistered",
                "00:00:00 AgentSignedIn old",
                "00:00:00 offline -> available, Default, SGN-1",
                "00:11:30 ConnectionOpened new SGN-3",
                "00:13:00 ConnectionLost old Heartbeat CON-2",
                "00:30:00 AgentSignedOut SGN-4",
                "00:30:00 available -> offline, Connection, SGN-4",
            ],
            events
        );
    }

    [Fact]
    public void A_correction_is_told_as_it_is()
    {
        var story = new Story()
            .Ana()
            .Given(SignIn())
            .At("00:10:00")
            .Given(new CorrectPresence(Story.Start, Story.Start.AddMinutes(5), "away"));
        var replay = Replay(story, p => p with { RestoreWindow = TimeSpan.Zero });
        Assert.Equal(RecordedEvents.Line(story.Recorded[^1]), RecordedEvents.Line(replay.Events[^1].Event));
    }

    [Fact]
    public void Of_nobody_there_is_nothing()
    {
        var replay = AgentReplay.Of(
            "nobody",
            [],
            Alternative.None(ConfigurationHistory.Of([]), TzdbCalendar.Instance),
            DateTimeOffset.MinValue,
            Late
        );
        Assert.Equal((0, 0, 0, 0), (replay.Begin, replay.End, replay.Events.Length, replay.Refused.Length));
    }
}
