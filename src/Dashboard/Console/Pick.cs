namespace PresenceLedger.Dashboard.Console;

/// <summary>A status that the agent chose.</summary>
/// <param name="StatusId">Which.</param>
/// <param name="Reason">Why, in the agent's words; null where nothing was said.</param>
/// <param name="Until">Until when it is to stand; null for without an end.</param>
public sealed record Pick(string StatusId, string? Reason, DateTimeOffset? Until);

/// <summary>What the agent does with a conversation.</summary>
/// <param name="Conversation">Which.</param>
/// <param name="Verb">As the API calls it: accept, reject, wait, resume, wrap-up, close.</param>
public sealed record Move(OwnConversation Conversation, string Verb);
