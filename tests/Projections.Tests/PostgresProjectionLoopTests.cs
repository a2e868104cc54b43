using PresenceLedger.Testing;

namespace PresenceLedger.Projections.Tests;

public sealed class PostgresProjectionLoopTests : ProjectionLoopTests
{
    protected override Task<TestDatabase> OpenAsync() => Node.CreateDatabaseAsync();
}
