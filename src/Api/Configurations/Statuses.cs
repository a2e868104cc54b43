using PresenceLedger.Api.Agents;
using PresenceLedger.Api.Http;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Ledger.Configurations;

namespace PresenceLedger.Api.Configurations;

/// <summary>The status catalogue (CAT).</summary>
internal static class Statuses
{
    public static void Map(RouteGroupBuilder api)
    {
        api.MapGet("/statuses", Get)
            .WithMetadata(new TellsOfConfiguration())
            .WithTags("Configuration")
            .WithMetadata(new Paged())
            .WithSummary("The statuses, those out of the box and custom ones.")
            .Produces<Page<StatusAnswer>>();
        api.MapPut(
                "/statuses/{statusId}",
                (HttpContext http, string statusId, Body<StatusBody> body) =>
                    ConfigurationEndpoints.SendAsync(
                        http,
                        body,
                        b => new DefineStatus(statusId, b.Name ?? b.Text!, b.Text ?? b.Name!, b.Base!.Value, b.Description),
                        c => new StatusAnswer(c.Statuses[statusId])
                    )
            )
            .Allow(Permissions.CheckConfigure)
            .WithTags("Configuration")
            .WithSummary("Add a custom status, or edit it (CAT-2).")
            .Produces<StatusAnswer>()
            .ProducesProblem(StatusCodes.Status409Conflict);
        api.MapPost(
                "/statuses/{statusId}/retire",
                (HttpContext http, string statusId, Body<NoBody> body) =>
                    ConfigurationEndpoints.SendAsync(
                        http,
                        body,
                        _ => new RetireStatus(statusId),
                        c => new StatusAnswer(c.Statuses[statusId]),
                        RefusalCodes.StatusUnknown
                    )
            )
            .Allow(Permissions.CheckConfigure)
            .WithTags("Configuration")
            .WithSummary("Retire a custom status (CAT-5).")
            .Produces<StatusAnswer>()
            .ProducesProblem(StatusCodes.Status404NotFound);
    }

    private static IResult Get(HttpContext http, ConfigurationStream configuration)
    {
        if (Paging.Read(http, out var paging) is { } badPage)
            return badPage;
        // The version that a change of one of them may name in If-Match.
        CommandEndpoint.SetVersion(http, configuration.Current.Version);
        return Results.Json(paging.Of(configuration.Current.Statuses.Values, s => s.Id, s => new StatusAnswer(s)), WireJson.Options);
    }
}

/// <summary>A custom status. Of name and text one may be left out; it is the other then.</summary>
public sealed record StatusBody : BodyWithReason
{
    /// <summary>The administrator's name for it.</summary>
    public string? Name { get; init; }

    /// <summary>What agents and supervisors see.</summary>
    public string? Text { get; init; }

    /// <summary>One of the five base statuses.</summary>
    public BaseStatus? Base { get; init; }
    public string? Description { get; init; }

    internal override IEnumerable<(string, string)> Errors()
    {
        if (string.IsNullOrWhiteSpace(Name) && string.IsNullOrWhiteSpace(Text))
            yield return ("text", "is needed");
        foreach (var (field, value) in new[] { ("name", Name), ("text", Text) })
            if (value is not null && (string.IsNullOrWhiteSpace(value) || BodyChecks.Text(value) is not null))
                yield return (field, "must be 1 to 200 characters, " + BodyChecks.NoneOfThem);
        if (Base is null)
            yield return ("base", "is needed: available, busy, do-not-disturb, away or offline");
        if (Description is { } description && (description.Length > 2000 || description.Any(BodyChecks.IsNoText)))
            yield return ("description", "must be at most 2000 characters, " + BodyChecks.NoneOfThem);
    }
}

/// <summary>A status of the catalogue.</summary>
public sealed record StatusAnswer(
    string StatusId,
    string Name,
    string Text,
    BaseStatus Base,
    string? Description,
    bool BuiltIn,
    bool Retired,
    bool Used
)
{
    internal StatusAnswer(Status s)
        : this(s.Id, s.Name, s.Text, s.Base, s.Description, s.BuiltIn, s.Retired, s.Used) { }
}
