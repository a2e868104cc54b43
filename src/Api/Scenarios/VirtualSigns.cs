using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Ledger.Agents;

namespace PresenceLedger.Api.Scenarios;

/// <summary>Signs of life in virtual time: connections send heartbeats by themselves until they lose their network or say that they close.</summary>
internal sealed class VirtualSigns : ISignsOfLife
{
    private readonly Dictionary<(string AgentId, string ConnectionId), DateTimeOffset> _silentSince = [];
    private readonly Dictionary<(string AgentId, string ConnectionId), DateTimeOffset> _heardAt = [];
    private DateTimeOffset _grantedAt = DateTimeOffset.MinValue;

    /// <summary>Its last sign of life is now; one that said it closes, and was not heard since, is silent already.</summary>
    public void Silence(string agentId, string connectionId, Connection connection, DateTimeOffset now)
    {
        if (!IsClosing((agentId, connectionId), connection))
            _silentSince[(agentId, connectionId)] = now;
    }

    /// <summary>The server restarts: every connection gets a full timeout (CON-8).</summary>
    public void Restart(DateTimeOffset now) => _grantedAt = now;

    public ValueTask<IReadOnlyDictionary<string, SignOfLife>> OfAsync(
        Agent agent,
        Policy policy,
        DateTimeOffset now,
        CancellationToken ct
    ) => ValueTask.FromResult(Of(agent, now));

    public IReadOnlyDictionary<string, SignOfLife> Of(Agent agent, DateTimeOffset now)
    {
        var signs = new Dictionary<string, SignOfLife>(agent.Connections.Count, StringComparer.Ordinal);
        foreach (var (id, connection) in agent.Connections)
        {
            var key = (agent.AgentId, id);
            var seen =
                _silentSince.TryGetValue(key, out var since) ? since
                : IsClosing(key, connection) ? connection.ClosingAt!.Value
                : now;
            signs[id] = new SignOfLife(seen, seen > _grantedAt ? seen : _grantedAt);
        }
        return signs;
    }

    public void Seen(string agentId, string connectionId, DateTimeOffset now)
    {
        _silentSince.Remove((agentId, connectionId));
        _heardAt[(agentId, connectionId)] = now;
    }

    public void Forget(string agentId, string connectionId)
    {
        _silentSince.Remove((agentId, connectionId));
        _heardAt.Remove((agentId, connectionId));
    }

    private bool IsClosing((string, string) key, Connection connection) =>
        connection.ClosingAt is { } closing && !(_heardAt.TryGetValue(key, out var heard) && heard > closing);
}
