using PresenceLedger.Domain.Access;

namespace PresenceLedger.Ledger.Events;

/// <summary>A reason as an event has it: the text is kept beside the ledger (<see cref="Reasons.IReasonTexts"/>), where it can be erased.</summary>
/// <param name="Code">A code of the caller's own.</param>
/// <param name="Text">The text itself, in events from before it was kept beside.</param>
/// <param name="Digest">The digest of the text.</param>
public sealed record RecordedReason(string? Code, string? Text = null, string? Digest = null)
{
    /// <summary>A reason that is to be recorded; null where nothing of it is.</summary>
    internal static RecordedReason? Of(Reason? given, string? digest) =>
        given?.Code is null && digest is null ? null : new RecordedReason(given?.Code, Digest: digest);
}

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
    RecordedReason? Reason = null
);
