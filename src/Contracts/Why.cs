using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Contracts;

/// <summary>Why an agent was what it was at an instant.</summary>
/// <param name="AgentId">The agent.</param>
/// <param name="At">The instant.</param>
/// <param name="StatusId">The status; null where the agent was not registered yet. So the next four.</param>
/// <param name="StatusText">Its text then.</param>
/// <param name="Base">Its base.</param>
/// <param name="Origin">Why it stood.</param>
/// <param name="Since">Since when.</param>
/// <param name="Until">When another status came; null while it still stands.</param>
/// <param name="Paragraph">The answer.</param>
/// <param name="Causes">The events under it, newest first: from the status back to the command that began it.</param>
/// <param name="Meanwhile">The last of what happened since, up to the instant, and changed nothing.</param>
/// <param name="Corrections">What supervisors said of the instant later.</param>
/// <param name="Rules">The rules that the answer names.</param>
public sealed record WhyAnswer(
    string AgentId,
    DateTimeOffset At,
    string? StatusId,
    string? StatusText,
    BaseStatus? Base,
    Origin? Origin,
    DateTimeOffset? Since,
    DateTimeOffset? Until,
    string Paragraph,
    IReadOnlyList<TimelineEntry> Causes,
    IReadOnlyList<TimelineEntry> Meanwhile,
    IReadOnlyList<TimelineEntry> Corrections,
    IReadOnlyList<RuleAnswer> Rules
);

/// <summary>A rule, and what it says.</summary>
public sealed record RuleAnswer(string Id, string Title);
