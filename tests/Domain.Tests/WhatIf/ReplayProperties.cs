using System.Collections.Immutable;
using CsCheck;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Domain.Tests.Properties;
using PresenceLedger.Domain.WhatIf;
using PresenceLedger.Ledger.Calendars;

namespace PresenceLedger.Domain.Tests.WhatIf;

/// <summary>What holds for the replay of whatever happened.</summary>
public class ReplayProperties
{
    private const int Number = 4_000;

    private static readonly Gen<(DateTimeOffset From, DateTimeOffset To)> Windows = Gen.OneOf(
        Gen.Const((DateTimeOffset.MinValue, new DateTimeOffset(2100, 1, 1, 0, 0, 0, TimeSpan.Zero))),
        Gen.Select(
            Gen.Long[0, 3_000_000],
            Gen.Long[1, 3_000_000],
            (from, length) => (Story.Start.AddMilliseconds(from), Story.Start.AddMilliseconds(from + length))
        )
    );

    private static readonly Gen<Func<Configuration, Configuration>> Others = One<Func<Configuration, Configuration>>(
        With(p => p with { RestoreWindow = TimeSpan.Zero }),
        With(p => p with { RestoreWindow = TimeSpan.FromHours(2) }),
        With(p => p with { HeartbeatTimeout = 20 * p.HeartbeatTimeout }),
        With(p => p with { HeartbeatTimeout = TimeSpan.FromMilliseconds(1) }),
        With(p => p with { HeartbeatTimeout = p.HeartbeatTimeout / 2, RefreshGrace = TimeSpan.FromMilliseconds(2) }),
        With(p => p with { RefreshGrace = TimeSpan.FromMinutes(1) }),
        With(p => p with { MaxOpenSessions = 0 }),
        With(p =>
            p with
            {
                MissedNotificationSetsInactive = !p.MissedNotificationSetsInactive,
                RejectedNotificationSetsDoNotDisturb = false,
            }
        ),
        With(p => p with { MissedLimit = 3, UndeliveredLimit = 1 }),
        With(p => p with { ZeroCapacityWorkSetsBusy = !p.ZeroCapacityWorkSetsBusy }),
        With(p => p with { EndOfDay = null }),
        With(p => p with { EndOfDay = new EndOfDay(new TimeOnly(8, 30), "Asia/Kathmandu") }),
        c => c with { Profiles = c.Profiles.SetItem("calls", new CapacityProfile("calls", "calls", 1, true, ProfileReset.EndOfDay)) }
    );

    private static readonly Gen<Func<string, AgentSettings, AgentSettings>> OtherSettings = One<Func<string, AgentSettings, AgentSettings>>(
        (_, s) => s,
        (_, s) => s with { Units = 10 },
        (_, s) => s with { Units = null, Profiles = s.Profiles.SetItem("calls", 1), DefaultStatusId = "busy-email" }
    );

    [Fact]
    public void With_the_recorded_configuration_it_leads_to_the_recorded_events_in_any_window() =>
        Gen.Select(Histories.Any, Windows)
            .Sample(
                (history, window) =>
                {
                    var (streams, configurations) = Live(history);
                    foreach (var (id, recorded) in streams)
                    {
                        var replay = AgentReplay.Of(
                            id,
                            recorded,
                            Alternative.None(configurations, TzdbCalendar.Instance),
                            window.From,
                            window.To
                        );
                        Assert.Equal(
                            recorded
                                .Select(e => e.Event)
                                .Where(e => e.OccurredAt >= window.From && e.OccurredAt < window.To)
                                .Select(RecordedEvents.Line),
                            replay.Events.Select(e => RecordedEvents.Line(e.Event))
                        );
                        Assert.Equal(replay.End - replay.Begin, replay.Events.Length);
                        Assert.Empty(replay.Refused);
                    }
                },
                iter: Number,
                threads: 2
            );

    [Fact]
    public void With_any_other_each_change_begins_where_the_last_one_ended_and_time_never_goes_back() =>
        Gen.Select(Histories.Any, Windows, Others, OtherSettings)
            .Sample(
                (history, window, other, settings) =>
                {
                    var (streams, configurations) = Live(history);
                    foreach (var (id, recorded) in streams)
                    {
                        var replay = AgentReplay.Of(
                            id,
                            recorded,
                            new Alternative(configurations, TzdbCalendar.Instance, other, settings),
                            window.From,
                            window.To
                        );
                        var before = recorded.Take(replay.Begin).Aggregate(Agent.Unknown(id), (agent, e) => agent.Evolve(e.Event));
                        var (status, at) = (before.Status, before.LastOccurredAt);
                        foreach (var e in replay.Events.Select(e => e.Event))
                        {
                            Assert.True(e.OccurredAt >= at && e.OccurredAt >= window.From && e.OccurredAt < window.To);
                            at = e.OccurredAt;
                            if (e is PresenceChanged change)
                            {
                                // An end of its own may have been forgotten meanwhile (MAN-6).
                                Assert.Equal(change.From.Until is null ? status with { Until = null } : status, change.From);
                                Assert.NotEqual(change.From, change.To);
                                status = change.To;
                            }
                        }
                        Assert.All(replay.Refused, r => Assert.Same(recorded[(int)r.Version].Event, r.Event));
                    }
                },
                iter: Number,
                threads: 2
            );

    private static Gen<T> One<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(n => values[n]);

    private static Func<Configuration, Configuration> With(Func<Policy, Policy> change) => c => c with { Policy = change(c.Policy) };

    private static (Dictionary<string, List<RecordedEvent>> Streams, ConfigurationHistory Configurations) Live(ImmutableArray<Step> history)
    {
        var streams = Histories.AgentIds.ToDictionary(id => id, _ => new List<RecordedEvent>(), StringComparer.Ordinal);
        var world = World.Run(
            history,
            turn => streams[turn.Before.AgentId].AddRange(RecordedEvents.Of(turn.Decision, turn.Context.Now, turn.Context.Configuration))
        );
        return (streams, ConfigurationHistory.Of(world.ConfigurationEvents));
    }
}
