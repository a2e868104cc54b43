using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using PresenceLedger.Api.Reports;
using PresenceLedger.Contracts;
using PresenceLedger.Queries;
using PresenceLedger.Queries.Historical;

namespace PresenceLedger.Api.Http;

/// <summary>
/// Schemas of what is answered and sent, by how <see cref="WireJson"/> writes and reads it: in answers a member is required unless it is
/// left out when null, and may be null only where null is written; in bodies what the checks of an empty one ask for is required.
/// </summary>
/// <param name="document">Where they are put.</param>
/// <param name="commented">The framework's own, which have the words of the code's comments.</param>
internal sealed class WireSchemas(OpenApiDocument document, IReadOnlyDictionary<string, IOpenApiSchema> commented)
{
    private readonly Dictionary<(Type Type, bool Answered), string> _ids = [];

    /// <summary>The schema of a type, as it is answered or as it is sent.</summary>
    public IOpenApiSchema Of(Type type, bool answered)
    {
        if (Nullable.GetUnderlyingType(type) is { } given)
            return OrNull(Of(given, answered));
        if (type.IsEnum)
            return Named(type, answered: true, (_, schema) => FillEnum(type, schema));
        if (type == typeof(ReportItem) || type == typeof(TotalsItem))
            return Named(type, answered, (_, schema) => FillReportItem(schema, ofAgent: type == typeof(ReportItem)));
        if (Simple(type) is { } simple)
            return simple;
        var info = WireJson.Options.GetTypeInfo(type);
        return info.Kind switch
        {
            JsonTypeInfoKind.Enumerable => new OpenApiSchema { Type = JsonSchemaType.Array, Items = Of(info.ElementType!, answered) },
            JsonTypeInfoKind.Dictionary => new OpenApiSchema
            {
                Type = JsonSchemaType.Object,
                AdditionalProperties = Of(info.ElementType!, answered),
            },
            JsonTypeInfoKind.Object => Named(type, answered, (comments, schema) => FillObject(info, answered, comments, schema)),
            _ => new OpenApiSchema(),
        };
    }

    /// <summary>A schema that takes null besides.</summary>
    public static IOpenApiSchema OrNull(IOpenApiSchema schema)
    {
        if (schema is OpenApiSchema { OneOf: null } own)
        {
            // Without a type it takes anything.
            if (own.Type is { } type)
                own.Type = type | JsonSchemaType.Null;
            return own;
        }
        return schema is OpenApiSchema ? schema : new OpenApiSchema { OneOf = [new OpenApiSchema { Type = JsonSchemaType.Null }, schema] };
    }

    private static OpenApiSchema? Simple(Type type) =>
        type == typeof(string) || type == typeof(Uri) ? new() { Type = JsonSchemaType.String }
        : type == typeof(bool) ? new() { Type = JsonSchemaType.Boolean }
        : type == typeof(int) ? new() { Type = JsonSchemaType.Integer, Format = "int32" }
        : type == typeof(long) ? new() { Type = JsonSchemaType.Integer, Format = "int64" }
        : type == typeof(double) || type == typeof(decimal) ? new() { Type = JsonSchemaType.Number, Format = "double" }
        : type == typeof(TimeSpan)
            ? new()
            {
                Type = JsonSchemaType.Number,
                Format = "double",
                Description = "Seconds.",
            }
        : type == typeof(Guid) ? new() { Type = JsonSchemaType.String, Format = "uuid" }
        : type == typeof(DateTimeOffset) ? new() { Type = JsonSchemaType.String, Format = "date-time" }
        : type == typeof(JsonElement) || type == typeof(object) || typeof(JsonNode).IsAssignableFrom(type) ? new()
        : null;

    private OpenApiSchemaReference Named(Type type, bool answered, Action<IOpenApiSchema?, OpenApiSchema> fill)
    {
        if (!_ids.TryGetValue((type, answered), out var id))
        {
            var plain = type.IsEnum
                ? type.Name
                : OpenApiOptions.CreateDefaultSchemaReferenceId(WireJson.Options.GetTypeInfo(type)) ?? type.Name;
            id = !answered || !plain.EndsWith("Body", StringComparison.Ordinal) ? plain : plain[..^4] + "Answer";
            if (document.Components!.Schemas!.ContainsKey(id))
                id = plain + (answered ? "Answered" : "Sent");
            _ids.Add((type, answered), id);
            var comments = commented.GetValueOrDefault(plain);
            var schema = new OpenApiSchema { Description = comments?.Description };
            document.Components.Schemas.Add(id, schema);
            fill(comments, schema);
        }
        return new OpenApiSchemaReference(id, document);
    }

    private static void FillEnum(Type type, OpenApiSchema schema)
    {
        schema.Type = JsonSchemaType.String;
        schema.Enum = [.. Enum.GetNames(type).Select(name => (JsonNode)JsonNamingPolicy.KebabCaseLower.ConvertName(name))];
    }

    private void FillObject(JsonTypeInfo info, bool answered, IOpenApiSchema? comments, OpenApiSchema schema)
    {
        schema.Type = JsonSchemaType.Object;
        schema.AdditionalPropertiesAllowed = false;
        schema.Properties = new Dictionary<string, IOpenApiSchema>();
        var required = new SortedSet<string>(StringComparer.Ordinal);
        var asked = answered ? [] : AskedFor(info.Type);
        foreach (var property in info.Properties)
        {
            if (answered ? property.Get is null : property.Set is null && property.AssociatedParameter is null)
                continue;
            var attribute = property.AttributeProvider?.GetCustomAttributes(typeof(JsonIgnoreAttribute), inherit: true).FirstOrDefault();
            var ignored = (attribute as JsonIgnoreAttribute)?.Condition ?? JsonIgnoreCondition.Never;
            if (ignored is JsonIgnoreCondition.Always)
                continue;
            var isLeftOut = ignored is JsonIgnoreCondition.WhenWritingNull or JsonIgnoreCondition.WhenWritingDefault;
            var parameter = property.AssociatedParameter;
            var isRequired = answered
                ? !isLeftOut
                : asked.Contains(property.Name)
                    || property.IsRequired
                    || parameter is { HasDefaultValue: false, IsNullable: false, IsMemberInitializer: false };
            var nullable = answered ? !isLeftOut && property.IsGetNullable : !isRequired && property.IsSetNullable;
            var value = Of(Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType, answered);
            if (nullable)
                value = OrNull(value);
            if (isRequired)
                required.Add(property.Name);
            if (comments?.Properties is { } known && known.TryGetValue(property.Name, out var comment) && CommentOf(comment) is { } words)
                value.Description = words;
            schema.Properties[property.Name] = value;
        }
        schema.Required = required;
    }

    /// <summary>What the checks of a body miss in an empty one.</summary>
    private static HashSet<string> AskedFor(Type type) =>
        type.IsSubclassOf(typeof(BodyWithReason))
        && ((BodyWithReason)Activator.CreateInstance(type)!).AllErrors(DateTimeOffset.UnixEpoch) is { } errors
            ? [.. errors.Keys.Select(field => field.Split('.')[0])]
            : [];

    /// <summary>What is said of a member itself, and not of its type.</summary>
    private static string? CommentOf(IOpenApiSchema schema) =>
        schema is OpenApiSchemaReference reference ? reference.Reference.Description : schema.Description;

    private void FillReportItem(OpenApiSchema schema, bool ofAgent)
    {
        schema.Description = ofAgent
            ? "What an agent did in a bucket: every metric of GET /reports/metrics."
            : "What all agents of the report did together in a bucket: every metric of GET /reports/metrics.";
        schema.Type = JsonSchemaType.Object;
        schema.AdditionalPropertiesAllowed = false;
        schema.Properties = new Dictionary<string, IOpenApiSchema>();
        if (ofAgent)
            schema.Properties["agentId"] = new OpenApiSchema { Type = JsonSchemaType.String };
        foreach (var edge in new[] { "bucketStart", "bucketEnd" })
            schema.Properties[edge] = Of(typeof(DateTimeOffset), answered: true);
        foreach (var (name, mayBeUndefined, formula) in ReportItems.Numbers)
            schema.Properties[name] = new OpenApiSchema
            {
                Type = mayBeUndefined ? JsonSchemaType.Number | JsonSchemaType.Null : JsonSchemaType.Number,
                Format = "double",
                Description = formula,
            };
        schema.Properties[ReportMetrics.StatusSeconds] = new OpenApiSchema
        {
            Type = JsonSchemaType.Object,
            Description = "By status, each of its own.",
            AdditionalProperties = Of(typeof(StatusSecondsAnswer), answered: true),
        };
        schema.Required = schema.Properties.Keys.ToHashSet(StringComparer.Ordinal);
    }
}
