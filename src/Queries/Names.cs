using Marten;
using PresenceLedger.Projections;

namespace PresenceLedger.Queries;

/// <summary>The names of agents in the directory.</summary>
public sealed class Names(IDocumentStore store)
{
    /// <summary>By agent; nothing of an agent without one.</summary>
    /// <param name="agents">Whose; null for all.</param>
    /// <param name="ct">Cancellation.</param>
    public async Task<IReadOnlyDictionary<string, string>> ReadAsync(IReadOnlyList<string>? agents, CancellationToken ct)
    {
        await using var session = store.QuerySession();
        var entries = agents is null
            ? await session.Query<DirectoryEntry>().Where(e => e.DisplayName != null).ToListAsync(ct)
            : await session.LoadManyAsync<DirectoryEntry>(ct, agents);
        return entries.Where(e => e.DisplayName is not null).ToDictionary(e => e.Id, e => e.DisplayName!, StringComparer.Ordinal);
    }
}
