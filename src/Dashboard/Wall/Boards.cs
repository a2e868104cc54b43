using Microsoft.Extensions.Hosting;
using NodaTime;
using PresenceLedger.Dashboard.Service;

namespace PresenceLedger.Dashboard.Wall;

/// <summary>The boards that walls look at: one for each range and time zone, from the first wall on until a while after the last.</summary>
public sealed class Boards(Door door, TimeProvider clock, IHostApplicationLifetime lifetime) : IAsyncDisposable
{
    /// <summary>So long does a board stay that nobody looks at: who reloads the page finds it as it was.</summary>
    private static readonly TimeSpan Stay = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();
    private readonly Dictionary<(string Range, string Zone), Shared> _boards = [];

    /// <summary>Begins to look at a board.</summary>
    /// <param name="range">One of <see cref="Ranges"/>.</param>
    /// <param name="zone">Where the day begins.</param>
    /// <param name="changed">Called when there is something new, on a thread of the pool; it is to return at once.</param>
    internal BoardWatch Watch(string range, DateTimeZone zone, EventHandler changed)
    {
        lock (_gate)
        {
            var key = (range, zone.Id);
            if (!_boards.TryGetValue(key, out var shared))
                _boards[key] = shared = new Shared(new Board(door, clock, range, zone, lifetime.ApplicationStopping));
            shared.Watches++;
            shared.Board.Changed += changed;
            return new BoardWatch(shared.Board, () => Leave(key, shared, changed));
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        Shared[] all;
        lock (_gate)
        {
            all = [.. _boards.Values];
            _boards.Clear();
        }
        foreach (var shared in all)
            await shared.Board.DisposeAsync();
    }

    private void Leave((string, string) key, Shared shared, EventHandler changed)
    {
        lock (_gate)
        {
            shared.Board.Changed -= changed;
            if (--shared.Watches == 0)
                _ = EndAsync(key, shared, ++shared.Ends);
        }
    }

    private async Task EndAsync((string, string) key, Shared shared, int end)
    {
        await Task.Delay(Stay, clock, lifetime.ApplicationStopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_gate)
        {
            // Somebody looks again, or did and has left since: that one ends it.
            if (shared.Watches > 0 || shared.Ends != end || !_boards.Remove(key))
                return;
        }
        await shared.Board.DisposeAsync();
    }

    private sealed class Shared(Board board)
    {
        public Board Board => board;
        public int Watches { get; set; }

        /// <summary>How often the last one left.</summary>
        public int Ends { get; set; }
    }
}

/// <summary>A look at a board, until it is disposed of.</summary>
internal sealed class BoardWatch(Board board, Action leave) : IDisposable
{
    private Action? _leave = leave;

    /// <summary>What the board knows now.</summary>
    public BoardState State => board.State;

    /// <inheritdoc />
    public void Dispose() => Interlocked.Exchange(ref _leave, null)?.Invoke();
}
