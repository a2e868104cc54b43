using System.Text.Json;
using Npgsql;
using PresenceLedger.Api.Http;
using PresenceLedger.Api.Live;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Ledger;
using PresenceLedger.Projections;
using PresenceLedger.Queries;
using PresenceLedger.Queries.Historical;
using PresenceLedger.Queries.RealTime;

namespace PresenceLedger.Api.Reports.RealTime;

/// <summary>
/// The real-time report as server-sent events (docs/real-time.md): the report, then the rows that changed, who is no longer listed, and
/// the summary. Rows carry since when they are so; nothing is sent because time passes.
/// </summary>
internal static class RealTimeStream
{
    /// <summary>Where it is.</summary>
    public const string FullPath = "/api/v1" + Path;

    private const string Path = RealTimeEndpoints.Path + "/stream";
    private const int RowsAtOnce = 500;

    /// <summary>Rows and summary: four messages a second at most.</summary>
    private static readonly TimeSpan Round = TimeSpan.FromMilliseconds(500);

    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    /// <summary>So long does a service that stops wait for a reader to take what waits.</summary>
    private static readonly TimeSpan LongestEnd = TimeSpan.FromSeconds(2);

    private static readonly SemaphoreSlim Looks = new(4);

    public static void Map(RouteGroupBuilder api) =>
        api.MapGet(Path, GetAsync)
            .Allow(actor => Permissions.CheckReport(actor))
            .WithMetadata(new ReadsYourWrites())
            .WithTags("Reports")
            .WithSummary("The real-time agents report live, as server-sent events: the report, then rows that change, and the summary.")
            .Produces<string>(contentType: "text/event-stream")
            .ProducesProblems(400, 403, 503);

    private static async Task<IResult> GetAsync(
        HttpContext http,
        [AsParameters] RealTimeParameters asked,
        RealTimeAgents agents,
        PresenceFeed feed,
        ReportLedger ledger,
        ReadPosition position,
        IHostApplicationLifetime lifetime,
        TimeProvider clock
    )
    {
        var query = asked.Bind(http);
        var ct = http.RequestAborted;
        await ReadPositionHeaders.WaitAsync(http);
        if (http.IsHead())
            return EventStreamWriter.Empty(http);
        using var follower = await feed.FollowAsync(new Filter(null, null), ct);
        if (!await position.WaitAsync(read => read.Position >= follower.From, Longest, ct))
            throw new BehindException();
        await ledger.BeginAsync(ct);

        using var end = CancellationTokenSource.CreateLinkedTokenSource(ct);
        await using var stopping = lifetime.ApplicationStopping.Register(() => end.CancelAfter(LongestEnd));
        var to = new EventStreamWriter(http, end.Token);
        await to.StartAsync();
        try
        {
            await new Telling(query, agents, to).RunAsync(follower, position, clock, ct);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or TimeoutException or NpgsqlException)
        {
            // The reader went, or takes nothing any more; or the database did, and the client comes again.
            http.Abort();
        }
        return Results.Empty;
    }

    /// <summary>What one reader was told, and what it is to be told next.</summary>
    private sealed class Telling(RealTimeQuery query, RealTimeAgents agents, EventStreamWriter to)
    {
        // Agents who are listed with the reader, each with its flags: those come about without an event of its own.
        private readonly Dictionary<string, string> _told = new(StringComparer.Ordinal);
        private readonly HashSet<string> _changed = new(StringComparer.Ordinal);
        private LogPosition _upTo;
        private DateTimeOffset _asOf;
        private bool _isToBeat;
        private byte[] _summary = [];

        public async Task RunAsync(Follower follower, ReadPosition position, TimeProvider clock, CancellationToken ct)
        {
            _upTo = follower.From;
            while (await TellAsync("report", ct)) { }
            var toldAt = clock.GetTimestamp();
            while (await follower.Waiting.WaitToReadAsync(ct))
            {
                var isDue = Take();
                // A burst is told at once, in one message; it must not fill what may wait meanwhile.
                while (clock.GetElapsedTime(toldAt) < Round && !follower.Ended.IsCancellationRequested)
                {
                    await Task.Delay(Glance, clock, ct);
                    isDue |= Take();
                }
                if (isDue && await position.WaitAsync(read => read.Position >= _upTo, Longest, ct))
                {
                    toldAt = clock.GetTimestamp();
                    while (await TellAsync("rows", ct)) { }
                }
                // After what there was to tell: so it says how far that goes.
                if (_isToBeat)
                    to.Write("heartbeat", new Heartbeat(_asOf));
                _isToBeat = false;
                await to.FlushAsync();
            }
            await to.DropAsync(follower.Dropped!);

            // What waits; true where something is to be looked at, which a heartbeat is the occasion for, too.
            bool Take()
            {
                var any = false;
                while (follower.Waiting.TryRead(out var change))
                {
                    any = true;
                    if (change is null)
                        _isToBeat = true;
                    else
                    {
                        _changed.Add(change.AgentId);
                        _upTo = change.Position > _upTo ? change.Position : _upTo;
                    }
                }
                return any;
            }
        }

        /// <summary>Tells of what changed; true where there is more.</summary>
        private async Task<bool> TellAsync(string name, CancellationToken ct)
        {
            List<Standing> due = [];
            Look look;
            await Looks.WaitAsync(ct);
            try
            {
                look = await agents.LookAsync(
                    query,
                    listed =>
                    {
                        due = [.. listed.Where(IsDue).Take(RowsAtOnce + 1)];
                        return [.. due.Take(RowsAtOnce).Select(agent => agent.AgentId)];
                    },
                    ct
                );
            }
            finally
            {
                Looks.Release();
            }
            _asOf = look.Read.AsOf;
            var more = due.Count > RowsAtOnce;
            foreach (var agent in due.Take(RowsAtOnce))
            {
                _told[agent.AgentId] = FlagsOf(agent);
                _changed.Remove(agent.AgentId);
            }
            var listed = look.Listed.Select(agent => agent.AgentId).ToHashSet(StringComparer.Ordinal);
            string[] gone = [.. _told.Keys.Where(id => !listed.Contains(id)).Order(StringComparer.Ordinal)];
            foreach (var id in gone)
                _told.Remove(id);
            // Of those who are not listed nothing is to be told.
            if (!more)
                _changed.Clear();

            if (name == "report")
                to.Write(name, look.Answer(query) with { More = more }, more ? null : look.Read.Position);
            else if (look.Rows.Count > 0 || gone.Length > 0)
                to.Write(name, new RowsChanged(look.Read.AsOf, look.Rows, gone), look.Read.Position);
            var summary = JsonSerializer.SerializeToUtf8Bytes(look.Summary, WireJson.Options);
            if (name != "report" && !summary.AsSpan().SequenceEqual(_summary))
                to.Write("summary", new SummaryChanged(look.Read.AsOf, look.Summary), look.Read.Position);
            _summary = summary;
            await to.FlushAsync();
            return more;
        }

        private bool IsDue(Standing agent) =>
            _changed.Contains(agent.AgentId) || !_told.TryGetValue(agent.AgentId, out var flags) || flags != FlagsOf(agent);

        private static string FlagsOf(Standing agent) =>
            string.Join(
                '\n',
                agent
                    .Flagged.Select(f => $"{f.Flag} {f.ConversationId}")
                    .Concat(agent.Conflicts.Select(c => $"{c.ConversationId} {string.Join('\t', c.Others)}"))
            );
    }
}
