using Microsoft.Extensions.Logging;

namespace PresenceLedger.Ledger.Tests;

/// <summary>What goes wrong again and again is logged once, then once a minute, and once when it is over.</summary>
public sealed class TroubleTests
{
    private readonly Minutes _clock = new();
    private readonly Lines _lines = new();

    [Fact]
    public void It_is_told_once_then_once_a_minute_with_how_often_and_once_when_it_is_over()
    {
        var trouble = new Trouble(_lines, _clock);
        trouble.IsOver("well");
        for (var n = 0; n < 100; n++)
            trouble.Is("full");
        Assert.Equal(["full"], _lines.Told);

        _clock.Passed++;
        trouble.Is("full");
        trouble.Is("full");
        Assert.Equal(["full", "full (and 99 times more since this was last told)"], _lines.Told);

        trouble.IsOver("well");
        trouble.IsOver("well");
        Assert.Equal("well (1 more failures were not told)", _lines.Told[^1]);
        Assert.Equal(3, _lines.Told.Count);

        trouble.Is("full");
        Assert.Equal("full", _lines.Told[^1]);
    }

    /// <summary>A clock whose minutes pass when they are told to.</summary>
    private sealed class Minutes : TimeProvider
    {
        public long Passed { get; set; }

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => 60 * Passed;
    }

    private sealed class Lines : ILogger
    {
        public List<string> Told { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        ) => Told.Add(formatter(state, exception));
    }
}
