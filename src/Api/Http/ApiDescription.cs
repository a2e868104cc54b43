using System.Reflection;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.OpenApi;
using PresenceLedger.Api.Access;
using PresenceLedger.Api.Agents;
using PresenceLedger.Api.Privacy;
using PresenceLedger.Api.Reports;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Queries.Historical;
using PresenceLedger.Queries.RealTime;

namespace PresenceLedger.Api.Http;

/// <summary>Says that an endpoint answers in pages: it takes <c>limit</c> and <c>cursor</c>.</summary>
/// <param name="Limit">How many there are where <c>limit</c> is left out.</param>
internal sealed record Paged(int Limit = 100);

/// <summary>Says that an endpoint waits for <c>Ledger-Position</c>.</summary>
internal sealed record ReadsYourWrites;

/// <summary>Says that an endpoint records nothing, although its method is not GET.</summary>
internal sealed record RecordsNothing;

/// <summary>Says that an endpoint answers something else, too, where it is asked otherwise.</summary>
internal sealed record MayAnswer(Type Type);

/// <summary>Says that doing it again does nothing more: it takes neither Idempotency-Key nor If-Match.</summary>
internal sealed record NeedsNoKey;

/// <summary>
/// The OpenAPI description (docs/decisions/0026). What endpoints have in common is said here once, by kind of endpoint: schemas by how
/// JSON is written, parameters by name, headers, statuses, names and security.
/// </summary>
internal static partial class ApiDescription
{
    public const string Root = "/api/v1";

    private const string Bearer = "bearer";
    private const string ActorHeader = "X-Actor";
    private const string EventStream = "text/event-stream";

    private static readonly HashSet<string> Flags = ["signedIn", "stuck", "open", "full", "seal"];
    private static readonly HashSet<string> WholeNumbers = [QueryShape.MinVersion, "version", "units", "below", "after"];
    private static readonly HashSet<string> Numbers = ["days", "seconds"];
    private static readonly HashSet<string> Instants = ["at", "knownAt", "asKnownAt"];

    private static readonly Dictionary<string, string[]> Words = new(StringComparer.Ordinal)
    {
        ["bucket"] = ["15m", "30m", "hour", "day", "week", "month", "total"],
        ["view"] = [ReportWindow.CorrectedView, ReportWindow.RawView],
        ["order"] = ["asc", "desc"],
        ["tab"] = ["online", "offline", "with-sessions"],
        ["range"] = [RealTimeQuery.Today, RealTimeQuery.Last24Hours, RealTimeQuery.OpenBeyond24Hours],
        ["timeRange"] = [RealTimeQuery.Today, RealTimeQuery.Last24Hours, RealTimeQuery.OpenBeyond24Hours],
        ["format"] = ["json", "csv", "ndjson"],
        ["separator"] = [",", ";", "|", "tab"],
        ["decimal"] = [".", ","],
    };

    public static void Configure(OpenApiOptions options) =>
        options.AddDocumentTransformer(
            (document, context, _) =>
            {
                Describe(document, context);
                return Task.CompletedTask;
            }
        );

    private static void Describe(OpenApiDocument document, OpenApiDocumentTransformerContext context)
    {
        document.Info.Title = "PresenceLedger";
        document.Info.Version = "v1";
        document.Info.Description =
            "An event-sourced ledger of agent presence: commands of agents, routing engines and administrators, and queries. "
            + "Errors are problem details with a stable code.";
        // Where it is reached is the caller's to know.
        document.Servers?.Clear();
        document.Components ??= new OpenApiComponents();
        var commented = document.Components.Schemas?.ToDictionary() ?? [];
        document.Components.Schemas = new Dictionary<string, IOpenApiSchema> { [nameof(Problem)] = Problem() };
        Secure(document, context.ApplicationServices.GetRequiredService<AccessOptions>());

        var schemas = new WireSchemas(document, commented);
        foreach (var endpoint in context.DescriptionGroups.SelectMany(g => g.Items))
        {
            var path = Constraint().Replace("/" + endpoint.RelativePath?.Trim('/'), "{$1}");
            var method = HttpMethod.Parse(endpoint.HttpMethod!);
            if (document.Paths.TryGetValue(path, out var item) && item.Operations?.GetValueOrDefault(method) is { } operation)
                Describe(new Described(document, schemas, operation, endpoint, path, method));
        }
        // The order of the components is not to depend on that of the endpoints.
        document.Components.Schemas = new SortedDictionary<string, IOpenApiSchema>(document.Components.Schemas, StringComparer.Ordinal);
    }

    private static void Describe(Described d)
    {
        d.Operation.OperationId = OperationNames.Of(d.Method, d.Path);
        Parameters(d);
        if (d.BodyType is { } body)
        {
            var schema = d.Schemas.Of(body, answered: false);
            d.Operation.RequestBody = new OpenApiRequestBody
            {
                Required = d.Document.Components!.Schemas![((OpenApiSchemaReference)schema).Reference.Id!].Required is { Count: > 0 },
                Content = new Dictionary<string, OpenApiMediaType> { ["application/json"] = new() { Schema = schema } },
            };
        }
        var responses = new OpenApiResponses();
        foreach (var response in d.Endpoint.SupportedResponseTypes.Where(r => r.StatusCode < 400).OrderBy(r => r.StatusCode))
            responses[Text(response.StatusCode)] = Success(d, response);
        foreach (var status in Failures(d))
            responses[Text(status)] = Failure(d, status);
        d.Operation.Responses = responses;
    }

    private static void Secure(OpenApiDocument document, AccessOptions access)
    {
        document.AddComponent<IOpenApiSecurityScheme>(
            Bearer,
            new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = Bearer,
                BearerFormat = "JWT",
                Description = "With Access:Mode=Jwt: a token whose roles say what the caller may do.",
            }
        );
        document.AddComponent<IOpenApiSecurityScheme>(
            ActorHeader,
            new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.ApiKey,
                In = ParameterLocation.Header,
                Name = ActorHeader,
                Description =
                    "With Access:Mode=Open: who calls, KIND:ID with the ID percent-encoded (agent, supervisor, administrator, auditor, "
                    + "service); service:local where it is left out.",
            }
        );
        document.Security =
            access.Mode is AccessMode.Jwt ? [Requirement(Bearer)] : [Requirement(ActorHeader), new OpenApiSecurityRequirement()];

        OpenApiSecurityRequirement Requirement(string scheme) => new() { [new OpenApiSecuritySchemeReference(scheme, document)] = [] };
    }

    private static void Parameters(Described d)
    {
        var metadata = d.Metadata;
        var parameters = d.Operation.Parameters ??= [];
        foreach (var parameter in parameters.OfType<OpenApiParameter>().Where(p => p.In is ParameterLocation.Query))
            Shape(d, parameter);
        foreach (var parameter in parameters.OfType<OpenApiParameter>().Where(p => p.In is ParameterLocation.Path))
            parameter.Schema =
                parameter.Name == "version"
                    ? new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int64" }
                    : new OpenApiSchema
                    {
                        Type = JsonSchemaType.String,
                        MinLength = 1,
                        MaxLength = 200,
                    };
        if (d.IsOfAgent && d.IsQuery && parameters.All(p => p.Name != QueryShape.MinVersion))
            Query(QueryShape.MinVersion, "The least version of the agent: waits up to 5 s until the answer has it.", Whole(0));
        if (metadata.OfType<Paged>().FirstOrDefault() is { } paged)
        {
            Query("limit", $"At most this many ({paged.Limit}; at most 1000).", Whole(1, 1000));
            Query("cursor", "The 'next' of the page before.", String());
        }
        if (d.IsOfAgent && d.IsQuery && ReadRecording.IsOn([.. metadata]))
        {
            Header(ReadRecording.PurposeHeader, "What somebody else than the agent reads it for; the agent sees it.");
            Query(ReadRecording.PurposeParameter, $"The same as the header {ReadRecording.PurposeHeader}.", String());
        }
        if (metadata.OfType<ReadsYourWrites>().Any() || metadata.OfType<TellsOfConfiguration>().Any())
            Header(ReadPositionHeaders.Header, "From an earlier answer: waits up to 5 s until the query has it.");
        if (d.Endpoint.SupportedResponseTypes.Any(r => r.ApiResponseFormats.Any(f => f.MediaType == EventStream)))
            Header("Last-Event-ID", "The id of the last event that was received: the stream goes on after it.");
        if (d.IsCommand)
        {
            Header(
                "Idempotency-Key",
                "The same key with the same command (bodies are compared as JSON) within 24 h gives the first answer again."
            );
            Header("If-Match", "The version that the caller decided on, as ETag gave it.");
            Header("X-Connection", "The connection the command is sent over, percent-encoded: a sign of life of it.");
            Header("traceparent", "The trace that the caller is in; its id becomes the correlationId of what is recorded.");
        }

        void Header(string name, string description) => Add(name, ParameterLocation.Header, description, String());

        void Query(string name, string description, OpenApiSchema schema) => Add(name, ParameterLocation.Query, description, schema);

        void Add(string name, ParameterLocation place, string description, OpenApiSchema schema) =>
            parameters.Add(
                new OpenApiParameter
                {
                    Name = name,
                    In = place,
                    Description = description,
                    Schema = schema,
                }
            );
    }

    /// <summary>What a query parameter takes, by its name: the same name is the same thing everywhere.</summary>
    private static void Shape(Described d, OpenApiParameter parameter)
    {
        var name = parameter.Name!;
        IOpenApiSchema? one =
            Flags.Contains(name) ? new OpenApiSchema { Type = JsonSchemaType.Boolean }
            : WholeNumbers.Contains(name)
                ? Whole(
                    name == "below" ? 1
                    : name == "after" ? null
                    : 0
                )
            : Numbers.Contains(name) ? new OpenApiSchema { Type = JsonSchemaType.Number }
            : Instants.Contains(name) ? Instant()
            // Reports take dates in their time zone, too.
            : name is "from" or "to" && !d.Path.Contains("/reports/", StringComparison.Ordinal) ? Instant()
            : name is "base" or "allowed" ? d.Schemas.Of(typeof(BaseStatus), answered: true)
            : Words.TryGetValue(name, out var words) ? OneOf(WordsOf(d, name, words))
            : String();
        if (d.Lists.Contains(name))
        {
            parameter.Schema = new OpenApiSchema { Type = JsonSchemaType.Array, Items = one };
            parameter.Style = ParameterStyle.Form;
            parameter.Explode = true;
        }
        else
            parameter.Schema = one;

        static OpenApiSchema Instant() => new() { Type = JsonSchemaType.String, Format = "date-time" };
    }

    private static string[] WordsOf(Described d, string name, string[] words) =>
        name switch
        {
            "view" when d.Path.EndsWith("/coverage", StringComparison.Ordinal) => [ReportWindow.RawView],
            "format" when !d.Endpoint.SupportedResponseTypes.Any(r => r.ApiResponseFormats.Any(f => f.MediaType == ReportFormats.Csv)) =>
            [
                "json",
            ],
            _ => words,
        };

    private static OpenApiResponse Success(Described d, ApiResponseType response)
    {
        var described = new OpenApiResponse { Description = ReasonPhrases.GetReasonPhrase(response.StatusCode) };
        foreach (var media in response.ApiResponseFormats.Select(f => f.MediaType))
        {
            described.Content ??= new Dictionary<string, OpenApiMediaType>();
            described.Content[media] = new OpenApiMediaType
            {
                Schema =
                    media is "application/json" && response.Type is { } type && type != typeof(void) ? Json(d, type)
                    : media is "application/zip" ? new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary" }
                    : String(),
            };
        }
        if (d.IsCommand || d.Metadata.OfType<ReadsYourWrites>().Any())
            Header(ReadPositionHeaders.Header, "How far the ledger is that this tells of: hand it to a query that is to have it.");
        if (d.NamesVersion(response.Type))
            Header("ETag", "The version, for If-Match.");
        if (d.IsCommand)
            Header(CommandEndpoint.ReplayedHeader, "true where it is the first answer to this Idempotency-Key once more.");
        return described;

        static IOpenApiSchema Json(Described d, Type type) =>
            d.Metadata.OfType<MayAnswer>().FirstOrDefault() is { } other
                ? new OpenApiSchema { OneOf = [d.Schemas.Of(type, answered: true), d.Schemas.Of(other.Type, answered: true)] }
                : d.Schemas.Of(type, answered: true);

        void Header(string name, string description) =>
            (described.Headers ??= new Dictionary<string, IOpenApiHeader>())[name] = new OpenApiHeader
            {
                Description = description,
                Schema = String(),
            };
    }

    /// <summary>The statuses that an endpoint may refuse with, by its kind and by what it says itself.</summary>
    private static SortedSet<int> Failures(Described d)
    {
        // What is sent may be wrong, who calls unknown or not allowed; the service may have too much to do, or no ledger.
        var statuses = new SortedSet<int> { 400, 401, 403, 429, 503 };
        if (d.Path.Contains('{'))
            statuses.Add(404);
        if (!d.IsQuery)
            statuses.UnionWith([413, 415]);
        if (d.IsCommand)
            statuses.UnionWith([409, 412, 422]);
        statuses.UnionWith(d.Endpoint.SupportedResponseTypes.Select(r => r.StatusCode).Where(s => s >= 400));
        return statuses;
    }

    private static OpenApiResponseReference Failure(Described d, int status)
    {
        var id = ReasonPhrases.GetReasonPhrase(status).Replace(" ", "", StringComparison.Ordinal);
        var responses = d.Document.Components!.Responses ??= new Dictionary<string, IOpenApiResponse>();
        if (!responses.ContainsKey(id))
        {
            var response = new OpenApiResponse
            {
                Description = status switch
                {
                    400 => "What was sent is not valid; 'errors' says where. Nothing was recorded.",
                    401 => "It is not known who calls.",
                    403 => "The caller may not do this.",
                    404 => "What the path names is not there.",
                    409 => "A rule refuses it. Nothing was recorded.",
                    412 => "The version is no longer the one of If-Match. Nothing was recorded.",
                    413 => "The body is too large.",
                    415 => "The body is not application/json.",
                    422 => "The Idempotency-Key came before with another command.",
                    429 => "The service has too much to do. Try again after Retry-After.",
                    503 => "The ledger cannot be reached, or the projection is behind. Try again after Retry-After.",
                    _ => ReasonPhrases.GetReasonPhrase(status),
                },
                Content = new Dictionary<string, OpenApiMediaType>
                {
                    [Problems.ContentType] = new() { Schema = new OpenApiSchemaReference(nameof(Problem), d.Document) },
                },
            };
            if (status is 429 or 503)
                response.Headers = new Dictionary<string, IOpenApiHeader>
                {
                    ["Retry-After"] = new OpenApiHeader
                    {
                        Description = "In how many seconds to try again.",
                        Schema = new OpenApiSchema { Type = JsonSchemaType.Integer },
                    },
                };
            d.Document.AddComponent<IOpenApiResponse>(id, response);
        }
        return new OpenApiResponseReference(id, d.Document);
    }

    /// <summary>Problem details, as <see cref="Problems"/> writes them.</summary>
    private static OpenApiSchema Problem() =>
        new()
        {
            Description = "What is wrong (RFC 9457).",
            Type = JsonSchemaType.Object,
            AdditionalPropertiesAllowed = false,
            Required = new HashSet<string> { "type", "title", "status", "detail", "code", "traceId" },
            Properties = new Dictionary<string, IOpenApiSchema>
            {
                ["type"] = String("urn:presence-ledger: and the code."),
                ["title"] = String("The code in words."),
                ["status"] = new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int32" },
                ["detail"] = String("What is wrong, and what to do."),
                ["code"] = String("A stable word for what is wrong."),
                ["traceId"] = String("Names the request in logs and traces."),
                ["errors"] = new OpenApiSchema
                {
                    Type = JsonSchemaType.Object,
                    Description = "What is wrong, by field; with status 400.",
                    AdditionalProperties = new OpenApiSchema { Type = JsonSchemaType.Array, Items = String() },
                },
            },
        };

    private static OpenApiSchema String(string? description = null) => new() { Type = JsonSchemaType.String, Description = description };

    private static OpenApiSchema Whole(int? least, int? most = null) =>
        new()
        {
            Type = JsonSchemaType.Integer,
            Minimum = least is { } l ? Text(l) : null,
            Maximum = most is { } m ? Text(m) : null,
        };

    private static OpenApiSchema OneOf(IEnumerable<string> words) =>
        new() { Type = JsonSchemaType.String, Enum = [.. words.Select(w => (JsonNode)w)] };

    private static string Text(int number) => number.ToString(System.Globalization.CultureInfo.InvariantCulture);

    [GeneratedRegex(@"\{\**([^}:?=]+)[^}]*\}")]
    private static partial Regex Constraint();

    /// <summary>An operation, and the endpoint that it describes.</summary>
    private sealed record Described(
        OpenApiDocument Document,
        WireSchemas Schemas,
        OpenApiOperation Operation,
        Microsoft.AspNetCore.Mvc.ApiExplorer.ApiDescription Endpoint,
        string Path,
        HttpMethod Method
    )
    {
        public IList<object> Metadata => Endpoint.ActionDescriptor.EndpointMetadata;

        public bool IsQuery => Method == HttpMethod.Get;

        public bool IsOfAgent => Path.Contains("{agentId}", StringComparison.Ordinal);

        /// <summary>What records events, under a key where one is given; signs of life record none.</summary>
        public bool IsCommand =>
            !IsQuery && !Path.Contains("heartbeat", StringComparison.Ordinal) && !Metadata.Any(m => m is RecordsNothing or NeedsNoKey);

        /// <summary>Whether the answer names the version that it shows.</summary>
        public bool NamesVersion(Type? answer) =>
            IsCommand
            || answer == typeof(PresenceAnswer)
            || answer == typeof(AgentSettingsAnswer)
            || (Metadata.OfType<TellsOfConfiguration>().Any() && answer != typeof(ConfigurationVersionAnswer));

        public Type? BodyType => Metadata.OfType<IAcceptsMetadata>().FirstOrDefault()?.RequestType;

        /// <summary>The query parameters that are lists.</summary>
        public IReadOnlySet<string> Lists { get; } =
            (Endpoint.ActionDescriptor.EndpointMetadata.OfType<MethodInfo>().FirstOrDefault()?.GetParameters() ?? [])
                .SelectMany<ParameterInfo, (string, ICustomAttributeProvider)>(p =>
                    p.GetCustomAttribute<AsParametersAttribute>() is null
                        ? [(p.Name!, p)]
                        : p
                            .ParameterType.GetProperties()
                            .Select(m => (m.GetCustomAttribute<FromQueryAttribute>()?.Name ?? m.Name, (ICustomAttributeProvider)m))
                )
                .Where(p => p.Item2.IsDefined(typeof(QueryListAttribute), inherit: true))
                .Select(p => p.Item1)
                .ToHashSet(StringComparer.Ordinal);
    }
}
