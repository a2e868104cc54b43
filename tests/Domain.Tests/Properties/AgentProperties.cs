using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text.Json;
using CsCheck;
using PresenceLedger.Domain.Agents;

namespace PresenceLedger.Domain.Tests.Properties;

/// <summary>What holds for whatever happens.</summary>
public class AgentProperties
{
    private const int Histories = 4_000;

    private static readonly JsonSerializerOptions Canonical = new() { IncludeFields = true };

    private static void ForEveryTurn(Action<Turn, IReadOnlyList<AgentEvent>> check, int histories = Histories) =>
        ForEveryHistory(
            history =>
            {
                var streams = Properties.Histories.AgentIds.ToDictionary(id => id, _ => new List<AgentEvent>(), StringComparer.Ordinal);
                World.Run(
                    history,
                    turn =>
                    {
                        streams[turn.Before.AgentId].AddRange(turn.Decision.Events);
                        check(turn, streams[turn.Before.AgentId]);
                    }
                );
            },
            histories
        );

    private static void ForEveryHistory(Action<ImmutableArray<Step>> check, int histories = Histories) =>
        Properties.Histories.Any.Sample(check, iter: histories, threads: 2, print: history => string.Join('\n', history));

    /// <summary>Each change of presence with its place in the stream.</summary>
    private static IEnumerable<(int Version, PresenceChanged Change)> Changes(IReadOnlyList<AgentEvent> stream) =>
        stream.Select((e, version) => (version, e)).Where(x => x.e is PresenceChanged).Select(x => (x.version, (PresenceChanged)x.e));

    [Fact]
    public void The_histories_reach_every_event_and_every_rule_that_changes_presence()
    {
        var seen = new ConcurrentDictionary<string, int>(StringComparer.Ordinal);
        ForEveryTurn(
            (turn, _) =>
            {
                foreach (var e in turn.Decision.Events)
                    seen.AddOrUpdate(e is PresenceChanged ? e.Rule! : e.GetType().Name, 1, (_, n) => n + 1);
                if (turn.Decision.Refusal is { Code: var code })
                    seen.AddOrUpdate(code, 1, (_, n) => n + 1);
            },
            // So many that even the rarest is far above what is asked, whatever the dice give.
            histories: 5 * Histories
        );
        var events = typeof(AgentEvent)
            .Assembly.GetTypes()
            .Where(t => t.IsAssignableTo(typeof(AgentEvent)) && !t.IsAbstract)
            .Select(t => t.Name);
        string[] rules = ["MAN-1", "MAN-6", "SGN-1", "SGN-2", "SGN-4", "CON-3", "CON-4", "NOT-1", "NOT-2", "NOT-4", "NOT-6"];
        string[] capacity = ["CAP-1", "CAP-2", "CAP-3", "CAP-5", "CAP-6", "CAP-8"];
        string[] never = [nameof(PresenceChanged)];
        Assert.Empty(events.Concat(rules).Concat(capacity).Except(never).Except(seen.Keys));
        Assert.All(seen, x => Assert.True(x.Value > 20, $"{x.Key} only {x.Value} times"));
    }

    [Fact, Trait("Rule", Rules.Tim1)]
    public void No_command_throws_versions_have_no_gaps_and_time_never_goes_back() =>
        ForEveryTurn(
            (turn, stream) =>
            {
                Assert.Equal(stream.Count - 1, turn.After.Version);
                Assert.All(stream.Zip(stream.Skip(1)), pair => Assert.True(pair.First.OccurredAt <= pair.Second.OccurredAt));
                Assert.InRange(turn.Decision.Due, 0, turn.Decision.Events.Length);
            }
        );

    [Fact, Trait("Rule", Rules.Tim1)]
    public void Events_evolved_from_scratch_give_the_state_that_was_decided_on() =>
        ForEveryHistory(history =>
        {
            var world = World.Run(history);
            foreach (var (id, stream) in world.Streams)
                Assert.Equal(Dump(world.Agents[id]), Dump(stream.Aggregate(Agent.Unknown(id), (agent, e) => agent.Evolve(e))));

            static string Dump(Agent agent) => JsonSerializer.Serialize(agent, Canonical);
        });

    [Fact, Trait("Rule", Rules.Tim2), Trait("Rule", Rules.Tim3)]
    public void Statuses_partition_the_time_from_registration() =>
        ForEveryHistory(history =>
        {
            var world = World.Run(history);
            foreach (var agent in world.Agents.Values.Where(a => a.IsRegistered))
            {
                var end = agent.LastOccurredAt.AddMinutes(1);
                var intervals = Intervals(world.Streams[agent.AgentId], end).ToList();

                Assert.Equal(agent.RegisteredAt, intervals[0].Start);
                Assert.Equal(end, intervals[^1].End);
                Assert.All(intervals.Zip(intervals.Skip(1)), pair => Assert.Equal(pair.First.End, pair.Second.Start));
                Assert.All(intervals, i => Assert.True(i.Start <= i.End));
                var durations = intervals.GroupBy(i => i.Status).Select(g => g.Sum(i => (i.End - i.Start).Ticks));
                Assert.Equal((end - agent.RegisteredAt).Ticks, durations.Sum());

                Assert.Equal(agent.Status.StatusId, intervals[^1].Status);
                var since = intervals.Reverse<(string Status, DateTimeOffset Start, DateTimeOffset End)>();
                Assert.Equal(agent.Since, since.TakeWhile(i => i.Status == agent.Status.StatusId).Last().Start);
            }

            static IEnumerable<(string Status, DateTimeOffset Start, DateTimeOffset End)> Intervals(
                IReadOnlyList<AgentEvent> stream,
                DateTimeOffset end
            )
            {
                var status = "offline";
                var start = stream[0].OccurredAt;
                foreach (var (_, change) in Changes(stream))
                {
                    yield return (status, start, change.OccurredAt);
                    (status, start) = (change.To.StatusId, change.OccurredAt);
                }
                yield return (status, start, end);
            }
        });

    [Fact, Trait("Rule", Rules.Who1)]
    public void Every_change_of_presence_names_what_stood_before_a_known_rule_and_an_event_of_its_instant() =>
        ForEveryHistory(history =>
        {
            foreach (var stream in World.Run(history).Streams.Values)
            {
                var standing = StandingStatus.NotConnected;
                foreach (var (version, change) in Changes(stream))
                {
                    // An end of its own may have been forgotten meanwhile (MAN-6).
                    Assert.Equal(change.From.Until is null ? standing with { Until = null } : standing, change.From);
                    Assert.NotEqual(change.From, change.To);
                    Assert.Contains(change.Rule, Rules.All);
                    standing = change.To;
                    if (change.Follows is { } follows)
                    {
                        Assert.InRange(follows, 0, version - 1);
                        var followed = stream[(int)follows];
                        if (followed is PresenceChanged { To: var ended })
                            Assert.Equal((Rules.Man6, change.From), (change.Rule, ended));
                        else
                            Assert.Equal(followed.OccurredAt, change.OccurredAt);
                    }
                }
            }
        });

    [Fact, Trait("Rule", Rules.Cap13), Trait("Rule", Rules.Man5), Trait("Rule", Rules.Cns1)]
    public void A_command_repeated_at_once_is_a_no_op_or_refused_as_documented() =>
        ForEveryTurn(
            (turn, _) =>
            {
                if (turn.Decision.Refusal is not null || (turn.Command is CloseConnection && SeenInTheFuture(turn.Context)))
                    return;
                // Each is a word of its own on the past, or takes what came since.
                if (turn.Command is CorrectPresence or ErasePerson)
                    return;
                var again = AgentDecider.Decide(turn.After, turn.Command, turn.Context);
                Assert.Empty(again.Events);
                Assert.Equal(RefusalOfTheSecond(turn.Command), again.Refusal?.Code);
            }
        );

    /// <summary>The clock went back behind a heartbeat: a closing before it does not undo it.</summary>
    private static bool SeenInTheFuture(AgentContext context) =>
        context.SignsOfLife.Values.Any(sign => sign.LastSeenAt > context.Now || sign.CountsFrom > context.Now);

    private static string? RefusalOfTheSecond(AgentCommand command) =>
        command switch
        {
            SignOut => "agent-not-signed-in",
            ResetPresence => "nothing-to-reset",
            LeaveConsult => "consult-unknown",
            TransferConversation or ForceReleaseConversation => "conversation-unknown",
            DisputeEntry => "dispute-open",
            AnswerDispute => "dispute-unknown",
            MoveConversation { Verb: var verb } => verb switch
            {
                ConversationVerb.Accept or ConversationVerb.Activity => null,
                ConversationVerb.Wait or ConversationVerb.WrapUp => "conversation-not-active",
                ConversationVerb.Resume => "conversation-not-waiting",
                _ => "conversation-unknown",
            },
            _ => null,
        };

    [Fact, Trait("Rule", Rules.Sgn6)]
    public void What_is_refused_leaves_no_event_and_what_needs_a_signed_in_agent_has_one() =>
        ForEveryTurn(
            (turn, _) =>
            {
                if (turn.Decision.Refusal is not null)
                {
                    Assert.Empty(turn.Decision.Events);
                    Assert.Same(turn.Before, turn.After);
                }
                else if (turn.Command is SetPresence or ResetPresence or JoinConsult or MoveConversation { Verb: ConversationVerb.Accept })
                {
                    Assert.True(turn.After.SignedIn);
                }
            }
        );

    [Fact, Trait("Rule", Rules.Con3), Trait("Rule", Rules.Sgn4)]
    public void Who_is_not_signed_in_is_offline_for_want_of_a_connection_and_nobody_else_is() =>
        ForEveryTurn(
            (turn, stream) =>
            {
                Assert.Equal(!turn.After.SignedIn, turn.After.Status.Origin is Origin.Connection);
                if (!turn.After.SignedIn)
                    Assert.Equal(StandingStatus.NotConnected, turn.After.Status);
                Assert.Equal(!turn.After.SignedIn && stream.Any(e => e is AgentSignedIn), turn.After.Captured is not null);
            }
        );

    [Fact, Trait("Rule", Rules.Cap7)]
    public void Units_in_use_are_those_of_the_conversations_that_hold_capacity() =>
        ForEveryTurn(
            (turn, stream) =>
            {
                var open = turn.After.Conversations;
                Assert.Equal(open.Values.Where(c => c.HoldsCapacity).Sum(c => c.Work.Units), turn.After.UnitsUsed);
                foreach (var (id, conversation) in open)
                {
                    if (conversation.State is not ConversationState.WrapUp)
                        Assert.Equal(conversation.State is not ConversationState.Waiting, conversation.HoldsCapacity);
                    Assert.Equal(
                        conversation.BlockEndsAt is not null,
                        conversation is { State: ConversationState.WrapUp, HoldsCapacity: true, Work.WrapUp.Policy: WrapUpPolicy.Custom }
                    );
                    Assert.IsNotType<ConversationEnded>(
                        stream.OfType<ConversationEvent>().Last(e => e.ConversationId == id),
                        exactMatch: false
                    );
                }
            }
        );

    [
        Fact,
        Trait("Rule", Rules.Cap9),
        Trait("Rule", Rules.Man3),
        Trait("Rule", Rules.Not3),
        Trait("Rule", Rules.Not5),
        Trait("Rule", Rules.Con4)
    ]
    public void Capacity_changes_no_sticky_status_and_nobody_who_is_away() =>
        ForEveryHistory(history =>
        {
            foreach (var stream in World.Run(history).Streams.Values)
            foreach (var (version, change) in Changes(stream))
            {
                var rule = change.Rule!;
                var returned = stream[version - 1] is AgentSignedIn { Returned: true };
                if (rule.StartsWith("CAP-", StringComparison.Ordinal))
                {
                    Assert.Contains(change.To.StatusId, new[] { "available", "busy", "do-not-disturb" });
                    Assert.Equal(Origin.Capacity, change.To.Origin);
                    Assert.True(returned || (change.From.Origin is not Origin.Connection && !change.From.Sticky));
                    Assert.NotEqual(change.From.StatusId, change.To.StatusId);
                }
                if (change.From.IsOwnStickyWord)
                    Assert.Contains(rule, new[] { "MAN-1", "MAN-6", "SGN-4", "CON-3" });
                if (change.From.Origin is Origin.Notification)
                    Assert.Contains(rule, new[] { "MAN-1", "SGN-4", "CON-3", "NOT-1", "NOT-2", "NOT-4", "NOT-6" });
                if (change.From.Origin is Origin.Connection)
                    Assert.True(rule is "SGN-1" or "SGN-2" || returned);
                if (rule is "MAN-6")
                    Assert.True(
                        change.To.Origin is Origin.Capacity
                            && (
                                returned
                                || change.From.Until == change.OccurredAt
                                // The clock had gone back behind what came before (TIM-1).
                                || (change.From.Until < change.OccurredAt && stream[version - 1].OccurredAt == change.OccurredAt)
                            )
                    );
                if (change.To.StatusId is "inactive")
                    Assert.True(rule is "NOT-1" or "NOT-6" || (rule is "CON-4" && returned));
            }
        });

    [Fact, Trait("Rule", Rules.Cap9), Trait("Rule", Rules.Cap4), Trait("Rule", Rules.Cap8)]
    public void At_every_occasion_capacity_decides_as_it_is_written() =>
        ForEveryTurn(
            (turn, stream) =>
            {
                if (turn.Decision.Events is [])
                    return;
                var (status, rule) = CapacityAsWritten.Decide(turn.After, turn.Context.Configuration, stream);
                var last = turn.Decision.Events.LastOrDefault(e => e is not PresenceChanged { To.Origin: Origin.Capacity });
                var occasion =
                    last
                        is ConversationAccepted
                            or ConversationWaiting
                            or ConversationResumed
                            or WrapUpStarted
                            or WrapUpBlockEnded
                            or (ConversationEnded and not ConversationMissed and not ConversationRejected and not ConversationUndelivered)
                    || (last is CapacityReset reset && turn.After.Settings.Profiles.ContainsKey(reset.ProfileId));
                if (occasion && turn.After.SignedIn && !turn.After.Status.Sticky)
                    Assert.Equal(status, turn.After.Status.StatusId);
                if (turn.Decision.Events[^1] is PresenceChanged { Rule: "NOT-4" or "SGN-2", To.Origin: Origin.Capacity })
                    Assert.Equal(status, turn.After.Status.StatusId);
                if (turn.Decision.Events[^1] is PresenceChanged { Rule: var by } && by!.StartsWith("CAP-", StringComparison.Ordinal))
                    Assert.Equal((status, rule), (turn.After.Status.StatusId, by));
            }
        );

    [Fact, Trait("Rule", Rules.Not1), Trait("Rule", Rules.Not3), Trait("Rule", Rules.Not6), Trait("Rule", Rules.Not7)]
    public void So_many_misses_or_undelivered_offers_in_a_row_make_inactive_and_no_fewer() =>
        ForEveryTurn(
            (turn, stream) =>
            {
                var asked = turn.Decision.Events.Skip(turn.Decision.Due).ToList();
                if (asked is not [ConversationMissed or ConversationUndelivered, ..])
                    return;
                var policy = turn.Context.Configuration.Policy;
                var missed = asked[0] is ConversationMissed;
                var since = stream.Take(stream.Count - asked.Count + 1).Reverse().TakeWhile(e => !BeginsAnew(e));
                var inARow = since.Count(e => e.GetType() == asked[0].GetType());
                var limit = missed
                    ? policy.MissedNotificationSetsInactive
                        ? policy.MissedLimit
                        : 0
                    : policy.UndeliveredLimit;
                var before = turn.Decision.Events.Take(turn.Decision.Due).Aggregate(turn.Before, (agent, e) => agent.Evolve(e)).Status;
                var inactive = new StandingStatus("inactive", Statuses.BaseStatus.Away, Origin.Notification);
                var sets = limit > 0 && inARow >= limit && before.Origin is not Origin.Connection && !before.IsOwnStickyWord;
                Assert.Equal(sets ? inactive : before, turn.After.Status);
                Assert.Equal(sets && before != inactive ? [missed ? "NOT-1" : "NOT-6"] : [], asked.Skip(1).Select(e => e.Rule));
                if (asked[0] is ConversationUndelivered undelivered)
                    Assert.Equal(inARow, undelivered.InARow);
            }
        );

    private static bool BeginsAnew(AgentEvent e) =>
        e is ConversationAccepted or ConversationRejected or PresenceChanged { Rule: Rules.Man1 or Rules.Not4 };

    [Fact, Trait("Rule", Rules.Cap10), Trait("Rule", Rules.Trf1)]
    public void An_outbound_attempt_is_active_at_once_and_no_other_agent_gets_one() =>
        ForEveryHistory(history =>
        {
            foreach (var stream in World.Run(history).Streams.Values)
                for (var n = 0; n < stream.Count; n++)
                    if (stream[n] is ConversationAssigned { Work.IsOutbound: true } outbound)
                    {
                        Assert.Null(outbound.FromAgentId);
                        var accepted = Assert.IsType<ConversationAccepted>(stream[n + 1]);
                        Assert.Equal(
                            (outbound.ConversationId, outbound.OccurredAt, true),
                            (accepted.ConversationId, accepted.OccurredAt, accepted.Automatic)
                        );
                    }
        });

    [Fact, Trait("Rule", Rules.Wrp3), Trait("Rule", Rules.Con3), Trait("Rule", Rules.Cns2)]
    public void It_makes_no_difference_when_somebody_notices_what_was_due() =>
        ForEveryHistory(history =>
        {
            var world = World.Run(history);
            foreach (var agent in world.Agents.Values)
            {
                var context = world.ContextOf(agent.AgentId);
                var late = context with { Now = world.Now.AddHours(30) };
                Assert.Equal(Lines(AgentDecider.Decide(agent, new SettleDue(), late).Events), Lines(InTime(agent, context, late.Now)));
                Assert.All(
                    DueWork.Of(Settled(agent, late), late.Configuration, late.SignsOfLife, late.Calendar).Take(1),
                    next => Assert.True(next.At > late.Now || !agent.IsRegistered)
                );
            }

            static Agent Settled(Agent agent, AgentContext context) =>
                AgentDecider.Decide(agent, new SettleDue(), context).Events.Aggregate(agent, (a, e) => a.Evolve(e));

            static IEnumerable<AgentEvent> InTime(Agent agent, AgentContext context, DateTimeOffset until)
            {
                for (var now = context.Now; now < until; now += TimeSpan.FromMinutes(17))
                    foreach (var e in AgentDecider.Decide(agent, new SettleDue(), context with { Now = now }).Events)
                    {
                        agent = agent.Evolve(e);
                        yield return e;
                    }
                foreach (var e in AgentDecider.Decide(agent, new SettleDue(), context with { Now = until }).Events)
                    yield return e;
            }

            static IEnumerable<string> Lines(IEnumerable<AgentEvent> events) => events.Select(Story.Line);
        });

    [Fact, Trait("Rule", Rules.Man6)]
    public void A_manual_status_stands_until_its_instant_at_the_latest() =>
        ForEveryTurn(
            (turn, stream) =>
            {
                if (turn.Decision.Refusal is null)
                    Assert.False(turn.After.Status.Until <= turn.Context.Now && turn.Before.LastOccurredAt <= turn.Context.Now);
                if (turn.After.Status.Until is not { } until)
                    return;
                Assert.Equal(Origin.Manual, turn.After.Status.Origin);
                Assert.True(turn.After.SignedIn);
                Assert.Contains(
                    DueWork.Of(turn.After, turn.Context.Configuration, turn.Context.SignsOfLife, turn.Context.Calendar),
                    due => due is DueWork.ManualEnd && due.At == until
                );
            }
        );
}
