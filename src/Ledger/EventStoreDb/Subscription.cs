using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using PresenceLedger.Ledger.EventStoreDb.Wire;

namespace PresenceLedger.Ledger.EventStoreDb;

/// <summary>
/// A subscription to all streams of the ledger that goes on: when it ends, for whatever reason, another begins where it was,
/// after a pause that grows and is jittered; unless the log ends before that, as after a restore.
/// </summary>
internal sealed class Subscription(
    Cluster cluster,
    Func<LogPosition, ReadReq> request,
    Func<LogPosition, CancellationToken, Task> refuseIfPastEnd,
    RecordedEvents events,
    EventStoreDbSettings settings,
    ILogger logger
)
{
    private readonly Sparingly _sparingly = new(TimeProvider.System);
    private Channel<Signal> _signals = null!;
    private volatile Member? _reading;
    private long _heardAt;

    /// <summary>Whether the node that is read from says when the end of the log is reached.</summary>
    public bool SaysCaughtUp => _reading is not { SaysCaughtUp: false };

    /// <summary>How long nothing came, be it word of how far it is.</summary>
    public TimeSpan Silence => Stopwatch.GetElapsedTime(Volatile.Read(ref _heardAt));

    /// <summary>Runs until it is cancelled; then it ends without an error.</summary>
    /// <param name="after">Where to begin.</param>
    /// <param name="capacity">How many signals may wait to be read before the server is kept waiting.</param>
    /// <param name="ct">Cancellation.</param>
    public Task RunAsync(LogPosition after, int capacity, CancellationToken ct)
    {
        Heard();
        _signals = Channel.CreateBounded<Signal>(new BoundedChannelOptions(capacity) { SingleReader = true, SingleWriter = true });
        return Task.Run(() => PumpAsync(after, ct), CancellationToken.None);
    }

    /// <summary>Waits for a signal; false where none came in time.</summary>
    /// <exception cref="InvalidDataException">An event cannot be read.</exception>
    /// <exception cref="LogEndsBeforeException">The log has no such position.</exception>
    /// <exception cref="LedgerUnavailableException">The server refuses to be followed.</exception>
    public async Task<bool> NextAsync(TimeSpan atMost, CancellationToken ct)
    {
        try
        {
            var waiting = _signals.Reader.WaitToReadAsync(ct);
            return waiting.IsCompleted ? await waiting : await waiting.AsTask().WaitAsync(atMost, ct);
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>Takes a signal where one is there.</summary>
    public bool TryRead([NotNullWhen(true)] out Signal? signal) => _signals.Reader.TryRead(out signal);

    /// <summary>Leaves the node that is read from, which stands still, for another or a new connection.</summary>
    public void Restart() => _reading?.Dispose();

    private async Task PumpAsync(LogPosition after, CancellationToken ct)
    {
        var position = after;
        for (var attempt = 0; !ct.IsCancellationRequested; attempt++)
        {
            var began = false;
            try
            {
                if (attempt > 0)
                    await refuseIfPastEnd(position, ct);
                using var member = await cluster.ReaderAsync(ct);
                Heard();
                _reading = member;
                if (attempt > 0 && member.SaysCaughtUp)
                    await _signals.Writer.WriteAsync(new Signal(null, null, false), ct);
                await foreach (var answer in member.SubscribeAsync(request(position), ct))
                {
                    began = true;
                    Heard();
                    if (SignalOf(answer, position) is not { } signal)
                        continue;
                    position = signal.Position ?? position;
                    await _signals.Writer.WriteAsync(signal, ct);
                }
                logger.LogInformation("The server ended the subscription; it begins again where it was");
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                break;
            }
            catch (StoreException e) when (!e.Transient)
            {
                // Trying again does not help: whoever reads is told.
                _signals.Writer.TryComplete(
                    e.IsInvalidPosition
                        ? new LogEndsBeforeException(
                            $"The log has no position {position} that was read up to: it was restored, or is another one."
                        )
                        : new LedgerUnavailableException($"EventStoreDB cannot be followed: {e.Message}.", e)
                );
                return;
            }
            catch (StoreException e)
            {
                logger.Log(
                    (attempt == 0 || began) && _sparingly.Says(e.Message) ? LogLevel.Information : LogLevel.Debug,
                    "The subscription broke and begins again where it was: {Error}",
                    e.Message
                );
            }
            catch (LedgerUnavailableException e)
            {
                logger.LogDebug("The subscription cannot begin again yet: {Error}", e.Message);
            }
            catch (Exception e) when (e is InvalidDataException or LogEndsBeforeException)
            {
                // Not to be passed over: whoever reads is told.
                _signals.Writer.TryComplete(e);
                return;
            }
            if (began)
                attempt = 0;
            await Task.WhenAny(Task.Delay(LeaderCalls.Pause(settings.DiscoveryInterval, attempt), ct));
        }
        _signals.Writer.TryComplete();
    }

    private void Heard() => Volatile.Write(ref _heardAt, Stopwatch.GetTimestamp());

    private Signal? SignalOf(ReadResp answer, LogPosition position)
    {
        switch (answer.ContentCase)
        {
            case ReadResp.ContentOneofCase.Event:
                var stored = events.Read(answer.Event.Event);
                // What was there before the break is not told twice.
                return stored is null || stored.Position <= position ? null : new Signal(stored.Position, stored, null);
            case ReadResp.ContentOneofCase.Checkpoint:
                return RecordedEvents.PositionOf(answer.Checkpoint) is { } at && at > position ? new Signal(at, null, null) : null;
            case ReadResp.ContentOneofCase.CaughtUp:
                return new Signal(null, null, true);
            case ReadResp.ContentOneofCase.FellBehind:
                return new Signal(null, null, false);
            default:
                return null;
        }
    }

    /// <summary>What a subscription tells.</summary>
    /// <param name="Position">How far it is now; null where that has not changed.</param>
    /// <param name="Event">The next event.</param>
    /// <param name="CaughtUp">It reached the end of the log, or fell behind it.</param>
    internal sealed record Signal(LogPosition? Position, StoredEvent? Event, bool? CaughtUp);
}
