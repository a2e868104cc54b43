using PresenceLedger.Client.Http;

namespace PresenceLedger.Client;

/// <summary>
/// The commands on one agent. Each answers with the presence after it. A lost answer, an unreachable node and 503 are tried again
/// under the same idempotency key, which does nothing twice.
/// </summary>
/// <remarks>
/// Each throws <see cref="RefusedException"/> where a rule or a right is against it, <see cref="LedgerUnavailableException"/> where
/// the service did not answer within <see cref="PresenceLedgerOptions.RetryFor"/>, and <see cref="ArgumentException"/> where an id
/// cannot stand in an address or a header.
/// </remarks>
public abstract class AgentCommands
{
    private const double MostMinutes = 24 * 60;

    private protected AgentCommands(Nodes nodes, string agentId) =>
        (Nodes, AgentId, Address) = (nodes, agentId, Nodes.Path("agents", agentId));

    /// <summary>The agent.</summary>
    public string AgentId { get; }

    private protected Nodes Nodes { get; }

    private protected string Address { get; }

    /// <summary>Signs out: all connections close.</summary>
    public virtual Task<CommandResult> SignOutAsync(CommandOptions? options = null, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Post, "/sign-out", Body(options), options, ct);

    /// <summary>Sets the presence by hand.</summary>
    /// <param name="statusId">A status of the catalogue.</param>
    /// <param name="options">Key, version, reason.</param>
    /// <param name="ct">Ends the waiting; the command may have been done.</param>
    public Task<CommandResult> SetPresenceAsync(string statusId, CommandOptions? options = null, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Put, "/presence", new { statusId, reason = options?.Reason }, options, ct);

    /// <summary>Sets the presence by hand, to stand until an instant; then capacity decides.</summary>
    /// <param name="statusId">A status of the catalogue.</param>
    /// <param name="until">Ahead, at most 24 hours.</param>
    /// <param name="options">Key, version, reason.</param>
    /// <param name="ct">Ends the waiting; the command may have been done.</param>
    public Task<CommandResult> SetPresenceAsync(
        string statusId,
        DateTimeOffset until,
        CommandOptions? options = null,
        CancellationToken ct = default
    ) =>
        SendAsync(
            HttpMethod.Put,
            "/presence",
            new
            {
                statusId,
                until = until.ToUniversalTime(),
                reason = options?.Reason,
            },
            options,
            ct
        );

    /// <summary>Sets the presence by hand, to stand for so many minutes by the clock of the service; then capacity decides.</summary>
    /// <param name="statusId">A status of the catalogue.</param>
    /// <param name="minutes">Above 0, at most 1440.</param>
    /// <param name="options">Key, version, reason.</param>
    /// <param name="ct">Ends the waiting; the command may have been done.</param>
    public Task<CommandResult> SetPresenceAsync(
        string statusId,
        double minutes,
        CommandOptions? options = null,
        CancellationToken ct = default
    )
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(minutes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minutes, MostMinutes);
        return SetPresenceAsync(statusId, Nodes.ServiceTime.AddMinutes(minutes), options, ct);
    }

    /// <summary>Ends a status that a missed, rejected or undelivered notification set.</summary>
    public Task<CommandResult> ResetPresenceAsync(CommandOptions? options = null, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Post, "/presence/reset", Body(options), options, ct);

    /// <summary>Assigns a conversation: it takes capacity from here on, and awaits acceptance unless the channel accepts or it is outbound.</summary>
    public Task<CommandResult> AssignAsync(
        string conversationId,
        Work work,
        CommandOptions? options = null,
        CancellationToken ct = default
    ) =>
        SendAsync(
            HttpMethod.Put,
            Nodes.Path("/conversations", conversationId),
            new
            {
                work.Channel,
                work.Queue,
                work.Workstream,
                work.Units,
                work.Profiles,
                work.WrapUp,
                work.AutoAccept,
                direction = work.Outbound ? "outbound" : null,
                work.CreatedAt,
                reason = options?.Reason,
            },
            options,
            ct
        );

    /// <summary>The agent accepts an assigned conversation.</summary>
    public Task<CommandResult> AcceptAsync(string conversationId, CommandOptions? options = null, CancellationToken ct = default) =>
        MoveAsync(conversationId, "accept", options, ct);

    /// <summary>The agent rejects the notification of an assigned conversation.</summary>
    public Task<CommandResult> RejectAsync(string conversationId, CommandOptions? options = null, CancellationToken ct = default) =>
        MoveAsync(conversationId, "reject", options, ct);

    /// <summary>The notification of an assigned conversation timed out.</summary>
    public Task<CommandResult> MissAsync(string conversationId, CommandOptions? options = null, CancellationToken ct = default) =>
        MoveAsync(conversationId, "miss", options, ct);

    /// <summary>The offer of an assigned conversation could not be delivered to the agent's device.</summary>
    public Task<CommandResult> UndeliveredAsync(string conversationId, CommandOptions? options = null, CancellationToken ct = default) =>
        MoveAsync(conversationId, "undelivered", options, ct);

    /// <summary>An active conversation waits; capacity is given back.</summary>
    public Task<CommandResult> WaitAsync(string conversationId, CommandOptions? options = null, CancellationToken ct = default) =>
        MoveAsync(conversationId, "wait", options, ct);

    /// <summary>A waiting conversation goes on; capacity is taken again.</summary>
    public Task<CommandResult> ResumeAsync(string conversationId, CommandOptions? options = null, CancellationToken ct = default) =>
        MoveAsync(conversationId, "resume", options, ct);

    /// <summary>Wrap-up begins.</summary>
    public Task<CommandResult> WrapUpAsync(string conversationId, CommandOptions? options = null, CancellationToken ct = default) =>
        MoveAsync(conversationId, "wrap-up", options, ct);

    /// <summary>The conversation is closed; abandoned, where nobody had accepted.</summary>
    public Task<CommandResult> CloseAsync(string conversationId, CommandOptions? options = null, CancellationToken ct = default) =>
        MoveAsync(conversationId, "close", options, ct);

    /// <summary>The agent gives the conversation back to routing.</summary>
    public Task<CommandResult> ReleaseAsync(string conversationId, CommandOptions? options = null, CancellationToken ct = default) =>
        MoveAsync(conversationId, "release", options, ct);

    /// <summary>A sign of life of the conversation, which is then not taken for stuck.</summary>
    public Task<CommandResult> ActivityAsync(string conversationId, CommandOptions? options = null, CancellationToken ct = default) =>
        MoveAsync(conversationId, "activity", options, ct);

    /// <summary>Hands the conversation to another agent.</summary>
    public Task<CommandResult> TransferToAgentAsync(
        string conversationId,
        string toAgentId,
        CommandOptions? options = null,
        CancellationToken ct = default
    ) => MoveAsync(conversationId, "transfer", new { toAgentId, reason = options?.Reason }, options, ct);

    /// <summary>Hands the conversation to a queue.</summary>
    public Task<CommandResult> TransferToQueueAsync(
        string conversationId,
        string toQueue,
        CommandOptions? options = null,
        CancellationToken ct = default
    ) => MoveAsync(conversationId, "transfer", new { toQueue, reason = options?.Reason }, options, ct);

    /// <summary>Hands the conversation to an external number or address, of up to 200 characters.</summary>
    public Task<CommandResult> TransferToExternalAsync(
        string conversationId,
        string external,
        CommandOptions? options = null,
        CancellationToken ct = default
    ) => MoveAsync(conversationId, "transfer", new { external, reason = options?.Reason }, options, ct);

    /// <summary>Releases a stuck conversation; that needs a reason.</summary>
    public Task<CommandResult> ForceReleaseAsync(
        string conversationId,
        Reason reason,
        CommandOptions? options = null,
        CancellationToken ct = default
    ) => MoveAsync(conversationId, "force-release", new { reason }, options, ct);

    /// <summary>Joins somebody else's conversation, which takes no capacity.</summary>
    /// <param name="conversationId">The conversation.</param>
    /// <param name="mode"><c>consult</c> or <c>monitor</c>.</param>
    /// <param name="options">Key, version, reason.</param>
    /// <param name="ct">Ends the waiting; the command may have been done.</param>
    public Task<CommandResult> JoinConsultAsync(
        string conversationId,
        string mode = "consult",
        CommandOptions? options = null,
        CancellationToken ct = default
    ) => SendAsync(HttpMethod.Put, Nodes.Path("/consults", conversationId), new { mode, reason = options?.Reason }, options, ct);

    /// <summary>Leaves a consult or monitor.</summary>
    public Task<CommandResult> LeaveConsultAsync(string conversationId, CommandOptions? options = null, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Delete, Nodes.Path("/consults", conversationId), Body(options), options, ct);

    private protected virtual async Task<CommandResult> SendAsync(
        HttpMethod method,
        string path,
        object? body,
        CommandOptions? options,
        CancellationToken ct
    )
    {
        var answer = await Nodes.SendAsync(Ask.Command(method, Address + path, body, options), ct);
        var accepted = answer.Read<AcceptedBody>();
        return new CommandResult(answer.Read<Presence>(), accepted.Events) { Position = answer.Position, Replayed = answer.Replayed };
    }

    private protected static object? Body(CommandOptions? options) => options?.Reason is { } reason ? new { reason } : null;

    private Task<CommandResult> MoveAsync(string conversationId, string verb, CommandOptions? options, CancellationToken ct) =>
        MoveAsync(conversationId, verb, Body(options), options, ct);

    private Task<CommandResult> MoveAsync(
        string conversationId,
        string verb,
        object? body,
        CommandOptions? options,
        CancellationToken ct
    ) => SendAsync(HttpMethod.Post, $"{Nodes.Path("/conversations", conversationId)}/{verb}", body, options, ct);
}

/// <summary>What the answer to a command says besides the presence.</summary>
internal sealed record AcceptedBody(IReadOnlyList<RecordedEvent> Events);
