using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Domain.WhatIf;

namespace PresenceLedger.Domain.Tests.WhatIf;

/// <summary>Which changes of presence would have been other.</summary>
public class TransitionTests
{
    private static PresenceChanged Change(int second, string to, string rule = "CAP-1") =>
        new(StandingStatus.NotConnected, new StandingStatus(to, BaseStatus.Available, Origin.Capacity), null, null)
        {
            OccurredAt = Story.Start.AddSeconds(second),
            Rule = rule,
        };

    private static string[] Between(PresenceChanged[] recorded, PresenceChanged[] other) =>
        [
            .. OtherTransition
                .Between(recorded, other)
                .Select(t => $"{(t.At - Story.Start).TotalSeconds} {t.Recorded?.To.StatusId ?? "-"} {t.Other?.To.StatusId ?? "-"}"),
        ];

    [Fact]
    public void What_is_the_same_is_none() => Assert.Empty(Between([Change(1, "a"), Change(1, "b")], [Change(1, "a"), Change(1, "b")]));

    [Fact]
    public void One_at_the_same_instant_is_compared_and_one_at_another_stands_alone() =>
        Assert.Equal(
            ["1 a b", "2 c -", "3 - c", "5 x -"],
            Between([Change(1, "a"), Change(2, "c"), Change(4, "d"), Change(5, "x")], [Change(1, "b"), Change(3, "c"), Change(4, "d")])
        );

    [Fact]
    public void Several_of_an_instant_are_told_without_what_they_have_in_common() =>
        Assert.Equal(["1 b -"], Between([Change(1, "a"), Change(1, "b"), Change(1, "c")], [Change(1, "a"), Change(1, "c")]));

    [Fact]
    public void Another_rule_is_another_change() => Assert.Equal(["1 a a"], Between([Change(1, "a")], [Change(1, "a", "CAP-2")]));
}
