using PresenceLedger.Ledger.EventStoreDb;

namespace PresenceLedger.Testing.EventStoreDb;

/// <summary>
/// The EventStoreDB of a test: the server that <c>LEDGER_TEST_EVENTSTOREDB</c> names, where the test has the streams under a
/// prefix of its own for itself; else one in this process.
/// </summary>
public sealed class TestEventStore : IAsyncDisposable
{
    private const int Foreign = 5000;

    private readonly FakeEventStore? _own;

    private TestEventStore(FakeEventStore? own, string connectionString, string prefix)
    {
        _own = own;
        ConnectionString = connectionString;
        Prefix = prefix;
    }

    /// <summary>The server that the environment names; null where it names none.</summary>
    public static string? Named => Environment.GetEnvironmentVariable("LEDGER_TEST_EVENTSTOREDB") is { Length: > 0 } named ? named : null;

    public string ConnectionString { get; }

    public string Prefix { get; }

    public EventStoreDbChoice Choice => new(EventStoreDbSettings.Parse(ConnectionString), Prefix);

    /// <summary>What makes the service keep its log there.</summary>
    public string[] Arguments =>
        ["--Ledger:Store", "EventStoreDb", "--Ledger:EventStoreDb", ConnectionString, "--Ledger:StreamPrefix", Prefix];

    /// <summary>The server that is named for the tests, or one in this process.</summary>
    /// <param name="options">Of the connection string, where it is the server in this process.</param>
    public static async Task<TestEventStore> StartAsync(string options = "")
    {
        if (Named is { } named)
            return new TestEventStore(null, named, $"test-{Guid.NewGuid():N}-");
        var own = await FakeEventStore.StartAsync();
        // As on a server that was used before, or is shared: nothing may depend on an empty one.
        own.AddForeign(Foreign);
        return Of(own, options);
    }

    /// <summary>The server in this process, for what only that can be told to do; it is gone with the test's.</summary>
    public static TestEventStore Of(FakeEventStore own, string options = "") => new(own, own.ConnectionString + options, "");

    public ValueTask DisposeAsync() => _own?.DisposeAsync() ?? ValueTask.CompletedTask;
}
