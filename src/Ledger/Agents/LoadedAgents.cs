using Microsoft.Extensions.Caching.Memory;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Ledger.Agents;

/// <summary>
/// Agents as this node has them in memory: loaded from a kept state and the events after it, and moved on with what comes. Commands of one
/// agent queue here.
/// </summary>
internal sealed class LoadedAgents(ILog log, IKeptStates keptStates) : IDisposable
{
    private const int PageSize = 1000;
    private const int Most = 200_000;

    private readonly MemoryCache _cache = new(new MemoryCacheOptions { SizeLimit = Most });
    private readonly StripedLocks _locks = new(1024);
    private readonly Lock _keeping = new();

    /// <summary>Waits until nobody else on this node changes these agents; dispose to let others.</summary>
    public ValueTask<StripedLocks.Held> EnterAsync(string[] agentIds, CancellationToken ct) => _locks.EnterAsync(agentIds, ct);

    /// <summary>What is in memory of an agent; null where nothing is.</summary>
    public KeptState? Find(string agentId) => _cache.TryGetValue(agentId, out KeptState? cached) ? cached : null;

    /// <summary>Drops what is in memory of an agent, which may be behind the log.</summary>
    public void Forget(string agentId) => _cache.Remove(agentId);

    /// <summary>The agent from memory, else as the log has it.</summary>
    public async Task<KeptState> LoadAsync(string agentId, CancellationToken ct) =>
        Find(agentId) ?? await RefreshAsync(await KeptAsync(agentId, long.MaxValue, ct) ?? KeptState.Unknown(agentId), ct);

    /// <summary>The agent as the log has it now.</summary>
    /// <param name="known">The agent as it is known.</param>
    /// <param name="ct">Cancellation.</param>
    public async Task<KeptState> RefreshAsync(KeptState known, CancellationToken ct)
    {
        var stream = StreamNames.Agent(known.Agent.AgentId);
        while (true)
        {
            var page = await log.ReadStreamAsync(stream, known.Agent.Version + 1, PageSize, ct);
            if (page.Count > 0)
                known = known.After([.. page.Select(e => (AgentEvent)WireNames.Read(e.Record))], [.. page.Select(e => e.Record)]);
            if (page.Count < PageSize)
                break;
        }
        return Keep(known);
    }

    /// <summary>Keeps an agent in memory, unless a newer state is there; the newer one of the two.</summary>
    public KeptState Keep(KeptState state)
    {
        // Who follows the log keeps states as well, and may be behind a command: what is in memory never goes back.
        lock (_keeping)
            return Find(state.Agent.AgentId) is { } newest && newest.Agent.Version > state.Agent.Version
                ? newest
                : _cache.Set(state.Agent.AgentId, state, new MemoryCacheEntryOptions { Size = 1 });
    }

    /// <summary>The agent after some events that follow each other, or later.</summary>
    public async ValueTask<KeptState> AfterAsync(string agentId, IReadOnlyList<EventRecord> events, CancellationToken ct)
    {
        var known = Find(agentId) ?? (events[0].Version == 0 ? KeptState.Unknown(agentId) : await LoadAsync(agentId, ct));
        if (known.Agent.Version >= events[^1].Version)
            return known;
        if (known.Agent.Version < events[0].Version - 1)
            return await RefreshAsync(known, ct);
        EventRecord[] missing = [.. events.Where(e => e.Version > known.Agent.Version)];
        return Keep(known.After([.. missing.Select(e => (AgentEvent)WireNames.Read(e))], missing));
    }

    /// <summary>The agent as of a version that the log has; -1 for before the first event.</summary>
    /// <exception cref="InvalidDataException">The log has no such version.</exception>
    public async Task<Agent> AtAsync(string agentId, long version, CancellationToken ct)
    {
        if (Find(agentId) is { } known && known.Agent.Version == version)
            return known.Agent;
        var agent = (await KeptAsync(agentId, version, ct))?.Agent ?? Agent.Unknown(agentId);
        while (agent.Version < version)
        {
            var count = (int)Math.Min(PageSize, version - agent.Version);
            var page = await log.ReadStreamAsync(StreamNames.Agent(agentId), agent.Version + 1, count, ct);
            if (page.Count == 0)
                throw new InvalidDataException($"The log has no version {version} of agent '{agentId}'.");
            agent = page.Aggregate(agent, (a, e) => a.Evolve((AgentEvent)WireNames.Read(e.Record)));
        }
        return agent;
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _cache.Dispose();
        _locks.Dispose();
    }

    /// <summary>
    /// The newest kept state up to a version, unless it is of another log: one that was restored to an older state has not the event that it
    /// was kept after.
    /// </summary>
    private async Task<KeptState?> KeptAsync(string agentId, long version, CancellationToken ct) =>
        version >= KeptState.Interval
        && await keptStates.NewestAsync(agentId, version, ct) is { } kept
        && await log.ReadStreamAsync(StreamNames.Agent(agentId), kept.Agent.Version, 1, ct) is [var e]
        && e.Record.Hash.AsSpan().SequenceEqual(kept.Hash)
            ? kept
            : null;
}
