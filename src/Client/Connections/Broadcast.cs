using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace PresenceLedger.Client.Connections;

/// <summary>Tells everybody who listens. Who is slow loses the oldest of what waits, never the newest.</summary>
internal sealed class Broadcast<T>
{
    private const int Waiting = 256;

    private readonly Lock _lock = new();
    private readonly HashSet<Channel<T>> _listeners = [];
    private bool _ended;

    public void Tell(T value)
    {
        lock (_lock)
            foreach (var listener in _listeners)
                listener.Writer.TryWrite(value);
    }

    /// <summary>There will be nothing more.</summary>
    public void End()
    {
        lock (_lock)
        {
            _ended = true;
            foreach (var listener in _listeners)
                listener.Writer.TryComplete();
        }
    }

    /// <summary>How it is, then what is told from here on.</summary>
    public async IAsyncEnumerable<T> ListenAsync(Func<T> present, [EnumeratorCancellation] CancellationToken ct)
    {
        var listener = Channel.CreateBounded<T>(new BoundedChannelOptions(Waiting) { FullMode = BoundedChannelFullMode.DropOldest });
        lock (_lock)
        {
            _listeners.Add(listener);
            if (_ended)
                listener.Writer.TryComplete();
        }
        try
        {
            yield return present();
            await foreach (var value in listener.Reader.ReadAllAsync(ct))
                yield return value;
        }
        finally
        {
            lock (_lock)
                _listeners.Remove(listener);
        }
    }
}
