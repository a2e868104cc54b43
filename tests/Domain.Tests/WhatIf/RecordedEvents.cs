using System.Text.Json;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.WhatIf;

namespace PresenceLedger.Domain.Tests.WhatIf;

/// <summary>Decisions as a ledger has them.</summary>
internal static class RecordedEvents
{
    private static readonly JsonSerializerOptions Canonical = new() { IncludeFields = true };

    /// <summary>The events of a decision; what became due by itself has another cause than the command.</summary>
    public static IEnumerable<RecordedEvent> Of(Decision<AgentEvent> decision, DateTimeOffset now, Configuration configuration)
    {
        var (due, command) = (Guid.NewGuid(), Guid.NewGuid());
        return decision.Events.Select(
            (e, n) => new RecordedEvent(e, now, configuration.Version, n < decision.Due ? due : command, n < decision.Due)
        );
    }

    /// <summary>All of an event.</summary>
    public static string Line(AgentEvent e) =>
        $"{e.OccurredAt:O} {e.GetType().Name} {e.Rule} {JsonSerializer.Serialize(e, e.GetType(), Canonical)}";
}
