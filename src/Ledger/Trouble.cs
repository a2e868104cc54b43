using Microsoft.Extensions.Logging;

namespace PresenceLedger.Ledger;

/// <summary>
/// Something that goes wrong again and again, such as a full disk: it is logged once, then once a minute with how often it was, and once when
/// it is over. A log full of the same line hides every other, and fills the disk that is full.
/// </summary>
/// <param name="logger">Where it is told.</param>
/// <param name="clock">The time.</param>
/// <param name="level">How bad it is.</param>
public sealed class Trouble(ILogger logger, TimeProvider clock, LogLevel level = LogLevel.Warning)
{
    private static readonly TimeSpan Between = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private bool _isOn;
    private long _toldAt;
    private long _untold;

    /// <summary>It went wrong.</summary>
    /// <param name="what">What is to be told.</param>
    public void Is(string what)
    {
        long untold;
        lock (_lock)
        {
            if (_isOn && clock.GetElapsedTime(_toldAt) < Between)
            {
                _untold++;
                return;
            }
            untold = _untold;
            (_isOn, _toldAt, _untold) = (true, clock.GetTimestamp(), 0);
        }
        if (untold == 0)
            logger.Log(level, "{What}", what);
        else
            logger.Log(level, "{What} (and {Times} times more since this was last told)", what, untold);
    }

    /// <summary>It went right.</summary>
    /// <param name="what">What is to be told where it went wrong before.</param>
    public void IsOver(string what)
    {
        // Most of the time there is none.
        if (!Volatile.Read(ref _isOn))
            return;
        long untold;
        lock (_lock)
        {
            if (!_isOn)
                return;
            untold = _untold;
            (_isOn, _untold) = (false, 0);
        }
        if (untold == 0)
            logger.Log(level, "{What}", what);
        else
            logger.Log(level, "{What} ({Times} more failures were not told)", what, untold);
    }
}
