using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Projections.CurrentPresence;

/// <summary>Folds a page of the log into documents. Pure: it reads no clock and makes no ids, so a rebuild gives the same.</summary>
public sealed class PresenceFold(Configuration configuration, IReadOnlyDictionary<string, PresenceDocument> known)
{
    private readonly Dictionary<string, PresenceDocument> _changed = new(StringComparer.Ordinal);

    /// <summary>The configuration as of the last event.</summary>
    public Configuration Configuration { get; private set; } = configuration;

    /// <summary>The documents that the page changed.</summary>
    public IReadOnlyCollection<PresenceDocument> Changed => _changed.Values;

    /// <summary>The agents a page is about.</summary>
    public static string[] AgentsOf(IEnumerable<StoredEvent> page) =>
        [.. page.Select(e => StreamNames.AgentId(e.Record.Stream)).OfType<string>().Distinct(StringComparer.Ordinal)];

    /// <summary>One more event.</summary>
    /// <exception cref="InvalidDataException">It cannot be read, or does not fit what came before.</exception>
    public void Apply(EventRecord record)
    {
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
        if (!StreamNames.HasPresence(record.Stream))
            return;
        switch (WireNames.Read(record))
        {
            case ConfigurationEvent e:
                Configuration = Configuration.Evolve(e);
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
                break;
        }
    }

    /// <summary>Who made a status stand, and why.</summary>
    internal static LastChange ChangeOf(EventRecord record)
    {
        var metadata = LedgerJson.Read<EventMetadata>(record.Metadata);
        return new LastChange(metadata.Actor, metadata.Rule, metadata.Reason, record.OccurredAt);
    }
}
