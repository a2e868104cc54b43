using System.Text.Json;
using System.Text.Json.Serialization;
using PresenceLedger.Domain.Naming;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Queries;

/// <summary>JSON as the API speaks it: the ledger's rules, and strict about what comes in.</summary>
public static class WireJson
{
    public static JsonSerializerOptions Options { get; } = Make();

    public static void Configure(JsonSerializerOptions options)
    {
        LedgerJson.Configure(options);
        options.DefaultIgnoreCondition = JsonIgnoreCondition.Never;
        options.IgnoreReadOnlyProperties = false;
        options.PropertyNameCaseInsensitive = false;
        options.NumberHandling = JsonNumberHandling.Strict;
        options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
        options.AllowDuplicateProperties = false;
        options.MaxDepth = 16;
        options.Converters.Insert(0, new Instants());
    }

    /// <summary>Instants in bodies are as strict as those in queries: one without an offset would be taken for the machine's own time.</summary>
    private sealed class Instants : JsonConverter<DateTimeOffset>
    {
        public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType is JsonTokenType.String && Domain.Instants.TryRead(reader.GetString()!, out var instant)
                ? instant
                : throw new NotAnInstantException();

        public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
            writer.WriteStringValue(Instant.Format(value));
    }

    /// <summary>Texts come in as identifiers are compared (NFC): so no identifier in a body can be forgotten.</summary>
    private sealed class NormalizedText : JsonConverter<string>
    {
        public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            Identifier.Normalize(reader.TokenType is JsonTokenType.String ? reader.GetString()! : throw new JsonException());

        public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(value);

        public override string ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            Identifier.Normalize(reader.GetString()!);

        public override void WriteAsPropertyName(Utf8JsonWriter writer, string value, JsonSerializerOptions options) =>
            writer.WritePropertyName(value);
    }

    private static JsonSerializerOptions Make()
    {
        var options = new JsonSerializerOptions();
        ConfigureBodies(options);
        options.MakeReadOnly();
        return options;
    }

    /// <summary>How bodies are read, besides.</summary>
    public static void ConfigureBodies(JsonSerializerOptions options)
    {
        Configure(options);
        // Not among what Configure gives the web: the description of the API knows the names by the framework's converter.
        options.Converters.Insert(0, new ExactNames());
        options.Converters.Insert(0, new NormalizedText());
    }
}

/// <summary>Names of enums to the letter. The framework's own converter takes <c>available, busy</c> too, as one value of both.</summary>
public sealed class ExactNames : JsonConverterFactory
{
    public override bool CanConvert(Type typeToConvert) => typeToConvert.IsEnum;

    public override JsonConverter CreateConverter(Type typeToConvert, JsonSerializerOptions options) =>
        (JsonConverter)Activator.CreateInstance(typeof(Of<>).MakeGenericType(typeToConvert))!;

    private sealed class Of<TEnum> : JsonConverter<TEnum>
        where TEnum : struct, Enum
    {
        private static readonly Dictionary<string, TEnum> Values = Enum.GetValues<TEnum>().ToDictionary(Name, StringComparer.Ordinal);

        public override TEnum Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType is JsonTokenType.String && Values.TryGetValue(reader.GetString()!, out var value)
                ? value
                : throw new JsonException();

        public override void Write(Utf8JsonWriter writer, TEnum value, JsonSerializerOptions options) =>
            writer.WriteStringValue(Name(value));

        private static string Name(TEnum value) => JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString());
    }
}

/// <summary>A member that is to be an instant is none.</summary>
public sealed class NotAnInstantException() : JsonException(Error)
{
    public const string Error = "must be an RFC 3339 instant with an offset, such as 2026-01-05T08:00:00.000Z or 2026-01-05T09:00:00+01:00";
}
