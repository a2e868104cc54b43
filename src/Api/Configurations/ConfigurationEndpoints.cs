using System.Globalization;
using System.Text.Json;
using MediatR;
using PresenceLedger.Api.Agents;
using PresenceLedger.Api.Hosting;
using PresenceLedger.Api.Http;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Queries;

namespace PresenceLedger.Api.Configurations;

/// <summary>A command on the configuration, on its way to its handler.</summary>
/// <param name="Command">What is asked.</param>
/// <param name="Envelope">Who asks, and how.</param>
/// <param name="Answer">The answer to remember under the idempotency key.</param>
public sealed record ConfigurationRequest(ConfigurationCommand Command, CommandEnvelope Envelope, Func<CommandOutcome, string>? Answer)
    : IRequest<CommandOutcome>,
        IDescribed
{
    /// <inheritdoc />
    public string Name => Command.GetType().Name;
}

/// <summary>Handles every command on the configuration.</summary>
public sealed class ConfigurationRequestHandler(ConfigurationStream configuration) : IRequestHandler<ConfigurationRequest, CommandOutcome>
{
    /// <inheritdoc />
    public Task<CommandOutcome> Handle(ConfigurationRequest request, CancellationToken cancellationToken) =>
        configuration.HandleAsync(request.Command, request.Envelope, request.Answer, cancellationToken);
}

/// <summary>The addresses of statuses, capacity profiles and policy.</summary>
internal static class ConfigurationEndpoints
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(25);

    public static void Map(RouteGroupBuilder api)
    {
        Statuses.Map(api);
        CapacityProfiles.Map(api);
        PolicyEndpoints.Map(api);
        TryPolicy.Map(api);
        api.MapGet("/configuration", GetVersionAsync)
            .WithMetadata(new TellsOfConfiguration())
            .WithTags("Configuration")
            .WithSummary("The version of statuses, capacity profiles and policy; with after=VERSION as soon as there is a later one.")
            .Produces<ConfigurationVersionAnswer>();
    }

    /// <summary>Waits for a change, so that who shows the configuration need not ask all the time.</summary>
    private static async Task<IResult> GetVersionAsync(
        HttpContext http,
        string? after,
        ConfigurationStream configuration,
        TimeProvider clock
    )
    {
        var known = long.MaxValue;
        if (after is not null && !long.TryParse(after, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out known))
            throw new InvalidQueryException("after", "must be the version of an earlier answer");
        var changed = configuration.NextChange;
        if (after is not null && configuration.Current.Version <= known)
            await Task.WhenAny(changed, Task.Delay(LongestWait, clock, http.RequestAborted));
        return Results.Json(new ConfigurationVersionAnswer(configuration.Current.Version), WireJson.Options);
    }

    /// <summary>Sends a command on the configuration and answers with what <paramref name="present"/> shows of it.</summary>
    public static async Task<IResult> SendAsync<T>(
        HttpContext context,
        Body<T> body,
        Func<T, ConfigurationCommand> command,
        Func<Configuration, object> present,
        params string[] namedInPath
    )
        where T : BodyWithReason, new()
    {
        if (body.Problem is { } bad)
            return bad;
        var fingerprint = Fingerprint.Of(context.Request, body.Bytes);
        var envelope = CommandEndpoint.Envelope(context, body.Value.Reason, fingerprint);
        var outcome = await context
            .RequestServices.GetRequiredService<IMediator>()
            .Send(
                new ConfigurationRequest(command(body.Value), envelope, o => JsonSerializer.Serialize(AnswerTo(o), WireJson.Options)),
                context.RequestAborted
            );
        return CommandEndpoint.Answer(context, outcome, AnswerTo);

        Remembered AnswerTo(CommandOutcome o) =>
            o is ConfigurationAccepted accepted
                ? new Remembered(
                    StatusCodes.Status200OK,
                    JsonSerializer.Serialize(present(accepted.Configuration), WireJson.Options),
                    accepted.Configuration.Version
                )
                : Remembered.Of(CommandEndpoint.Refusal(o, namedInPath));
    }
}
