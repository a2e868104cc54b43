using System.Text.Json;
using System.Text.Json.Serialization;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Api.Http;

/// <summary>JSON as the API speaks it: the ledger's rules, and strict about what comes in.</summary>
internal static class WireJson
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
    }

    private static JsonSerializerOptions Make()
    {
        var options = new JsonSerializerOptions();
        Configure(options);
        // Not among what Configure gives the web: the description of the API knows the names by the framework's converter.
        options.Converters.Insert(0, new ExactNames());
        options.MakeReadOnly();
        return options;
    }
}

/// <summary>Names of enums to the letter. The framework's own converter takes <c>available, busy</c> too, as one value of both.</summary>
internal sealed class ExactNames : JsonConverterFactory
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
