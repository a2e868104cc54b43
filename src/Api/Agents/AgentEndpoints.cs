using PresenceLedger.Api.Audit;
using PresenceLedger.Api.Http;
using PresenceLedger.Contracts;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Configurations;

namespace PresenceLedger.Api.Agents;

/// <summary>The addresses of agents: commands here, each a line from body to command; queries in files of their own.</summary>
internal static class AgentEndpoints
{
    private const string Commands = "Commands";

    public static void Map(RouteGroupBuilder api)
    {
        var agent = api.MapGroup("/agents/{agentId}");
        MapConnections(agent);
        MapPresence(agent);
        MapConversations(agent);
        RegisterAgent.Map(agent);
        GetAgent.Map(agent);
        Heartbeats.Map(api, agent);
        PresenceQueries.Map(api);
        TimelineEndpoints.Map(agent);
        Diagnostics.Map(agent);
    }

    private static void MapConnections(RouteGroupBuilder agent)
    {
        Command<SignIn>(
            agent.MapPost(
                "/sign-in",
                (HttpContext http, string agentId, Body<SignInBody> body, ConfigurationStream configuration) =>
                {
                    var connectionId = body.Value.ConnectionId ?? Guid.CreateVersion7().ToString("N");
                    return CommandEndpoint.SendAsync(
                        http,
                        agentId,
                        body,
                        b => new SignIn(connectionId, b.Client),
                        accepted => SignedIn(accepted, connectionId)
                    );
                }
            ),
            "Sign in, or add a connection (SGN, CON-4)."
        );
        Command<SignOut>(
            agent.MapPost(
                "/sign-out",
                (HttpContext http, string agentId, Body<NoBody> body) => CommandEndpoint.SendAsync(http, agentId, body, _ => new SignOut())
            ),
            "Sign out: all connections close, the status is offline (SGN-4)."
        );
    }

    /// <summary>The presence after a sign-in, with what its client needs to stay alive.</summary>
    public static PresenceAnswer SignedIn(AgentAccepted accepted, string connectionId) =>
        CommandEndpoint.PresenceAfter(accepted) with
        {
            ConnectionId = connectionId,
            HeartbeatSeconds = accepted.Configuration.Policy.HeartbeatInterval.TotalSeconds,
            HeartbeatTimeoutSeconds = accepted.Configuration.Policy.HeartbeatTimeout.TotalSeconds,
        };

    private static void MapPresence(RouteGroupBuilder agent)
    {
        Command<SetPresence>(
            agent.MapPut(
                "/presence",
                (HttpContext http, string agentId, Body<SetPresenceBody> body) =>
                    CommandEndpoint.SendAsync(http, agentId, body, b => new SetPresence(b.StatusId!, b.Until))
            ),
            "Set the presence by hand, until an instant where one is given (MAN)."
        );
        Command<ResetPresence>(
            agent.MapPost(
                "/presence/reset",
                (HttpContext http, string agentId, Body<NoBody> body) =>
                    CommandEndpoint.SendAsync(http, agentId, body, _ => new ResetPresence())
            ),
            "End a status that a missed, rejected or undelivered notification set (NOT-4)."
        );
        Command<CorrectPresence>(
            agent.MapPost(
                "/corrections",
                (HttpContext http, string agentId, Body<CorrectionBody> body) =>
                    CommandEndpoint.SendAsync(http, agentId, body, b => new CorrectPresence(b.From!.Value, b.To!.Value, b.StatusId!))
            ),
            "Say what the status should have been in a stretch of the past; reports apply it, the ledger keeps both."
        );
    }

    private static void MapConversations(RouteGroupBuilder agent)
    {
        const string one = "/conversations/{conversationId}";
        Command<AssignConversation>(
            agent.MapPut(
                one,
                (HttpContext http, string agentId, string conversationId, Body<AssignBody> body) =>
                    CommandEndpoint.SendAsync(http, agentId, body, b => new AssignConversation(conversationId, b.ToWork(), b.AutoAccept))
            ),
            "Assign a conversation, or begin an outbound attempt (CAP-7, CAP-10)."
        );
        foreach (var verb in Enum.GetValues<ConversationVerb>())
            Command<MoveConversation>(
                agent.MapPost(
                    $"{one}/{System.Text.Json.JsonNamingPolicy.KebabCaseLower.ConvertName(verb.ToString())}",
                    (HttpContext http, string agentId, string conversationId, Body<NoBody> body) =>
                        CommandEndpoint.SendAsync(
                            http,
                            agentId,
                            body,
                            _ => new MoveConversation(conversationId, verb),
                            null,
                            RefusalCodes.ConversationUnknown
                        )
                ),
                Summary(verb)
            );
        Command<TransferConversation>(
            agent.MapPost(
                one + "/transfer",
                (HttpContext http, string agentId, string conversationId, Body<TransferBody> body) =>
                    CommandEndpoint.SendAsync(
                        http,
                        agentId,
                        body,
                        b => new TransferConversation(conversationId, b.ToAgentId, b.ToQueue, b.External),
                        null,
                        RefusalCodes.ConversationUnknown
                    )
            ),
            "Transfer to an agent, a queue or an external number (TRF)."
        );
        Command<ForceReleaseConversation>(
            agent.MapPost(
                one + "/force-release",
                (HttpContext http, string agentId, string conversationId, Body<ForceReleaseBody> body) =>
                    CommandEndpoint.SendAsync(
                        http,
                        agentId,
                        body,
                        _ => new ForceReleaseConversation(conversationId),
                        null,
                        RefusalCodes.ConversationUnknown
                    )
            ),
            "Release a stuck conversation, with a reason (STK-2)."
        );
        Command<JoinConsult>(
            agent.MapPut(
                "/consults/{conversationId}",
                (HttpContext http, string agentId, string conversationId, Body<ConsultBody> body) =>
                    CommandEndpoint.SendAsync(http, agentId, body, b => new JoinConsult(conversationId, b.Mode))
            ),
            "Join a consult, or monitor (CNS-1)."
        );
        Command<LeaveConsult>(
            agent.MapDelete(
                "/consults/{conversationId}",
                (HttpContext http, string agentId, string conversationId, Body<ConsultBody> body) =>
                    CommandEndpoint.SendAsync(http, agentId, body, _ => new LeaveConsult(conversationId), null, RefusalCodes.ConsultUnknown)
            ),
            "Leave it (CNS-1)."
        );
    }

    private static string Summary(ConversationVerb verb) =>
        verb switch
        {
            ConversationVerb.Accept => "The agent accepts (CAP-9).",
            ConversationVerb.Reject => "The agent rejects the notification (NOT-2).",
            ConversationVerb.Miss => "The notification timed out (NOT-1).",
            ConversationVerb.Undelivered => "The offer could not be delivered to the agent's device (NOT-6).",
            ConversationVerb.Wait => "The conversation waits; capacity is given back (CAP-7).",
            ConversationVerb.Resume => "It goes on; capacity is taken again (CAP-7).",
            ConversationVerb.WrapUp => "Wrap-up begins (WRP-1).",
            ConversationVerb.Close => "The conversation is closed (WRP-2); abandoned, where nobody had accepted.",
            ConversationVerb.Release => "The agent gives it back to routing.",
            ConversationVerb.Activity => "A sign of life of the conversation (STK-1).",
            _ => throw new InvalidOperationException($"Unknown verb {verb}."),
        };

    private static void Command<TCommand>(RouteHandlerBuilder endpoint, string summary)
        where TCommand : AgentCommand => endpoint.IsCommand<TCommand>(Commands, summary);
}
