using System.Globalization;

namespace PresenceLedger.Ledger.Tests.Log;

/// <summary>Events to append where it does not matter which; to streams of agents, for a log may keep no others.</summary>
internal static class Some
{
    public static readonly DateTimeOffset Time = new(2026, 3, 29, 1, 59, 59, 999, TimeSpan.Zero);

    public static string Stream(string name) => StreamNames.Agent(name);

    public static EventRecord Event(string name, long version, string data = "{}", Guid? id = null) =>
        new(
            Stream(name),
            version,
            id ?? Guid.CreateVersion7(),
            "something-happened.v1",
            data,
            """{"why":"ä \u0000 😀"}""",
            Time,
            Time.AddMilliseconds(1),
            [1, 2, 3]
        );

    public static StreamAppend Append(string name, long expectedVersion, int count = 1) =>
        new(Stream(name), expectedVersion, [.. Enumerable.Range(0, count).Select(n => Event(name, expectedVersion + 1 + n))]);

    public static Commit Commit(string name, long expectedVersion, int count = 1) => new([Append(name, expectedVersion, count)]);

    public static RecordedAnswer Answer(string key, DateTimeOffset at, string answer = "done") => new(key, [7, 8, 9], answer, at);

    public static string Name(string prefix, int n) => prefix + n.ToString("000", CultureInfo.InvariantCulture);
}
