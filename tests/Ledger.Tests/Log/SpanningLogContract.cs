namespace PresenceLedger.Ledger.Tests.Log;

/// <summary>What a log keeps to beside, that can append to several streams at once.</summary>
public abstract class SpanningLogContract : LogContract
{
    [Theory]
    [InlineData(5, -1)]
    [InlineData(-1, 5)]
    public async Task A_commit_over_two_streams_is_appended_whole_or_not_at_all(long expectedOfA, long expectedOfB)
    {
        Assert.Equal(AppendVerdict.Conflict, await AppendAsync(new Commit([Some.Append("a", expectedOfA), Some.Append("b", expectedOfB)])));
        Assert.Empty(await ReadAsync("a"));
        Assert.Empty(await ReadAsync("b"));

        Assert.Equal(AppendVerdict.Appended, await AppendAsync(new Commit([Some.Append("a", -1), Some.Append("b", -1)])));
        Assert.Single(await ReadAsync("a"));
        Assert.Single(await ReadAsync("b"));
    }

    [Fact]
    public async Task A_commit_of_which_only_a_part_is_there_is_a_conflict()
    {
        var first = Some.Append("a", -1);
        await AppendAsync(new Commit([first]));

        Assert.Equal(AppendVerdict.Conflict, await AppendAsync(new Commit([first, Some.Append("b", -1)])));

        Assert.Empty(await ReadAsync("b"));
    }

    [Fact]
    public async Task A_commit_may_have_many_streams()
    {
        var names = Enumerable.Range(0, 200).Select(n => Some.Name("s", n)).Reverse().ToArray();

        await AppendAsync(new Commit([.. names.Select(name => Some.Append(name, -1, count: 2))]));

        Assert.Equal(
            names.SelectMany(name => new[] { Some.Stream(name), Some.Stream(name) }),
            (await AllAsync()).Select(e => e.Record.Stream)
        );
    }

    [Fact]
    public async Task A_retry_over_several_streams_has_succeeded_and_writes_nothing()
    {
        var commit = new Commit([Some.Append("a", -1, count: 2), Some.Append("b", -1)]);
        var first = await Log.AppendAsync(commit);

        Assert.Equal(first, await Log.AppendAsync(commit));

        Assert.Equal(2, (await ReadAsync("a")).Count);
        Assert.Single(await ReadAsync("b"));
    }
}
