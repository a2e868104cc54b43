using PresenceLedger.Ledger.Tests.Log;
using PresenceLedger.Testing;
using PresenceLedger.Testing.EventStoreDb;

namespace PresenceLedger.Ledger.Tests.EventStoreDb;

/// <summary>
/// The log in EventStoreDB: at the server that <c>LEDGER_TEST_EVENTSTOREDB</c> names, else at the one in this process.
/// </summary>
public sealed class EventStoreDbLogTests : LogContract
{
    private TestDatabase _database = null!;
    private Node _node = null!;

    public override async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _database.DisposeAsync();
    }

    protected override async Task<ILog> OpenAsync()
    {
        // On a busy machine a thousand appends at once take longer than a user would wait.
        _database = await Node.CreateDatabaseAsync(await TestEventStore.StartAsync("&defaultDeadline=60000"));
        _node = await Node.StartAsync(_database, Clock);
        return _node.Log;
    }
}
