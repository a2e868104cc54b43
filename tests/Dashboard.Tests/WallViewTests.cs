using PresenceLedger.Contracts;
using PresenceLedger.Dashboard.Wall;
using AgentRow = PresenceLedger.Dashboard.Wall.AgentRow;

namespace PresenceLedger.Dashboard.Tests;

/// <summary>What a wall makes of what its board is told.</summary>
public sealed class WallViewTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 5, 8, 0, 0, TimeSpan.Zero);
    private static readonly string[] Bases = ["available", "busy", "away", "offline"];

    public static TheoryData<string> Columns => [.. Column.All.Select(c => c.Key)];

    [Theory]
    [MemberData(nameof(Columns))]
    public void Changed_rows_are_put_where_sorting_all_anew_would_put_them(string column)
    {
        var random = new Random(7);
        var order = new WallOrder(Column.All.Single(c => c.Key == column), random.Next(2) == 0);
        var filter = new WallFilter(Queue: "q1", Tab: "online");
        var board = BoardState.Empty.With(Enumerable.Range(0, 300).Select(n => Row(random, n)), new HashSet<string>(), Start);
        var view = WallView.Of(board, filter, order);
        for (var round = 0; round < 30; round++)
        {
            var changed = Enumerable.Range(0, random.Next(12)).Select(_ => random.Next(320)).Distinct().Select(n => Row(random, n));
            var gone = Enumerable.Range(0, random.Next(3)).Select(_ => Id(random.Next(320))).ToHashSet();

            board = board.With(changed.ToArray(), gone, Start.AddSeconds(round));
            view = view.Next(board);

            Assert.Equal(WallView.Of(board, filter, order).Rows.Select(r => r.AgentId), view.Rows.Select(r => r.AgentId));
            Assert.Equal(board.Rows.Select(r => r.AgentId).Order(StringComparer.Ordinal), board.Rows.Select(r => r.AgentId));
        }
    }

    [Fact]
    public void Rows_that_did_not_change_are_the_same_objects()
    {
        var random = new Random(7);
        var before = BoardState.Empty.With(Enumerable.Range(0, 10).Select(n => Row(random, n)), new HashSet<string>(), Start);

        var after = before.With([Row(random, 3), Row(random, 99)], new HashSet<string> { Id(5) }, Start.AddSeconds(1));

        Assert.Equal([Id(3), Id(5), Id(99)], after.Since(before).Select(c => (c.Is ?? c.Was)!.AgentId));
        Assert.Same(before.Rows[0], after.Rows[0]);
    }

    [Fact]
    public void The_cards_count_whoever_is_looked_at_whatever_status_is_chosen()
    {
        var random = new Random(7);
        var rows = Enumerable.Range(0, 200).Select(n => Row(random, n)).ToArray();
        var board = BoardState.Empty.With(rows, new HashSet<string>(), Start);

        var counts = WallView.Of(board, new WallFilter(Queue: "q1", Base: "away", Tab: "online"), WallOrder.ByName).Counts;

        var inQueue = rows.Where(r => r.Queues.Contains("q1")).ToArray();
        Assert.Equal(inQueue.Length, counts.Agents);
        Assert.Equal(inQueue.Count(r => r.Base != "offline"), counts.Online);
        Assert.Equal(inQueue.Length, counts.ByStatus.Sum(s => s.Agents));
        Assert.Equal(["q0", "q1", "q2"], counts.Queues.AsEnumerable());
        Assert.All(counts.ByQueue, q => Assert.True(q.Agents > 0 && q.Routable <= q.Agents));
    }

    [Fact]
    public void An_address_says_all_that_is_chosen()
    {
        var address = new WallAddress(
            new WallFilter(
                "a b&c",
                "q1",
                "skill",
                "with-sessions",
                "lunch",
                "away",
                Stuck: true,
                AtCapacity: true,
                Routable: true,
                Conflicts: true
            ),
            new WallOrder(Column.All[2], Descending: true),
            "last24h"
        );

        Assert.Equal(address, WallAddress.Read("http://localhost" + address));
        Assert.Equal("/", WallAddress.Read("http://localhost/?tab=nothing&sort=nothing&range=nothing").ToString());
    }

    private static string Id(int n) => $"agent-{n}";

    private static AgentRow Row(Random random, int n)
    {
        var @base = Bases[random.Next(Bases.Length)];
        return new AgentRow
        {
            AgentId = Id(n),
            DisplayName = random.Next(3) == 0 ? null : "Name " + random.Next(50),
            StatusId = @base,
            StatusText = @base,
            Base = @base,
            Origin = "manual",
            Since = Start.AddSeconds(-random.Next(100)),
            SignedIn = @base != "offline",
            Units = new UnitUse(100, random.Next(100)),
            Routable = @base == "available",
            Conversations = new ConversationCounts(random.Next(2), random.Next(2), 0, 0),
            LoginSeconds = random.Next(1000),
            Conflicts = [.. Enumerable.Range(0, random.Next(3)).Select(c => new ConflictAnswer("c" + c, []))],
            Queues = [$"q{random.Next(2)}", "q2"],
            Skills = [new SkillBody("s" + random.Next(3), null)],
        };
    }
}
