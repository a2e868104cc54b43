using PresenceLedger.Ledger.InMemory;

namespace PresenceLedger.Ledger.Tests.Log;

public sealed class InMemoryLogTests : SpanningLogContract
{
    public override Task DisposeAsync() => Task.CompletedTask;

    protected override Task<ILog> OpenAsync() => Task.FromResult<ILog>(new InMemoryLog(Clock));
}
