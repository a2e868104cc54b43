using PresenceLedger.Contracts;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.Reasons;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Queries;

/// <summary>A recorded reason that is to be shown.</summary>
/// <param name="AgentId">The agent in whose stream it is.</param>
/// <param name="Reason">The reason; null where none was given.</param>
/// <param name="OccurredAt">When its event took effect.</param>
public readonly record struct GivenReason(string AgentId, RecordedReason? Reason, DateTimeOffset OccurredAt)
{
    /// <summary>Why the status of an agent was set.</summary>
    public static GivenReason OfStatus(OpenFacts open) => new(open.Agent.AgentId, open.SetBy?.Reason, open.SetBy?.At ?? default);
}

/// <summary>Finds the texts of recorded reasons, all of an answer at once; where none has a text, nothing is asked.</summary>
/// <param name="texts">Where they are kept; null where that is not known.</param>
/// <param name="erasedAt">When an agent was last erased; null where nobody did.</param>
public sealed class Reasons(IReasonTexts? texts, Func<string, CancellationToken, Task<DateTimeOffset?>> erasedAt)
{
    private static readonly IReadOnlyDictionary<string, ReasonText> Nothing = new Dictionary<string, ReasonText>();

    /// <summary>Reads what is needed to show some reasons.</summary>
    public async Task<ReasonsRead> ReadAsync(IEnumerable<GivenReason> reasons, CancellationToken ct)
    {
        var given = reasons.Where(r => r.Reason is { Digest: not null } or { Text: not null }).ToArray();
        var digests = given.Select(r => r.Reason!.Digest).OfType<string>().ToHashSet(StringComparer.Ordinal);
        var found = texts is null || digests.Count == 0 ? Nothing : await texts.FindAsync(digests, ct);
        // Whether somebody was erased is asked only of those whose text is not there as it was given, or is within the event.
        var erased = new Dictionary<string, DateTimeOffset>(StringComparer.Ordinal);
        foreach (
            var agentId in given
                .Where(r =>
                    r.Reason!.Digest is not { } digest || (texts is not null && found.GetValueOrDefault(digest) is not { Holds: true })
                )
                .Select(r => r.AgentId)
                .Distinct(StringComparer.Ordinal)
        )
            if (await erasedAt(agentId, ct) is { } at)
                erased.Add(agentId, at);
        return new ReasonsRead(texts is null ? null : found, erased);
    }
}

/// <summary>Reasons with their texts.</summary>
/// <param name="texts">By digest; null where nobody knows where they are.</param>
/// <param name="erasedAt">
/// Agents who were erased, and when. Texts that were given by then are gone, or are within the events, where they cannot be taken out, and are
/// not shown.
/// </param>
public sealed class ReasonsRead(IReadOnlyDictionary<string, ReasonText>? texts, IReadOnlyDictionary<string, DateTimeOffset> erasedAt)
{
    /// <summary>A reason as it is shown.</summary>
    public ReasonAnswer? Of(GivenReason given) =>
        given.Reason switch
        {
            null => null,
            { Digest: not null } when texts is null => new ReasonAnswer(given.Reason.Code, null),
            { Digest: { } digest } => texts.GetValueOrDefault(digest) switch
            {
                { Holds: true } text => new ReasonAnswer(given.Reason.Code, text.Text),
                _ when IsErased(given) => new ReasonAnswer(given.Reason.Code, null) { Erased = true },
                null => new ReasonAnswer(given.Reason.Code, null) { Missing = true },
                _ => new ReasonAnswer(given.Reason.Code, null) { Changed = true },
            },
            { Text: not null } when IsErased(given) => new ReasonAnswer(given.Reason.Code, null) { Erased = true },
            var reason => new ReasonAnswer(reason.Code, reason.Text),
        };

    // Instants never go back in a stream: what is not later than the erasure came before it.
    private bool IsErased(GivenReason given) => erasedAt.TryGetValue(given.AgentId, out var at) && given.OccurredAt <= at;
}
