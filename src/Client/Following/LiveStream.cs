using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using PresenceLedger.Client.Http;

namespace PresenceLedger.Client.Following;

/// <summary>One stream of server-sent events, and what makes many of them one story.</summary>
internal sealed class LiveStream : IAsyncDisposable
{
    /// <summary>A snapshot of very many agents may be this long in the making.</summary>
    private static readonly TimeSpan Beginning = TimeSpan.FromSeconds(35);

    private readonly HttpResponseMessage _response;
    private readonly TimeSpan _silence;
    private readonly CancellationTokenSource _dead;
    private readonly IAsyncEnumerator<SseItem<byte[]>> _events;
    private bool _begun;

    private LiveStream(HttpResponseMessage response, Stream body, TimeSpan silence, TimeProvider clock, CancellationToken ct)
    {
        _response = response;
        _silence = silence;
        _dead = new CancellationTokenSource(Timeout.InfiniteTimeSpan, clock);
        _events = SseParser.Create(body, (_, data) => data.ToArray()).EnumerateAsync(_dead.Token).GetAsyncEnumerator(ct);
    }

    /// <summary>Follows from stream to stream until it is ended.</summary>
    public static async IAsyncEnumerable<StreamEvent> FollowAsync(
        Nodes nodes,
        FollowOptions options,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        var path = Path(options);
        var last = options.After;
        var backoff = new Backoff();
        while (true)
        {
            await using (var stream = await OpenAsync(nodes, path, last, options.Silence, ct))
            {
                var parts = new List<Presence>();
                while (await stream.NextAsync(ct) is { } e)
                {
                    backoff.Reset();
                    switch (e.EventType)
                    {
                        case "snapshot":
                            var part = Answer.Read<SnapshotBody>(e.Data);
                            parts.AddRange(part.Items);
                            if (part.More)
                                break;
                            last = part.Position;
                            yield return new Snapshot(part.Position, part.AsOf, parts);
                            parts = [];
                            break;
                        case "change":
                            var change = Answer.Read<ChangeBody>(e.Data);
                            last = change.Position;
                            yield return new Change(change.Position, change.Type, change.OccurredAt, Answer.Read<Presence>(e.Data));
                            break;
                        case "gap":
                            var gap = Answer.Read<GapBody>(e.Data);
                            yield return new Gap(gap.From, gap.To);
                            break;
                    }
                }
            }
            await Task.Delay(backoff.Next(), nodes.Clock, ct);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _events.DisposeAsync();
        _response.Dispose();
        _dead.Dispose();
    }

    private static async Task<LiveStream> OpenAsync(Nodes nodes, string path, string? last, TimeSpan? silence, CancellationToken ct)
    {
        silence ??= 3 * await HeartbeatIntervalAsync(nodes, ct);
        var ask = new Ask(HttpMethod.Get, path) { Headers = [("Accept", "text/event-stream"), ("Last-Event-ID", last)] };
        var response = await nodes.OpenAsync(ask, ct);
        return new LiveStream(response, await response.Content.ReadAsStreamAsync(ct), silence.Value, nodes.Clock, ct);
    }

    private static async Task<TimeSpan> HeartbeatIntervalAsync(Nodes nodes, CancellationToken ct)
    {
        var policy = await nodes.SendAsync(new Ask(HttpMethod.Get, "policy"), Nodes.ForEver, ct);
        return TimeSpan.FromSeconds(policy.Read<PolicyBody>().HeartbeatSeconds);
    }

    private static string Path(FollowOptions options)
    {
        var query = new List<string>(2);
        if (options.Agents is { } agents)
            query.Add(
                "agents=" + Uri.EscapeDataString(string.Join(',', agents.Select(id => id.Replace(",", "\\,", StringComparison.Ordinal))))
            );
        if (options.Queue is { } queue)
            query.Add("queue=" + Uri.EscapeDataString(queue));
        return query.Count == 0 ? "stream" : "stream?" + string.Join('&', query);
    }

    /// <summary>The next event, be it a heartbeat; null where the stream ended, broke off, or fell silent.</summary>
    private async Task<SseItem<byte[]>?> NextAsync(CancellationToken ct)
    {
        try
        {
            // Time that the reader takes is no silence.
            _dead.CancelAfter(_begun || _silence > Beginning ? _silence : Beginning);
            var more = await _events.MoveNextAsync();
            _begun = true;
            _dead.CancelAfter(Timeout.InfiniteTimeSpan);
            return more ? _events.Current : null;
        }
        catch (Exception e) when (e is IOException or HttpRequestException or OperationCanceledException)
        {
            ct.ThrowIfCancellationRequested();
            return null;
        }
    }

    private sealed record SnapshotBody(string Position, DateTimeOffset AsOf, bool More, IReadOnlyList<Presence> Items);

    private sealed record ChangeBody(string Position, string Type, DateTimeOffset OccurredAt);

    private sealed record GapBody(string From, string To);

    private sealed record PolicyBody(double HeartbeatSeconds);
}
