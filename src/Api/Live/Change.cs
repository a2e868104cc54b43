using System.Text.Json;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Queries;

namespace PresenceLedger.Api.Live;

/// <summary>A change of what the presence of an agent shows, as it is pushed.</summary>
/// <param name="before">The agent before it.</param>
/// <param name="after">The agent after it.</param>
/// <param name="stored">The event that made it so.</param>
/// <param name="configuration">Statuses, profiles and policy.</param>
internal sealed class Change(Agent before, Agent after, StoredEvent stored, Configuration configuration)
{
    private byte[]? _json;

    /// <summary>Its place in the ledger.</summary>
    public LogPosition Position => stored.Position;

    /// <summary>Whose presence it is.</summary>
    public string AgentId => after.AgentId;

    /// <summary>The agent's queues, those before it included.</summary>
    public IEnumerable<string> Queues => before.Settings.Queues.Concat(after.Settings.Queues);

    /// <summary>The presence after it, with what made it so.</summary>
    public PresenceAnswer Presence =>
        PresenceAnswer.Of(after, configuration) with
        {
            Position = stored.Position.ToString(),
            Type = WireNames.Short(stored.Record.Type),
            OccurredAt = stored.Record.OccurredAt,
        };

    /// <summary>What is sent, UTF-8; made for the first who wants it, and once.</summary>
    public byte[] Json => _json ??= JsonSerializer.SerializeToUtf8Bytes(Presence, WireJson.Options);
}
