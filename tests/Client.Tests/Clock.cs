using System.Threading.Channels;
using Microsoft.Extensions.Time.Testing;

namespace PresenceLedger.Client.Tests;

/// <summary>Time that passes when the test says so, and that knows who waits.</summary>
public sealed class Clock : FakeTimeProvider
{
    private readonly Channel<TimeSpan> _timers = Channel.CreateUnbounded<TimeSpan>();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = base.CreateTimer(callback, state, dueTime, period);
        _timers.Writer.TryWrite(dueTime);
        return timer;
    }

    /// <summary>Waits until the client waits before it tries again, and lets that time pass; says how much it was.</summary>
    public async Task<TimeSpan> PassAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (true)
        {
            var due = await _timers.Reader.ReadAsync(patience.Token);
            // The limit of an attempt is a timer, too.
            if (due < TimeSpan.Zero || due == new PresenceLedgerOptions().AttemptTimeout)
                continue;
            Advance(due);
            return due;
        }
    }
}
