using System.Diagnostics;
using System.Text.Json;
using MediatR;
using Microsoft.AspNetCore.Mvc;
using PresenceLedger.Api.Access;
using PresenceLedger.Api.Hosting;
using PresenceLedger.Api.Http;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Domain.Naming;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Queries;

namespace PresenceLedger.Api.Agents;

/// <summary>A command on an agent, on its way to the one handler.</summary>
/// <param name="AgentId">The agent.</param>
/// <param name="Command">What is asked.</param>
/// <param name="Envelope">Who asks, and how.</param>
/// <param name="Answer">The answer to remember under the idempotency key.</param>
public sealed record AgentRequest(
    string AgentId,
    AgentCommand Command,
    CommandEnvelope Envelope,
    Func<CommandOutcome, string>? Answer = null
) : IRequest<CommandOutcome>, IDescribed
{
    /// <inheritdoc />
    public string Name => Command is MoveConversation move ? "Conversation" + move.Verb : Command.GetType().Name;
}

/// <summary>Handles every command on agents.</summary>
public sealed class AgentRequestHandler(AgentStreams agents) : IRequestHandler<AgentRequest, CommandOutcome>
{
    /// <inheritdoc />
    public Task<CommandOutcome> Handle(AgentRequest request, CancellationToken cancellationToken) =>
        agents.HandleAsync(request.AgentId, request.Command, request.Envelope, request.Answer, cancellationToken);
}

/// <summary>From a request to a command and from its outcome to an answer: what all command endpoints share.</summary>
internal static class CommandEndpoint
{
    /// <summary>What every command on agents has in the description: who may give it, what it answers, how it is refused.</summary>
    public static RouteHandlerBuilder IsCommand<TCommand>(this RouteHandlerBuilder endpoint, string tag, string summary)
        where TCommand : AgentCommand =>
        endpoint
            .Allow(Permissions.Check<TCommand>)
            .WithTags(tag)
            .WithSummary(summary)
            .Produces<PresenceAnswer>()
            .ProducesProblems(400, 403, 404, 409, 412, 422, 503);

    /// <summary>Set where an answer is that of an earlier time.</summary>
    public const string ReplayedHeader = "Idempotency-Replayed";

    private const string IdempotencyHeader = "Idempotency-Key";
    private const string ConnectionHeader = "X-Connection";
    private const int LongestKey = 255;

    /// <summary>Sends a command on an agent and answers with the presence after it.</summary>
    /// <param name="context">The request.</param>
    /// <param name="agentId">The agent.</param>
    /// <param name="body">Its body.</param>
    /// <param name="command">The command, from the body.</param>
    /// <param name="present">What to add to the presence.</param>
    /// <param name="namedInPath">Codes of unknown things that the path names: 404.</param>
    public static async Task<IResult> SendAsync<T>(
        HttpContext context,
        string agentId,
        Body<T> body,
        Func<T, AgentCommand> command,
        Func<AgentAccepted, PresenceAnswer>? present = null,
        params string[] namedInPath
    )
        where T : BodyWithReason, new()
    {
        if (body.Problem is { } bad)
            return bad;
        var envelope = Envelope(context, body.Value.Reason, Fingerprint.Of(context.Request, body.Bytes));

        var mediator = context.RequestServices.GetRequiredService<IMediator>();
        Remembered? made = null;
        var outcome = await mediator.Send(
            new AgentRequest(
                agentId,
                command(body.Value),
                envelope,
                outcome => JsonSerializer.Serialize(made = AnswerTo(outcome, present, namedInPath), WireJson.Options)
            ),
            context.RequestAborted
        );
        // What was made to be remembered is the answer, unless the key turned out to be taken by another command.
        return Answer(
            context,
            outcome,
            outcome => outcome is not CommandOutcome.KeyReused && made is { } same ? same : AnswerTo(outcome, present, namedInPath)
        );
    }

    /// <summary>Answers an outcome: as it was answered the first time, where the key says so.</summary>
    public static IResult Answer(HttpContext context, CommandOutcome outcome, Func<CommandOutcome, Remembered> answer)
    {
        var remembered = outcome is CommandOutcome.Repeated repeated
            ? JsonSerializer.Deserialize<Remembered>(repeated.Answer.Answer, WireJson.Options)!
            : answer(outcome);
        if (outcome is CommandOutcome.Repeated)
            context.Response.Headers[ReplayedHeader] = "true";
        // Where nothing was recorded there is nothing to wait for; the projection would never reach such a position.
        if (outcome is AgentAccepted { Events.Count: > 0, Position: var position })
            ReadPositionHeaders.Set(context, position);
        if (remembered.Version is { } version)
            SetVersion(context, version);
        return Results.Content(
            remembered.Body,
            remembered.Status < 400 ? "application/json; charset=utf-8" : Problems.ContentType,
            statusCode: remembered.Status
        );
    }

    /// <summary>Names the version that an answer shows, for If-Match.</summary>
    public static void SetVersion(HttpContext context, long version) =>
        context.Response.Headers.ETag = $"\"{version.ToString(System.Globalization.CultureInfo.InvariantCulture)}\"";

    /// <summary>Reads what the headers say of a command.</summary>
    /// <exception cref="InvalidQueryException">One is bad.</exception>
    public static CommandEnvelope Envelope(HttpContext context, Reason? reason, byte[] fingerprint)
    {
        var clock = context.RequestServices.GetRequiredService<TimeProvider>();
        var id = Guid.CreateVersion7(clock.GetUtcNow());
        var request = context.Request;
        // The trace that the caller is in; without one the command is an interaction of its own.
        var correlation =
            request.Headers.TraceParent.Count > 0 && Activity.Current is { } activity ? activity.TraceId.ToString() : id.ToString("N");
        var envelope = new CommandEnvelope(context.Actor(), id, correlation)
        {
            Reason = reason,
            Fingerprint = fingerprint,
            ArrivedAt = context.ArrivedAt(),
        };

        if (request.Headers[IdempotencyHeader].ToString() is { Length: > 0 } key)
        {
            if (key.Length > LongestKey || key.Any(c => c is < '!' or > '~'))
                throw new InvalidQueryException(IdempotencyHeader, "must be 1 to 255 visible ASCII characters");
            envelope = envelope with { IdempotencyKey = $"{envelope.Actor} {key}" };
        }
        if (request.Headers[ConnectionHeader].ToString() is { Length: > 0 } connection)
        {
            if (!Identifier.TryDecode(connection, out var decoded) || !Identifier.TryRead(decoded, out var connectionId))
                throw new InvalidQueryException(ConnectionHeader, "percent-encoded, " + Identifier.Rule);
            envelope = envelope with { ConnectionId = connectionId };
        }
        if (request.Headers.IfMatch.ToString() is { Length: > 0 } match && match != "*")
        {
            var text = match.StartsWith("W/", StringComparison.Ordinal) ? match[2..] : match;
            if (!long.TryParse(text.Trim('"'), System.Globalization.NumberStyles.AllowLeadingSign, null, out var version))
                throw new InvalidQueryException("If-Match", "must be the version of the agent, such as \"17\"");
            envelope = envelope with { IfMatch = version };
        }
        return envelope;
    }

    /// <summary>The answer to what was refused, of any kind of command.</summary>
    public static ProblemDetails Refusal(CommandOutcome outcome, string[] namedInPath) =>
        outcome switch
        {
            CommandOutcome.Refused refused => Problems.Details(refused.Refusal, namedInPath),
            CommandOutcome.VersionConflict conflict => Problems.Details(
                StatusCodes.Status412PreconditionFailed,
                "version-conflict",
                $"The version is {conflict.Actual}, not {conflict.Expected}. Look again, and decide on what it is now. Nothing was recorded."
            ),
            CommandOutcome.KeyReused => Problems.Details(
                StatusCodes.Status422UnprocessableEntity,
                "idempotency-key-reused",
                "This Idempotency-Key came before with another command. Use a new key for a new command. Nothing was recorded."
            ),
            _ => throw new InvalidOperationException($"{outcome.GetType().Name} is no refusal."),
        };

    /// <summary>The presence after a command, with what it recorded.</summary>
    public static PresenceAnswer PresenceAfter(AgentAccepted accepted) =>
        PresenceAnswer.Of(accepted.Agent, accepted.Configuration) with
        {
            Events =
            [
                .. accepted.Events.Select(e => new RecordedEvent(
                    StreamNames.AgentId(e.Stream)!,
                    e.EventId,
                    WireNames.Short(e.Type),
                    e.Version,
                    LedgerJson.Read<EventMetadata>(e.Metadata).Rule
                )),
            ],
        };

    /// <summary>The answer to an outcome that is not repeated.</summary>
    public static Remembered AnswerTo(CommandOutcome outcome, Func<AgentAccepted, PresenceAnswer>? present, string[] namedInPath)
    {
        if (outcome is AgentAccepted accepted)
        {
            var presence = present?.Invoke(accepted) ?? PresenceAfter(accepted);
            return new Remembered(StatusCodes.Status200OK, JsonSerializer.Serialize(presence, WireJson.Options), presence.Version);
        }
        return Remembered.Of(Refusal(outcome, namedInPath));
    }
}

/// <summary>An answer as it is given, and given again to the same idempotency key.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Body">JSON.</param>
/// <param name="Version">The agent's version, for the ETag.</param>
internal sealed record Remembered(int Status, string Body, long? Version)
{
    public static Remembered Of(ProblemDetails problem) =>
        new(
            problem.Status ?? StatusCodes.Status500InternalServerError,
            JsonSerializer.Serialize(problem, problem.GetType(), WireJson.Options),
            null
        );
}
