using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger.Agents;

namespace PresenceLedger.Scenarios;

/// <summary>Signs of life in virtual time: connections send heartbeats by themselves until they lose their network or say that they close.</summary>
internal sealed class VirtualSigns : ISignsOfLife
{
    private readonly Dictionary<(string AgentId, string ConnectionId), DateTimeOffset> _silentSince = [];
    private readonly Dictionary<(string AgentId, string ConnectionId), DateTimeOffset> _heardAt = [];
    private readonly List<Outage> _outages = [];

    /// <summary>Its last sign of life is now; one that said it closes, and was not heard since, is silent already.</summary>
    public void Silence(string agentId, string connectionId, Connection connection, DateTimeOffset now)
    {
        if (!IsClosing((agentId, connectionId), connection))
            _silentSince[(agentId, connectionId)] = now;
    }

    /// <summary>The server restarts: every connection gets a full timeout (CON-8).</summary>
    public void Restart(DateTimeOffset now) => _outages.Add(new Outage(now, now));

    /// <summary>It is heard; what was due has been settled, so that it came in time.</summary>
    public void Heard(string agentId, string connectionId, DateTimeOffset now)
    {
        _silentSince.Remove((agentId, connectionId));
        _heardAt[(agentId, connectionId)] = now;
    }

    public ValueTask<Heard> OfAsync(Agent agent, Configuration configuration, DateTimeOffset now, bool wait, CancellationToken ct) =>
        ValueTask.FromResult(new Heard(Of(agent, configuration, now), now));

    public IReadOnlyDictionary<string, SignOfLife> Of(Agent agent, Configuration configuration, DateTimeOffset now)
    {
        var signs = new Dictionary<string, SignOfLife>(agent.Connections.Count, StringComparer.Ordinal);
        foreach (var (id, connection) in agent.Connections)
        {
            var key = (agent.AgentId, id);
            var seen =
                _silentSince.TryGetValue(key, out var since) ? since
                : IsClosing(key, connection) ? connection.ClosingAt!.Value
                : now;
            signs[id] = DueWork.SignOf(connection, seen, _outages, configuration);
        }
        return signs;
    }

    // Steps say themselves what is heard.
    public void Arrived(string agentId, string connectionId, DateTimeOffset at) { }

    public void Decided(string agentId, string connectionId, DateTimeOffset at) { }

    public void Opened(string agentId, string connectionId, DateTimeOffset at) => Heard(agentId, connectionId, at);

    public void Closing(string agentId, string connectionId, DateTimeOffset at) { }

    public void Forget(string agentId, string connectionId)
    {
        _silentSince.Remove((agentId, connectionId));
        _heardAt.Remove((agentId, connectionId));
    }

    private bool IsClosing((string, string) key, Connection connection) =>
        connection.ClosingAt is { } closing && !(_heardAt.TryGetValue(key, out var heard) && heard > closing);
}
