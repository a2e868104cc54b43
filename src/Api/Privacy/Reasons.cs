using System.Text.Json.Serialization;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.Reasons;

namespace PresenceLedger.Api.Privacy;

/// <summary>A reason as it is shown.</summary>
public sealed record ReasonAnswer(string? Code, string? Text)
{
    /// <summary>There was a text, and it is gone; left out where not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Erased { get; init; }
}

/// <summary>Finds the texts of recorded reasons, all of an answer at once; where none has a text, nothing is asked.</summary>
/// <param name="texts">Where they are kept; null where that is not known.</param>
/// <param name="isErased">Whether an agent was erased.</param>
internal sealed class Reasons(IReasonTexts? texts, Func<string, CancellationToken, Task<bool>> isErased)
{
    private static readonly IReadOnlyDictionary<string, string> Nothing = new Dictionary<string, string>();

    /// <summary>Reads what is needed to show some reasons, each with the agent in whose stream it is.</summary>
    public async Task<ReasonsRead> ReadAsync(IEnumerable<(string AgentId, RecordedReason? Reason)> reasons, CancellationToken ct)
    {
        var digests = new HashSet<string>(StringComparer.Ordinal);
        var withTextsInside = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (agentId, reason) in reasons)
        {
            if (reason?.Digest is { } digest)
                digests.Add(digest);
            if (reason?.Text is not null)
                withTextsInside.Add(agentId);
        }
        var erased = new HashSet<string>(StringComparer.Ordinal);
        foreach (var agentId in withTextsInside)
            if (await isErased(agentId, ct))
                erased.Add(agentId);
        if (texts is null)
            return new ReasonsRead(null, erased);
        return new ReasonsRead(digests.Count == 0 ? Nothing : await texts.FindAsync(digests, ct), erased);
    }
}

/// <summary>Reasons with their texts.</summary>
/// <param name="texts">By digest; null where nobody knows where they are.</param>
/// <param name="erased">Agents who were erased, whose texts may be within the events, where they cannot be taken out: those are not shown.</param>
internal sealed class ReasonsRead(IReadOnlyDictionary<string, string>? texts, IReadOnlySet<string> erased)
{
    /// <summary>A reason as it is shown.</summary>
    public ReasonAnswer? Of(string agentId, RecordedReason? reason) =>
        reason switch
        {
            null => null,
            { Digest: not null } when texts is null => new ReasonAnswer(reason.Code, null),
            { Digest: { } digest } => new ReasonAnswer(reason.Code, texts.GetValueOrDefault(digest))
            {
                Erased = !texts.ContainsKey(digest),
            },
            { Text: not null } when erased.Contains(agentId) => new ReasonAnswer(reason.Code, null) { Erased = true },
            _ => new ReasonAnswer(reason.Code, reason.Text),
        };
}
