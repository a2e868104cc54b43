using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger;

namespace PresenceLedger.Simulation;

/// <summary>An agent's desk: the agent as the ledger has it, and what only the agent's own client knows.</summary>
public sealed class Desk(string agentId, int number)
{
    private readonly Dictionary<string, SignOfLife> _signs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, DateTimeOffset> _silentSince = new(StringComparer.Ordinal);

    public int Number { get; } = number;

    public string AgentId => Agent.AgentId;

    public string Stream { get; } = StreamNames.Agent(agentId);

    public Agent Agent { get; set; } = Agent.Unknown(agentId);

    /// <summary>Hash of the last event.</summary>
    public byte[] Hash { get; set; } = HashChain.Genesis;

    /// <summary>When the last event was recorded.</summary>
    public DateTimeOffset RecordedAt { get; set; } = DateTimeOffset.MinValue;

    /// <summary>When somebody is to look at what has become due; the past where nobody is.</summary>
    public DateTimeOffset LookAt { get; set; } = DateTimeOffset.MinValue;

    /// <summary>The agent's own connection.</summary>
    public string ConnectionId { get; set; } = "";

    public string Client { get; set; } = "desktop";

    /// <summary>From sign-in to going home, whatever the network does.</summary>
    public bool AtWork { get; set; }

    /// <summary>Finishes what is open and takes nothing new.</summary>
    public bool Leaving { get; set; }

    /// <summary>Conversations that somebody forgot to close.</summary>
    public HashSet<string> Stuck { get; } = new(StringComparer.Ordinal);

    /// <summary>Signed in, and the network carries what the agent does.</summary>
    public bool Reachable => Agent.Connections.ContainsKey(ConnectionId) && !_silentSince.ContainsKey(ConnectionId);

    /// <summary>Routing may assign something: by presence first, then by capacity.</summary>
    public bool TakesWork =>
        AtWork && !Leaving && Agent.Status.Base is Domain.Statuses.BaseStatus.Available or Domain.Statuses.BaseStatus.Busy;

    /// <summary>Something may become due by itself.</summary>
    public bool AwaitsSomething
    {
        get
        {
            if (_silentSince.Count > 0 || !Agent.DayCounts.IsEmpty || (Agent.Captured is not null && !Agent.Consults.IsEmpty))
                return true;
            foreach (var conversation in Agent.Conversations.Values)
                if (conversation.BlockEndsAt is not null)
                    return true;
            return false;
        }
    }

    /// <summary>The connection sends no more heartbeats.</summary>
    public void Silence(string connectionId, DateTimeOffset now) => _silentSince.TryAdd(connectionId, now);

    /// <summary>It is heard again, or gone for good.</summary>
    public void Heard(string connectionId) => _silentSince.Remove(connectionId);

    public bool IsSilent(string connectionId) => _silentSince.ContainsKey(connectionId);

    /// <summary>As the service would know them; the same object every time, current until the next call.</summary>
    public IReadOnlyDictionary<string, SignOfLife> Signs(DateTimeOffset now)
    {
        _signs.Clear();
        foreach (var id in Agent.Connections.Keys)
        {
            var seen = _silentSince.TryGetValue(id, out var since) ? since : now;
            _signs[id] = new SignOfLife(seen, seen);
        }
        return _signs;
    }

    /// <summary>Forgets what was silent of connections that are no more.</summary>
    public void Tidy()
    {
        if (_silentSince.Count > 0)
            foreach (var id in _silentSince.Keys.Where(id => !Agent.Connections.ContainsKey(id)).ToArray())
                _silentSince.Remove(id);
    }
}
