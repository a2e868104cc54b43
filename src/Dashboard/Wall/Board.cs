using System.Net;
using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Text.Json;
using System.Threading.Channels;
using NodaTime;
using PresenceLedger.Dashboard.Service;
using PresenceLedger.Domain.Access;

namespace PresenceLedger.Dashboard.Wall;

/// <summary>
/// All agents, live, for all walls of one range and time zone together: one stream of the service, however many look. What it tells is of
/// no one person; a wall shows it to whom the API would.
/// </summary>
internal sealed class Board : IAsyncDisposable
{
    /// <summary>Walls are told twice a second at most.</summary>
    private static readonly TimeSpan Round = TimeSpan.FromMilliseconds(500);

    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    /// <summary>Numbers of the last 24 hours grow old though nothing happens: so often they are read anew.</summary>
    private static readonly Duration Renewal = Duration.FromHours(1);

    private static readonly Actor Dashboard = new(Persona.Service, "dashboard");

    private readonly Door _door;
    private readonly TimeProvider _clock;
    private readonly string _range;
    private readonly DateTimeZone _zone;
    private readonly CancellationTokenSource _end;
    private readonly Channel<bool> _changes = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite }
    );
    private readonly Task _work;
    private volatile BoardState _state = BoardState.Empty;

    /// <summary>Begins to follow.</summary>
    public Board(Door door, TimeProvider clock, string range, DateTimeZone zone, CancellationToken stopping)
    {
        (_door, _clock, _range, _zone) = (door, clock, range, zone);
        _end = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        _work = Task.WhenAll(Task.Run(FollowAsync, CancellationToken.None), Task.Run(TellAsync, CancellationToken.None));
    }

    /// <summary>The state is another one; said to everybody on a thread of the pool, who are to return at once.</summary>
    public event EventHandler? Changed;

    /// <summary>What it knows.</summary>
    public BoardState State => _state;

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _end.Dispose();
    }

    private async Task FollowAsync()
    {
        var pause = ShortestPause;
        while (!_end.IsCancellationRequested)
        {
            Problem? problem = null;
            try
            {
                using var renewal = CancellationTokenSource.CreateLinkedTokenSource(_end.Token);
                await using var timer = _clock.CreateTimer(_ => renewal.Cancel(), null, UntilRenewal(), Timeout.InfiniteTimeSpan);
                try
                {
                    problem = await FollowAsync(renewal.Token);
                }
                catch (OperationCanceledException) when (renewal.IsCancellationRequested && !_end.IsCancellationRequested)
                {
                    continue;
                }
            }
            catch (Exception e) when (e is OperationCanceledException or HttpRequestException or IOException or JsonException)
            {
                // The service ended the stream, is stopping, or its database is away.
            }
            pause =
                _state.Hearing is Hearing.Live ? ShortestPause
                : pause * 2 < LongestPause ? pause * 2
                : LongestPause;
            Show(_state with { Hearing = Hearing.Broken, Problem = problem });
            await Task.Delay(pause, _clock, _end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Follows one stream to its end; the problem where there is none.</summary>
    private async Task<Problem?> FollowAsync(CancellationToken ct)
    {
        var path = LedgerApi.Path($"reports/real-time/agents/stream", [("range", _range), ("timeZone", _zone.Id)]);
        using var response = await _door.SendAsync(HttpMethod.Get, path, Dashboard, null, [], ct);
        if (response.StatusCode is not HttpStatusCode.OK)
            return await response.Content.ReadFromJsonAsync<Problem>(LedgerApi.Json, ct);
        await using var body = await response.Content.ReadAsStreamAsync(ct);
        // Who is in the report; the others that are known from before are no longer listed.
        HashSet<string>? listed = new(StringComparer.Ordinal);
        await foreach (var item in SseParser.Create(body, Read).EnumerateAsync(ct))
        {
            if (item.Data is not { } told)
                continue;
            if (item.EventType == "report")
                listed?.UnionWith(told.Items.Select(row => row.AgentId));
            var isWhole = listed is null || !told.More;
            var gone =
                item.EventType == "report" && isWhole && listed is not null
                    ? [.. _state.Rows.Select(row => row.AgentId).Except(listed, StringComparer.Ordinal)]
                    : told.Gone;
            if (isWhole)
                listed = null;
            Show(
                _state.With(told.Items, gone.ToHashSet(StringComparer.Ordinal), told.AsOf) with
                {
                    Hearing =
                        isWhole ? Hearing.Live
                        : _state.Hearing is Hearing.Live ? Hearing.Live
                        : Hearing.Beginning,
                    Problem = null,
                }
            );
        }
        return null;
    }

    // Report, rows and heartbeat have the same members, as far as they have any.
    private static Told? Read(string name, ReadOnlySpan<byte> data) =>
        name is "report" or "rows" or "heartbeat" ? JsonSerializer.Deserialize<Told>(data, LedgerApi.Json) : null;

    private void Show(BoardState state)
    {
        _state = state;
        _changes.Writer.TryWrite(true);
    }

    private async Task TellAsync()
    {
        await foreach (var _ in _changes.Reader.ReadAllAsync(_end.Token))
        {
            Changed?.Invoke(this, EventArgs.Empty);
            await Task.Delay(Round, _clock, _end.Token);
        }
    }

    // The numbers of today begin anew with the day; all others are renewed now and then.
    private TimeSpan UntilRenewal()
    {
        if (_range != Ranges.Today)
            return Renewal.ToTimeSpan();
        var now = Instant.FromDateTimeOffset(_clock.GetUtcNow());
        var tomorrow = _zone.AtStartOfDay(now.InZone(_zone).Date.PlusDays(1)).ToInstant();
        return (tomorrow - now).ToTimeSpan() + TimeSpan.FromSeconds(1);
    }

    private sealed record Told(DateTimeOffset AsOf)
    {
        public IReadOnlyList<AgentRow> Items { get; init; } = [];
        public IReadOnlyList<string> Gone { get; init; } = [];
        public bool More { get; init; }
    }
}

/// <summary>The ranges that the numbers of a wall are of, as the API calls them.</summary>
public static class Ranges
{
    public const string Today = "today";

    /// <summary>All of them; the first is the one unless another is chosen.</summary>
    public static IReadOnlyList<string> All { get; } = [Today, "last24h", "openBeyond24h"];
}
