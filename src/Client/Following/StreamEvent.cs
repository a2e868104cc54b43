namespace PresenceLedger.Client;

/// <summary>What a stream tells.</summary>
/// <param name="Position">Its place in the ledger: <see cref="FollowOptions.After"/> goes on from there.</param>
public abstract record StreamEvent(string Position);

/// <summary>How it is: what was known before no longer counts.</summary>
/// <param name="Position">As of which place in the ledger.</param>
/// <param name="AsOf">Up to which instant it is complete.</param>
/// <param name="Items">The presence of each agent that is followed.</param>
public sealed record Snapshot(string Position, DateTimeOffset AsOf, IReadOnlyList<Presence> Items) : StreamEvent(Position);

/// <summary>Something happened to an agent.</summary>
/// <param name="Position">Its place in the ledger.</param>
/// <param name="Type">The event, such as <c>presence-changed</c> or <c>conversation-accepted</c>.</param>
/// <param name="OccurredAt">When it took effect.</param>
/// <param name="Presence">The presence after it.</param>
public sealed record Change(string Position, string Type, DateTimeOffset OccurredAt, Presence Presence) : StreamEvent(Position);

/// <summary>More happened than can be told: a snapshot follows.</summary>
/// <param name="Position">After this place in the ledger; who goes on from there is told of the gap again.</param>
/// <param name="To">Up to this one.</param>
public sealed record Gap(string Position, string To) : StreamEvent(Position);
