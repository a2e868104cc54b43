using Npgsql;
using PresenceLedger.Api.Http;
using PresenceLedger.Contracts;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Clock;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Projections;
using PresenceLedger.Projections.Presence;
using PresenceLedger.Queries;

namespace PresenceLedger.Api.Live;

/// <summary>
/// Presence as server-sent events (docs/live.md): a snapshot, then every change after it once and in order. The id of an event is its
/// place in the ledger; who comes back with the last one, to whichever node, goes on after it.
/// </summary>
internal static class LiveStream
{
    /// <summary>Where it is.</summary>
    public const string FullPath = "/api/v1" + Path;

    private const string Path = "/stream";
    private const int SnapshotPage = 200;
    private const int MostAgents = 1_000;

    /// <summary>So long is waited for a read side that is behind.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    /// <summary>So long may the telling of a snapshot take: it holds a connection to the database.</summary>
    private static readonly TimeSpan LongestSnapshot = TimeSpan.FromSeconds(30);

    /// <summary>So long does a service that stops wait for a reader to take what waits.</summary>
    private static readonly TimeSpan LongestEnd = TimeSpan.FromSeconds(2);

    private static readonly SemaphoreSlim Snapshots = new(4);

    private static readonly string Sql = $"""
        select c.position, c.prepare, c.as_of, p.state::text
        from (select * from {ReadSide.Schema}.read_model where {PresenceModel.Checkpoint}) c
        left join {PresenceModel.Agents} p
            on (@agents::text[] is null or p.agent_id = any (@agents))
            and (@queue::text is null or p.queues @> array[@queue])
        order by p.agent_id
        """;

    public static void Map(RouteGroupBuilder api) =>
        api.MapGet(Path, GetAsync)
            .WithMetadata(new ReadsYourWrites())
            .WithTags("Queries")
            .WithSummary("Presence live, as server-sent events: a snapshot, then each change; Last-Event-ID goes on where it was.")
            .Produces<string>(contentType: "text/event-stream")
            .ProducesProblems(400, 503);

    private static async Task<IResult> GetAsync(
        HttpContext http,
        PresenceFeed feed,
        NpgsqlDataSource database,
        ReadPosition position,
        ConfigurationStream configuration,
        IHostApplicationLifetime lifetime,
        TimeProvider clock,
        [QueryList] string? agents,
        string? queue
    )
    {
        var filter = new Filter(QueryLists.Identifiers(http, "agents", MostAgents), QueryValues.Id(queue, "queue"));
        LogPosition? last = null;
        var lastId = http.Request.Headers["Last-Event-ID"].ToString();
        if (lastId.Length > 0)
        {
            if (!LogPosition.TryParse(lastId, out var id))
                throw new InvalidQueryException("Last-Event-ID", "must be the id of an event of this stream");
            last = id;
        }

        await ReadPositionHeaders.WaitAsync(http);
        if (http.IsHead())
            return EventStreamWriter.Empty(http);
        using var follower = await feed.FollowAsync(filter, http.RequestAborted);
        // What comes before what is live: what was missed, or else how it is.
        var missed = last is { } seen ? await feed.MissedAsync(seen, follower, http.RequestAborted) : null;
        if (missed is null && !await position.WaitAsync(read => read.Position >= follower.From, Longest, http.RequestAborted))
            throw new BehindException();

        using var end = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
        await using var stopping = lifetime.ApplicationStopping.Register(() => end.CancelAfter(LongestEnd));
        var to = new EventStreamWriter(http, end.Token);
        await to.StartAsync();
        try
        {
            var told = missed is null ? await TellSnapshotAsync() : last!.Value;
            foreach (var change in missed ?? [])
                await TellAsync(change);
            await to.FlushAsync();
            while (await follower.Waiting.WaitToReadAsync(http.RequestAborted))
            {
                while (follower.Waiting.TryRead(out var change))
                    if (change is null)
                        to.WriteJson("heartbeat", "{}"u8);
                    else
                        await TellAsync(change);
                await to.FlushAsync();
            }
            await to.DropAsync(follower.Dropped!);

            async ValueTask TellAsync(Change change)
            {
                if (change.Position <= told)
                    return;
                told = change.Position;
                to.WriteJson("change", change.Json, told);
                if (to.IsFull)
                    await to.FlushAsync();
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or TimeoutException or NpgsqlException)
        {
            // The reader went, or takes nothing any more; or the database did, and the client comes again.
            http.Abort();
        }
        return Results.Empty;

        async Task<LogPosition> TellSnapshotAsync()
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(end.Token);
            patience.CancelAfter(LongestSnapshot);
            await Snapshots.WaitAsync(patience.Token);
            try
            {
                await using var command = database.CreateCommand(Sql);
                command.Parameters.Add(new NpgsqlParameter<string[]?>("agents", filter.Agents?.ToArray()));
                command.Parameters.Add(new NpgsqlParameter<string?>("queue", filter.Queue));
                var items = new List<PresenceAnswer>();
                var (at, asOf) = (LogPosition.Start, DateTimeOffset.MinValue);
                await using var reader = await command.ExecuteReaderAsync(patience.Token);
                while (await reader.ReadAsync(patience.Token))
                {
                    at = new LogPosition(reader.GetInt64(0), reader.GetInt64(1));
                    if (asOf == DateTimeOffset.MinValue && last is not null)
                        to.Write("gap", new Gap(lastId, at.ToString()));
                    asOf = clock.NotAfterNow(reader.GetFieldValue<DateTimeOffset>(2));
                    if (items.Count == SnapshotPage)
                        await TellPartAsync(more: true);
                    if (!await reader.IsDBNullAsync(3, patience.Token))
                        items.Add(PresenceAnswer.Of(LedgerJson.Read<OpenFacts>(reader.GetString(3)).Agent, configuration.Current));
                }
                await TellPartAsync(more: false);
                return at;

                async Task TellPartAsync(bool more)
                {
                    to.Write("snapshot", new Snapshot(at.ToString(), asOf, more, items), more ? null : at);
                    items.Clear();
                    await to.FlushAsync();
                    patience.Token.ThrowIfCancellationRequested();
                }
            }
            finally
            {
                Snapshots.Release();
            }
        }
    }
}
