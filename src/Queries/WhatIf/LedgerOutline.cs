using Npgsql;
using PresenceLedger.Ledger;

namespace PresenceLedger.Queries.WhatIf;

/// <summary>Who is in a ledger, and from when until when it goes.</summary>
/// <param name="AgentIds">Every agent, in the order of their ids.</param>
/// <param name="First">When its first event took effect.</param>
/// <param name="Last">When its last event was recorded.</param>
public sealed record LedgerOutline(IReadOnlyList<string> AgentIds, DateTimeOffset First, DateTimeOffset Last)
{
    private const int PageSize = 5000;

    /// <summary>Looks at a ledger; null where it has no events.</summary>
    /// <param name="log">Its log.</param>
    /// <param name="database">The PostgreSQL that keeps it, which knows its streams; null for another store, whose events are all read.</param>
    /// <param name="ct">Cancellation.</param>
    public static async Task<LedgerOutline?> OfAsync(ILog log, NpgsqlDataSource? database, CancellationToken ct)
    {
        if (await log.ReadAllAsync(LogPosition.Start, 1, ct) is not [{ Record: var first }])
            return null;
        var (streams, last) = database is null ? await ScanAsync(log, ct) : await AskAsync(database, ct);
        var agents = streams.Select(StreamNames.AgentId).OfType<string>().Order(StringComparer.Ordinal);
        return new LedgerOutline([.. agents], first.OccurredAt, last);
    }

    private static async Task<(IEnumerable<string> Streams, DateTimeOffset Last)> AskAsync(NpgsqlDataSource database, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            select array(select * from ledger.streams('', null)), (select recorded_at from ledger.event order by position desc limit 1)
            """
        );
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        return (reader.GetFieldValue<string[]>(0), reader.GetFieldValue<DateTimeOffset>(1));
    }

    private static async Task<(IEnumerable<string> Streams, DateTimeOffset Last)> ScanAsync(ILog log, CancellationToken ct)
    {
        var streams = new HashSet<string>(StringComparer.Ordinal);
        var last = DateTimeOffset.MinValue;
        var position = LogPosition.Start;
        while (await log.ReadAllAsync(position, PageSize, ct) is { Count: > 0 } page)
        {
            foreach (var e in page)
                streams.Add(e.Record.Stream);
            (position, last) = (page[^1].Position, page[^1].Record.RecordedAt);
        }
        return (streams, last);
    }
}
