using PresenceLedger.Domain.Access;

namespace PresenceLedger.Ledger.Events;

/// <summary>Why somebody did something; given, never required but for a forced release.</summary>
/// <param name="Code">A code of the caller's own.</param>
/// <param name="Text">Free text.</param>
public sealed record Reason(string? Code, string? Text);

/// <summary>Where an event came from (WHO-1): the envelope beside its data.</summary>
/// <param name="Actor">Who did it.</param>
/// <param name="CausationId">The command that caused it.</param>
/// <param name="CorrelationId">The interaction it belongs to: a trace id where the caller gave one.</param>
/// <param name="PolicyVersion">Version of the configuration that decided; -1 for the one everything begins with.</param>
/// <param name="Rule">The rule that made it.</param>
/// <param name="Client">The client the command came from.</param>
/// <param name="ConnectionId">The connection it came over.</param>
/// <param name="Reason">The reason given.</param>
public sealed record EventMetadata(
    Actor Actor,
    Guid CausationId,
    string CorrelationId,
    long PolicyVersion,
    string? Rule = null,
    string? Client = null,
    string? ConnectionId = null,
    Reason? Reason = null
);
