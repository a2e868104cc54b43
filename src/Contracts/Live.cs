using PresenceLedger.Domain.Access;

namespace PresenceLedger.Contracts;

/// <summary>Presences as of a place in the ledger, or a part of them.</summary>
/// <param name="Position">The place.</param>
/// <param name="AsOf">The instant up to which they are complete.</param>
/// <param name="More">Further parts follow.</param>
/// <param name="Items">The presences.</param>
public sealed record Snapshot(string Position, DateTimeOffset AsOf, bool More, IReadOnlyList<PresenceAnswer> Items);

/// <summary>What happened between two places is not told.</summary>
public sealed record Gap(string From, string To);

/// <summary>Sign in, or come back.</summary>
/// <param name="AgentId">Who; may be left out by an agent.</param>
/// <param name="ConnectionId">The connection that comes back; made up where left out.</param>
/// <param name="Client">What the client calls itself.</param>
/// <param name="Reason">Why.</param>
public sealed record HubSignIn(string? AgentId = null, string? ConnectionId = null, string? Client = null, Reason? Reason = null);

/// <summary>A manual change.</summary>
/// <param name="StatusId">The status to set.</param>
/// <param name="Reason">Why.</param>
/// <param name="IfMatch">The version it was decided on.</param>
/// <param name="Until">Until when it stands (MAN-6).</param>
public sealed record HubSetPresence(string? StatusId = null, Reason? Reason = null, long? IfMatch = null, DateTimeOffset? Until = null);
