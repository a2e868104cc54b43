using Microsoft.Extensions.Logging;

namespace PresenceLedger.Projections.Tests;

/// <summary>Counts warnings and errors.</summary>
internal sealed class Complaints : ILogger<ProjectionLoop>
{
    private int _count;

    public int Count => Volatile.Read(ref _count);

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter
    )
    {
        if (logLevel >= LogLevel.Warning)
            Interlocked.Increment(ref _count);
    }
}
