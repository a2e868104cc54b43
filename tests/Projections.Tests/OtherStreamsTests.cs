using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Projections.Tests;

/// <summary>Presence follows from agents and the configuration: what is in other streams is not even read.</summary>
public sealed class OtherStreamsTests
{
    private static readonly DateTimeOffset Time = new(2026, 3, 1, 10, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("seals")]
    [InlineData("something-else")]
    public async Task What_is_folded_out_of_the_log_passes_over_other_streams(string stream)
    {
        var e = new EventRecord(stream, 0, Guid.CreateVersion7(), "nobody-knows.v1", "[]", "[]", Time, Time, new byte[32]);

        // It would ask the database only for an agent.
        await new PresenceProjector("presence", Configuration.Initial).FoldAsync(null!, [new StoredEvent(e, new LogPosition(1))], default);

        Assert.False(StreamNames.HasPresence(stream));
        Assert.True(StreamNames.HasPresence(StreamNames.Configuration));
        Assert.True(StreamNames.HasPresence(StreamNames.Agent("ana")));
    }
}
