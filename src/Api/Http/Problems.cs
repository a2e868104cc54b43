using System.Diagnostics;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Mvc;
using Npgsql;
using PresenceLedger.Domain;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Seals;
using PresenceLedger.Queries;

namespace PresenceLedger.Api.Http;

/// <summary>Problem details (RFC 9457): a stable code, and what to do.</summary>
internal static class Problems
{
    public const string ContentType = "application/problem+json";

    /// <summary>The problem, as it is answered.</summary>
    public static ProblemDetails Details(int status, string code, string detail, IDictionary<string, string[]>? errors = null)
    {
        var problem = errors is null ? new ProblemDetails() : new HttpValidationProblemDetails(errors);
        problem.Type = "urn:presence-ledger:" + code;
        problem.Title = Title(code);
        problem.Status = status;
        problem.Detail = detail;
        problem.Extensions["code"] = code;
        problem.Extensions["traceId"] = TraceId();
        return problem;
    }

    /// <summary>Says in the description with which statuses an endpoint refuses.</summary>
    public static RouteHandlerBuilder ProducesProblems(this RouteHandlerBuilder endpoint, params int[] statuses)
    {
        foreach (var status in statuses)
            endpoint.ProducesProblem(status);
        return endpoint;
    }

    /// <summary>The trace id alone, where the framework would write the whole of traceparent.</summary>
    public static void Identify(ProblemDetailsContext context) => context.ProblemDetails.Extensions["traceId"] = TraceId();

    public static IResult Of(int status, string code, string detail) => Results.Problem(Details(status, code, detail));

    /// <summary>A bad body or parameter, by field.</summary>
    public static IResult Validation(string field, string error) => Validation(Errors(field, error));

    public static IResult Validation(IDictionary<string, string[]> errors) => Results.Problem(Details(errors));

    /// <summary>What is wrong with a request, by field.</summary>
    public static ProblemDetails Details(IDictionary<string, string[]> errors) =>
        Details(
            StatusCodes.Status400BadRequest,
            RefusalCodes.Validation,
            "The request is not valid; 'errors' says where. Nothing was recorded.",
            errors
        );

    /// <summary>A refusal by a rule: 409, but 404 for an unknown thing that the path names, 403 for who may not, 400 for nonsense.</summary>
    public static ProblemDetails Details(Refusal refusal, params ReadOnlySpan<string> namedInPath)
    {
        var status = refusal.Code switch
        {
            RefusalCodes.AgentUnknown => StatusCodes.Status404NotFound,
            RefusalCodes.Forbidden => StatusCodes.Status403Forbidden,
            RefusalCodes.Validation => StatusCodes.Status400BadRequest,
            var code when namedInPath.Contains(code) => StatusCodes.Status404NotFound,
            _ => StatusCodes.Status409Conflict,
        };
        var errors = status == StatusCodes.Status400BadRequest ? Errors(refusal.Field ?? "body", refusal.Detail) : null;
        return Details(status, refusal.Code, refusal.Detail, errors);
    }

    public static IResult Of(Refusal refusal) => Results.Problem(Details(refusal));

    /// <summary>A request that cannot be read, at the part of it that has no field.</summary>
    public static ProblemDetails Unreadable(int status, string error) =>
        Details(status, RefusalCodes.Validation, error, status == StatusCodes.Status400BadRequest ? Errors("request", error) : null);

    private static Dictionary<string, string[]> Errors(string field, string error) => new() { [field] = [error] };

    /// <summary>Statuses that the framework answers without a body (404, 405, 415) get one.</summary>
    public static async Task ForEmptyResponsesAsync(StatusCodeContext context)
    {
        if (context.HttpContext.Response.StatusCode is StatusCodes.Status400BadRequest)
        {
            await Results
                .Problem(Unreadable(StatusCodes.Status400BadRequest, "The request cannot be read. Nothing was recorded."))
                .ExecuteAsync(context.HttpContext);
            return;
        }
        var (code, detail) = context.HttpContext.Response.StatusCode switch
        {
            404 => ("not-found", "There is nothing at this address. GET /docs shows what there is."),
            405 => ("method-not-allowed", "This address does not take this method. GET /docs shows what it takes."),
            415 => (RefusalCodes.Validation, "Send the body as application/json."),
            401 => ("unauthorized", "Send a valid bearer token."),
            var status => ("http-" + status.ToString(System.Globalization.CultureInfo.InvariantCulture), "The request was not served."),
        };
        await Of(context.HttpContext.Response.StatusCode, code, detail).ExecuteAsync(context.HttpContext);
    }

    private static string TraceId() => Activity.Current?.TraceId.ToString() ?? ActivityTraceId.CreateRandom().ToString();

    private static string Title(string code)
    {
        var words = code.Replace('-', ' ');
        return char.ToUpperInvariant(words[0]) + words[1..];
    }
}

/// <summary>Whether requests are refused because the ledger cannot be reached: those that record, and the others.</summary>
internal sealed class Unavailability(ILogger<Unavailability> logger, TimeProvider clock)
{
    private readonly Trouble _commands = new(logger, clock);
    private readonly Trouble _queries = new(logger, clock);

    /// <summary>What goes for requests like this one.</summary>
    public Trouble Of(HttpRequest request) => HttpMethods.IsGet(request.Method) ? _queries : _commands;
}

/// <summary>What is thrown, as problem details; nothing of the inside is told.</summary>
internal sealed class FailureHandler(ILogger<FailureHandler> logger, Unavailability unavailable) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        var problem = Problem(exception);
        if (problem.Status is StatusCodes.Status500InternalServerError)
            logger.LogError(exception, "A request failed: {Method} {Path}", httpContext.Request.Method, httpContext.Request.Path);
        if (RetryAfter(exception, problem) is { } seconds)
            httpContext.Response.Headers.RetryAfter = seconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
        if (problem.Status is StatusCodes.Status503ServiceUnavailable && exception is not BehindException)
            unavailable
                .Of(httpContext.Request)
                .Is("Requests are answered with 503: " + (exception.InnerException?.Message ?? exception.Message));
        await Results.Problem(problem).ExecuteAsync(httpContext);
        return true;
    }

    /// <summary>What is told of an exception.</summary>
    public static ProblemDetails Problem(Exception exception) =>
        exception switch
        {
            InvalidQueryException invalid => Problems.Details(
                invalid.Errors.GroupBy(e => e.Field, e => e.Error, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.ToArray())
            ),
            RefusedException refused => Problems.Details(refused.Refusal),
            BehindException => Problems.Details(StatusCodes.Status503ServiceUnavailable, "projection-behind", exception.Message),
            TooManyException => Problems.Details(StatusCodes.Status429TooManyRequests, "too-many-requests", exception.Message),
            SealingKeyException => Problems.Details(StatusCodes.Status409Conflict, "sealing-key-missing", exception.Message),
            SealNoteException => Problems.Details(StatusCodes.Status409Conflict, "seal-missing", exception.Message),
            BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => Problems.Details(
                StatusCodes.Status413PayloadTooLarge,
                RefusalCodes.Validation,
                $"The body is larger than {Hosting.Limits.BodyBytes} bytes. Nothing was recorded."
            ),
            BadHttpRequestException bad => Problems.Unreadable(bad.StatusCode, bad.Message),
            LedgerUnavailableException { OutcomeUnknown: true } => Unavailable(
                "The database went away while the command was written: it may or may not be recorded. Send it again with the same Idempotency-Key to find out."
            ),
            LedgerUnavailableException => Unavailable("The ledger cannot be reached; nothing was recorded. Try again."),
            NpgsqlException or TimeoutException when !IsOurFault(exception) => Unavailable(
                "The database cannot be reached; nothing was recorded. Try again."
            ),
            _ => Problems.Details(
                StatusCodes.Status500InternalServerError,
                "internal-error",
                "Something went wrong inside; the log has it under this trace id."
            ),
        };

    /// <summary>After how many seconds it may be tried again; null where that is of no use.</summary>
    private static int? RetryAfter(Exception exception, ProblemDetails problem) =>
        exception is TooManyException { RetryAfter: var seconds } ? seconds
        : problem.Status is StatusCodes.Status503ServiceUnavailable ? 1
        : null;

    /// <summary>The database answers, and does not take what it is asked.</summary>
    private static bool IsOurFault(Exception e) => e is PostgresException { SqlState: ['2', '2' or '3', ..] or ['4', '2', ..] };

    private static ProblemDetails Unavailable(string detail) =>
        Problems.Details(StatusCodes.Status503ServiceUnavailable, "ledger-unavailable", detail);
}
