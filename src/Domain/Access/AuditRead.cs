namespace PresenceLedger.Domain.Access;

/// <summary>Somebody read the audit of an agent who is somebody else: an event of the stream <c>access-{agentId}</c>.</summary>
/// <param name="What">What was read: <c>timeline</c>, <c>state</c> …</param>
/// <param name="From">Of which time on; null for the beginning, or where time does not matter.</param>
/// <param name="To">Until when; null for the end.</param>
/// <param name="Purpose">What for, where it was said.</param>
public sealed record AuditRead(string What, DateTimeOffset? From, DateTimeOffset? To, string? Purpose) : LedgerEvent;
