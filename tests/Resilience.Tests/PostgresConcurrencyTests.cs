using Npgsql;
using PresenceLedger.Ledger;
using PresenceLedger.Testing;
using Xunit.Abstractions;

namespace PresenceLedger.Resilience.Tests;

public sealed class PostgresConcurrencyTests(ITestOutputHelper output) : ConcurrencyTests(output)
{
    protected override Task<TestDatabase> OpenAsync() => TestPostgres.CreateDatabaseAsync();

    protected override async Task<List<EventRecord>> ReadAsync(TestDatabase database)
    {
        await using var source = NpgsqlDataSource.Create(database.SuperuserConnectionString);
        return await Audit.ReadAsync(source);
    }
}
