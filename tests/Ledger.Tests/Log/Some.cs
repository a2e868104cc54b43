using System.Globalization;

namespace PresenceLedger.Ledger.Tests.Log;

/// <summary>Events to append where it does not matter which.</summary>
internal static class Some
{
    public static readonly DateTimeOffset Time = new(2026, 3, 29, 1, 59, 59, 999, TimeSpan.Zero);

    public static EventRecord Event(string stream, long version, string data = "{}", Guid? id = null) =>
        new(
            stream,
            version,
            id ?? Guid.CreateVersion7(),
            "something-happened.v1",
            data,
            """{"why":"ä \u0000 😀"}""",
            Time,
            Time.AddMilliseconds(1),
            [1, 2, 3]
        );

    public static StreamAppend Append(string stream, long expectedVersion, int count = 1) =>
        new(stream, expectedVersion, [.. Enumerable.Range(0, count).Select(n => Event(stream, expectedVersion + 1 + n))]);

    public static Commit Commit(string stream, long expectedVersion, int count = 1) => new([Append(stream, expectedVersion, count)]);

    public static RecordedAnswer Answer(string key, DateTimeOffset at, string answer = "done") => new(key, [7, 8, 9], answer, at);

    public static string Name(string prefix, int n) => prefix + n.ToString("000", CultureInfo.InvariantCulture);
}
