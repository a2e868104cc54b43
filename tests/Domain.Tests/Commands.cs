using System.Globalization;
using PresenceLedger.Domain.Agents;

namespace PresenceLedger.Domain.Tests;

/// <summary>Commands in few words, for <c>using static</c>.</summary>
internal static class Commands
{
    public static readonly WrapUp AlwaysBlock = new(WrapUpPolicy.AlwaysBlock);
    public static readonly WrapUp DontBlock = new(WrapUpPolicy.DontBlock);

    public static WrapUp BlockFor(double seconds) => new(WrapUpPolicy.Custom, seconds);

    public static SignIn SignIn(string connection = "main") => new(connection, null);

    public static SignOut SignOut() => new();

    public static CloseConnection CloseConnection(string connection = "main") => new(connection);

    /// <summary>A manual change.</summary>
    /// <param name="status">The status.</param>
    /// <param name="until">Until when it stands, from the start of the story.</param>
    public static SetPresence Set(string status, string? until = null) =>
        new(status, until is null ? null : Story.Start + TimeSpan.Parse(until, CultureInfo.InvariantCulture));

    public static ResetPresence Reset() => new();

    public static Work Work(int units = 0, WrapUp? wrapUp = null, params string[] profiles) =>
        new(null, null, null, units, [.. profiles], wrapUp ?? WrapUp.Default, null);

    public static AssignConversation Assign(string id, int units = 0, WrapUp? wrapUp = null, params string[] profiles) =>
        new(id, Work(units, wrapUp, profiles));

    /// <summary>An outbound attempt of the agent's own (CAP-10).</summary>
    public static AssignConversation Dial(string id, int units = 0, WrapUp? wrapUp = null, params string[] profiles) =>
        new(id, Work(units, wrapUp, profiles) with { Direction = Direction.Outbound });

    /// <summary>Assigned and accepted by the channel at once (CAP-10).</summary>
    public static AssignConversation Start(string id, int units = 0, WrapUp? wrapUp = null, params string[] profiles) =>
        new(id, Work(units, wrapUp, profiles), AutoAccept: true);

    public static MoveConversation Accept(string id) => new(id, ConversationVerb.Accept);

    public static MoveConversation Reject(string id) => new(id, ConversationVerb.Reject);

    public static MoveConversation Miss(string id) => new(id, ConversationVerb.Miss);

    public static MoveConversation Undelivered(string id) => new(id, ConversationVerb.Undelivered);

    public static MoveConversation Wait(string id) => new(id, ConversationVerb.Wait);

    public static MoveConversation Resume(string id) => new(id, ConversationVerb.Resume);

    public static MoveConversation EndOf(string id) => new(id, ConversationVerb.WrapUp);

    public static MoveConversation Close(string id) => new(id, ConversationVerb.Close);

    public static MoveConversation Release(string id) => new(id, ConversationVerb.Release);

    public static MoveConversation Activity(string id) => new(id, ConversationVerb.Activity);

    public static TransferConversation Transfer(string id, string? to = null) => new(id, to, to is null ? "queue-1" : null, null);

    public static ForceReleaseConversation ForceRelease(string id) => new(id);

    public static JoinConsult Join(string id, ConsultMode mode = ConsultMode.Consult) => new(id, mode);

    public static LeaveConsult Leave(string id) => new(id);

    public static ResetCapacity ResetCapacity(string profile) => new(profile);

    public static DisputeEntry Dispute(long version) => new(version);

    public static AnswerDispute Answer(long version, bool accepted = true) => new(version, accepted);

    public static ErasePerson Erase() => new();

    public static SettleDue Settle() => new();

    public static ConfigureAgent Configure(Func<AgentSettings, AgentSettings> change) => new(change);
}
