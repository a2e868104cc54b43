using System.Collections.Concurrent;
using System.Diagnostics;

namespace PresenceLedger.Testing;

/// <summary>
/// Records the statements that the service sends to one database, as the driver's tracing tells them; but for its upkeep
/// (notifications, old answers), which comes when it comes.
/// </summary>
public sealed class Statements : IDisposable
{
    private static readonly string[] Upkeep = ["notify", "listen", "set ", "delete from ledger.answer"];

    private readonly ConcurrentQueue<string> _sent = new();
    private readonly ActivityListener _listener;

    public Statements(TestDatabase database)
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Npgsql",
            Sample = (ref _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity =>
            {
                var text = (activity.GetTagItem("db.query.text") ?? activity.GetTagItem("db.statement")) as string;
                if (text is null || Upkeep.Any(u => text.StartsWith(u, StringComparison.Ordinal)))
                    return;
                if (activity.TagObjects.Any(tag => tag.Value is string value && value.Contains(database.Name)))
                    _sent.Enqueue(text);
            },
        };
        ActivitySource.AddActivityListener(_listener);
    }

    public IReadOnlyList<string> Sent => [.. _sent];

    public void Clear() => _sent.Clear();

    public void Dispose() => _listener.Dispose();
}
