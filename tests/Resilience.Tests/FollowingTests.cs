using System.Diagnostics;
using Npgsql;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Testing;
using Xunit.Abstractions;

namespace PresenceLedger.Resilience.Tests;

/// <summary>Two services on one database, one of them killed under load: who is connected stays so, and who follows misses nothing.</summary>
public sealed class FollowingTests(ITestOutputHelper output)
{
    private const string Administrator = "administrator:root";
    private const string Last = "the-last-agent";
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(12);

    private const int Agents = 60;
    private const int Clients = 16;
    private const int Commands = 5_000;

    [Fact]
    public async Task A_service_that_is_killed_is_nobodys_loss_and_streams_go_on_at_the_other_with_every_change_once()
    {
        await using var database = await TestPostgres.CreateDatabaseAsync();
        await using var first = await ServiceProcess.StartAsync(database.Arguments);
        await using var second = await ServiceProcess.StartAsync(database.Arguments);
        Uri Service(int n) => n % 2 == 0 ? first.Url : second.Url;
        using var client = new ServiceClient(first.Url);
        await DoneAsync(client.PutAsync("policy", new { heartbeatTimeout = Timeout.TotalSeconds, heartbeatSeconds = 1 }, Administrator));
        using var load = new Load(Service);
        await load.PrepareAsync(Agents, Clients);
        await using var source = NpgsqlDataSource.Create(database.SuperuserConnectionString);

        var followers = Enumerable.Range(0, 6).Select(n => FollowAsync(Service, n)).ToArray();
        await using (var beats = new Beats(Service, Enumerable.Range(0, Agents).Select(Load.AgentId), TimeSpan.FromSeconds(1)))
        {
            var running = load.RunAsync(Commands, Agents, Clients);
            while (load.Done < Commands / 3 && !running.IsCompleted)
                await Task.Delay(10);
            await second.StopAsync("KILL");
            var killedAt = Stopwatch.GetTimestamp();
            await running;
            // Whoever were to be lost by the kill would be by then.
            if (Timeout + TimeSpan.FromSeconds(2) - Stopwatch.GetElapsedTime(killedAt) is var left && left > TimeSpan.Zero)
                await Task.Delay(left);
            await DoneAsync(client.PutAsync("agents/" + Last, new { units = 1 }, Administrator));

            var changes = await ChangesAsync(source);
            foreach (var followed in await Task.WhenAll(followers))
            {
                Assert.Equal(changes.Where(at => at > followed.From), followed.Changes);
                output.WriteLine($"{followed.Changes.Count} changes, {followed.Streams} streams");
            }
            Assert.Contains(followers, f => f.Result.Streams > 1);
            Assert.Empty(await LossesAsync(source));
            Assert.True(beats.Answers[204] > Agents, "nobody beats");
        }

        // Now nobody is heard of any more: who is signed in is lost, once.
        var signedIn = await SignedInAsync(source);
        Assert.NotEmpty(signedIn);
        while ((await SignedInAsync(source)).Count > 0)
            await Task.Delay(100);
        Assert.Equal(signedIn, (await LossesAsync(source)).Select(loss => loss.Stream).Order(StringComparer.Ordinal));
    }

    /// <summary>What somebody was told who follows everybody and comes back, to the other service, when a stream ends.</summary>
    private static async Task<(LogPosition From, List<LogPosition> Changes, int Streams)> FollowAsync(Func<int, Uri> service, int n)
    {
        var from = LogPosition.Start;
        string? last = null;
        var changes = new List<LogPosition>();
        for (var streams = 1; ; streams++, n++)
            try
            {
                using var stream = await EventStreamClient.OpenAsync(service(n), lastEventId: last);
                if (last is null)
                {
                    await stream.SnapshotAsync();
                    last = stream.LastId!;
                    from = At(last);
                }
                while (await stream.ReadAsync() is { } e)
                {
                    if (e.Name is "gap" or "snapshot")
                        throw new InvalidOperationException($"Nothing of the kind was to come: {e}");
                    if (e.Name != "change")
                        continue;
                    last = e.Id!;
                    if (e.Data.GetProperty("type").GetString() == "presence-changed")
                        changes.Add(At(last));
                    if (e.Data.GetProperty("agentId").GetString() == Last)
                        return (from, changes, streams);
                }
            }
            catch (Exception e) when (e is HttpRequestException or IOException)
            {
                // The service is gone; the next one.
            }
    }

    /// <summary>The places of all changes of status, in order.</summary>
    private static async Task<List<LogPosition>> ChangesAsync(NpgsqlDataSource source)
    {
        await using var command = source.CreateCommand(
            "select position from ledger.event where type = 'presence-changed.v1' order by position"
        );
        var places = new List<LogPosition>();
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
            places.Add(new LogPosition(reader.GetInt64(0)));
        return places;
    }

    private static async Task<IReadOnlyList<EventRecord>> LossesAsync(NpgsqlDataSource source) =>
        [.. (await Audit.ReadAsync(source)).Where(r => r.Type == "connection-lost.v1")];

    /// <summary>The streams of agents who are signed in, by the ledger.</summary>
    private static async Task<IReadOnlyList<string>> SignedInAsync(NpgsqlDataSource source) =>
        [
            .. (await Audit.ReadAsync(source))
                .Where(r => r.Stream.StartsWith("agent-", StringComparison.Ordinal))
                .GroupBy(r => r.Stream, StringComparer.Ordinal)
                .Where(stream =>
                    stream.Aggregate(Agent.Unknown(stream.Key), (agent, r) => agent.Evolve((AgentEvent)WireNames.Read(r))).SignedIn
                )
                .Select(stream => stream.Key)
                .Order(StringComparer.Ordinal),
        ];

    private static LogPosition At(string id) =>
        LogPosition.TryParse(id, out var position) ? position : throw new FormatException($"'{id}' is no position.");

    private static async Task DoneAsync(Task<Answer> answer) => Assert.True((await answer).Status == 200, (await answer).ToString());
}
