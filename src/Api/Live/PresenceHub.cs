using System.Text.Json;
using MediatR;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.SignalR;
using PresenceLedger.Api.Access;
using PresenceLedger.Api.Agents;
using PresenceLedger.Api.Http;
using PresenceLedger.Contracts;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Naming;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Clock;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.Heartbeats;
using PresenceLedger.Queries;

namespace PresenceLedger.Api.Live;

/// <summary>One connection of one agent over SignalR (docs/live.md): its commands, its heartbeats, and its presence as it changes.</summary>
internal sealed class PresenceHub(
    IMediator mediator,
    AgentStreams agents,
    Leases leases,
    HubSessions sessions,
    Arrivals arrivals,
    TimeProvider clock,
    ILogger<PresenceHub> logger
) : Hub
{
    /// <summary>Where it is.</summary>
    public const string Path = "/hubs/presence";

    /// <summary>
    /// Whether somebody lives is for the heartbeats to say (CON-1): a hidden tab's client may be heard of once a minute only, which
    /// SignalR must not take for a break.
    /// </summary>
    private static readonly TimeSpan ClientTimeout = TimeSpan.FromMinutes(3);

    public static void Add(IServiceCollection services)
    {
        services.AddSingleton<HubSessions>();
        services
            .AddSignalR(o =>
            {
                o.ClientTimeoutInterval = ClientTimeout;
                o.MaximumReceiveMessageSize = 32 * 1024;
            })
            .AddJsonProtocol(o => WireJson.ConfigureBodies(o.PayloadSerializerOptions));
        ForgivingProtocol.Add(services);
    }

    public static void Map(WebApplication app) => app.MapHub<PresenceHub>(Path);

    /// <summary>Signs in, or comes back with the connection id of before.</summary>
    public Task<HubAnswer> SignIn(HubSignIn? message) =>
        AnswerAsync(async () =>
        {
            var agentId = message?.AgentId ?? (Actor is { Kind: Persona.Agent, Id: var self } ? self : null);
            if (!Identifier.IsValid(agentId))
                return Bad("agentId", Identifier.Rule);
            var session = sessions.Of(Context);
            var body = new SignInBody
            {
                ConnectionId = message?.ConnectionId ?? session?.ConnectionId ?? Guid.CreateVersion7().ToString("N"),
                Client = message?.Client,
                Reason = message?.Reason,
            };
            if (body.AllErrors(clock.GetUtcNow()) is { } errors)
                return HubAnswer.Of(Problems.Details(errors));
            if (session is not null && (session.AgentId != agentId || session.ConnectionId != body.ConnectionId))
                return Bad("connectionId", $"this SignalR connection is connection {session.ConnectionId} of agent {session.AgentId}");

            // Followed before it is signed in, so that no change falls between.
            session ??= await sessions.BeginAsync(Context, Clients.Caller, agentId!, body.ConnectionId!);
            var answer = await SendAsync(
                session,
                new SignIn(session.ConnectionId, body.Client),
                body.Reason,
                present: accepted => AgentEndpoints.SignedIn(accepted, session.ConnectionId)
            );
            if (answer.Problem is null)
                session.SignedIn = true;
            else if (!session.SignedIn)
                sessions.End(Context);
            return answer;
        });

    /// <summary>A sign of life (CON-1, CON-9).</summary>
    public Task<HubAnswer> Heartbeat() =>
        AnswerAsync(async () =>
        {
            if (sessions.Of(Context) is not { } session)
                return NotSignedIn;
            await clock.KnownAsync(Context.ConnectionAborted);
            using var arrival = arrivals.Begin();
            var at = arrival.At;
            if (!await Heartbeats.IsAliveAsync(session.AgentId, session.ConnectionId, agents, leases, at, Context.ConnectionAborted))
                return HubAnswer.Of(Problems.Details(Refusal.ConnectionUnknown(session.AgentId, session.ConnectionId)));
            session.LastSeenAt = at;
            return new HubAnswer(null, null);
        });

    /// <summary>Sets the presence by hand (MAN).</summary>
    public Task<HubAnswer> SetPresence(HubSetPresence? message) =>
        AnswerAsync(async () =>
        {
            if (sessions.Of(Context) is not { } session)
                return NotSignedIn;
            if (new SetPresenceBody { StatusId = message?.StatusId, Reason = message?.Reason }.AllErrors(clock.GetUtcNow()) is { } errors)
                return HubAnswer.Of(Problems.Details(errors));
            return await SendAsync(session, new SetPresence(message!.StatusId!, message.Until), message.Reason, message.IfMatch);
        });

    /// <summary>Says that it closes; it has the refresh grace to come back (CON-1, CON-6).</summary>
    public Task<HubAnswer> Close() =>
        AnswerAsync(async () =>
        {
            if (sessions.Of(Context) is not { } session)
                return NotSignedIn;
            sessions.End(Context);
            return await SendAsync(session, new CloseConnection(session.ConnectionId), reason: null);
        });

    /// <summary>What a call becomes whose method is not known or whose arguments cannot be read: it is answered as HTTP answers such a body.</summary>
    public Task<HubAnswer> Unreadable(string method, string error) => Task.FromResult(Bad(method, error));

    /// <inheritdoc />
    public override Task OnDisconnectedAsync(Exception? exception)
    {
        sessions.Broke(Context);
        return Task.CompletedTask;
    }

    private static HubAnswer NotSignedIn =>
        HubAnswer.Of(
            Problems.Details(new Refusal(RefusalCodes.ConnectionUnknown, "Nobody is signed in on this connection. Call SignIn first."))
        );

    private Actor Actor => Context.GetHttpContext()!.Actor();

    private static HubAnswer Bad(string field, string error) =>
        HubAnswer.Of(Problems.Details(new Dictionary<string, string[]> { [field] = [error] }));

    private async Task<HubAnswer> SendAsync(
        HubSession session,
        AgentCommand command,
        Reason? reason,
        long? ifMatch = null,
        Func<AgentAccepted, PresenceAnswer>? present = null
    )
    {
        using var arrival = arrivals.Begin();
        var id = Guid.CreateVersion7(arrival.At);
        var envelope = new CommandEnvelope(Actor, id, id.ToString("N"))
        {
            ArrivedAt = arrival.At,
            Reason = reason,
            ConnectionId = session.ConnectionId,
            IfMatch = ifMatch,
        };
        var outcome = await mediator.Send(new AgentRequest(session.AgentId, command, envelope), Context.ConnectionAborted);
        session.LastSeenAt = clock.Now();
        return HubAnswer.Of(CommandEndpoint.AnswerTo(outcome, present, []));
    }

    private async Task<HubAnswer> AnswerAsync(Func<Task<HubAnswer>> answer)
    {
        try
        {
            return await answer();
        }
        catch (Exception e) when (!Context.ConnectionAborted.IsCancellationRequested)
        {
            var problem = FailureHandler.Problem(e);
            logger.Log(
                problem.Status is StatusCodes.Status500InternalServerError ? LogLevel.Error : LogLevel.Warning,
                e,
                "A call of the hub failed: {Detail}",
                problem.Detail
            );
            return HubAnswer.Of(problem);
        }
    }
}

/// <summary>What a call is answered with: the presence after it, or the problem, as HTTP has them; a heartbeat has neither.</summary>
public sealed record HubAnswer(JsonElement? Presence, JsonElement? Problem)
{
    internal static HubAnswer Of(ProblemDetails problem) => Of(Remembered.Of(problem));

    internal static HubAnswer Of(Remembered answer) =>
        answer.Status < StatusCodes.Status400BadRequest
            ? new HubAnswer(JsonElement.Parse(answer.Body), null)
            : new HubAnswer(null, JsonElement.Parse(answer.Body));
}
