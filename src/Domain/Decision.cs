using System.Collections.Immutable;

namespace PresenceLedger.Domain;

/// <summary>What a decider answers: events (none for a no-op), or a refusal; never both.</summary>
/// <typeparam name="TEvent">The family of events.</typeparam>
/// <param name="Events">What happened, in order; empty for a no-op.</param>
/// <param name="Refusal">Why not; null where the command was accepted.</param>
public sealed record Decision<TEvent>(ImmutableArray<TEvent> Events, Refusal? Refusal)
    where TEvent : LedgerEvent
{
    /// <summary>
    /// How many of the first events became due by themselves before the command (losses, wrap-up ends, end-of-day resets):
    /// theirs is the actor <c>system</c>, not the caller.
    /// </summary>
    public int Due { get; init; }
}
