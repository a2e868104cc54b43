using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Projections.CurrentPresence;

/// <summary>Folds a page of the log into documents. Pure: it reads no clock and makes no ids, so a rebuild gives the same.</summary>
public sealed class PresenceFold(Configuration configuration, IReadOnlyDictionary<string, PresenceDocument> known)
{
    private readonly Dictionary<string, PresenceDocument> _changed = new(StringComparer.Ordinal);
    private readonly Dictionary<Handover, EventRecord?> _handovers = [];

    /// <summary>The configuration as of the last event.</summary>
    public Configuration Configuration { get; private set; } = configuration;

    /// <summary>When the policy last changed within the page; null where it did not.</summary>
    public DateTimeOffset? PolicyChangedAt { get; private set; }

    /// <summary>The documents that the page changed.</summary>
    public IReadOnlyCollection<PresenceDocument> Changed => _changed.Values;

    /// <summary>
    /// Transfers between agents (TRF-1) in the page: the second agent's half, of which the first one's is awaited; null where that
    /// came after it.
    /// </summary>
    public IReadOnlyDictionary<Handover, EventRecord?> Handovers => _handovers;

    /// <summary>The agents a page is about.</summary>
    public static string[] AgentsOf(IEnumerable<StoredEvent> page) =>
        [.. page.Select(e => StreamNames.AgentId(e.Record.Stream)).OfType<string>().Distinct(StringComparer.Ordinal)];

    /// <summary>One more event.</summary>
    /// <exception cref="InvalidDataException">It cannot be read, or does not fit what came before.</exception>
    public void Apply(EventRecord record)
    {
        if (!StreamNames.IsOfPresence(record.Stream))
            return;
        try
        {
            Fold(record);
        }
        catch (Exception e) when (e is not InvalidDataException)
        {
            throw new InvalidDataException($"{record.Stream}@{record.Version}: '{record.Type}' does not fit: {e.Message}", e);
        }
    }

    private void Fold(EventRecord record)
    {
        switch (WireNames.Read(record))
        {
            case ConfigurationEvent e:
                Configuration = Configuration.Evolve(e);
                PolicyChangedAt = e is PolicyChanged ? e.OccurredAt : PolicyChangedAt;
                break;
            case AgentEvent e:
                var agentId = StreamNames.AgentId(record.Stream)!;
                var before = _changed.GetValueOrDefault(agentId) ?? known.GetValueOrDefault(agentId);
                var agent = before?.Agent ?? Agent.Unknown(agentId);
                if (agent.Version >= record.Version)
                    return;
                if (agent.Version + 1 != record.Version)
                    throw new InvalidDataException($"{record.Stream}@{record.Version} came after version {agent.Version}.");
                var lastChange = e is PresenceChanged ? ChangeOf(record) : before?.LastChange;
                _changed[agentId] = PresenceDocument.Of(agent.Evolve(e), lastChange);
                if (e is ConversationAssigned { FromAgentId: { } from } assigned)
                    _handovers[new Handover(from, assigned.ConversationId, agentId)] = record;
                if (e is ConversationTransferred { ToAgentId: { } to } transferred)
                    _handovers[new Handover(agentId, transferred.ConversationId, to)] = null;
                break;
        }
    }

    /// <summary>A conversation on its way from one agent to another.</summary>
    public sealed record Handover(string FromAgentId, string ConversationId, string ToAgentId);

    private static LastChange ChangeOf(EventRecord record)
    {
        var metadata = LedgerJson.Read<EventMetadata>(record.Metadata);
        return new LastChange(metadata.Actor, metadata.Rule, metadata.Reason, record.OccurredAt);
    }
}
