using System.Runtime.CompilerServices;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Queries.Historical;

/// <summary>Reads facts a batch ahead: while one is worked on, the next one is under way.</summary>
public static class FactsAhead
{
    private const int MostAgents = 50;

    /// <summary>The facts of so many agents and days are in memory at a time, and as many again under way.</summary>
    private const double AgentDays = 50 * 31;

    public static async IAsyncEnumerable<AgentRecord> ReadAsync(
        FactsSnapshot snapshot,
        IReadOnlyList<string> agents,
        FactsWindow window,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        // Where all of the past is looked through nobody knows how much that is.
        var atATime = window.KnownAt is not null ? 10 : (int)Math.Clamp(AgentDays / (window.To - window.From).TotalDays, 1, MostAgents);
        var batches = agents.Chunk(atATime).ToArray();
        Task<List<AgentRecord>>? next = null;
        try
        {
            for (var n = 0; n < batches.Length; n++)
            {
                var batch = await (next ?? ReadAsync(batches[n]));
                next = n + 1 < batches.Length ? ReadAsync(batches[n + 1]) : null;
                foreach (var record in batch)
                    yield return record;
            }
        }
        finally
        {
            // The connection is free only then.
            if (next is not null)
                await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        async Task<List<AgentRecord>> ReadAsync(string[] some)
        {
            var records = new List<AgentRecord>(some.Length);
            await foreach (var record in snapshot.ReadAsync(some, window, ct))
                records.Add(record);
            return records;
        }
    }
}
