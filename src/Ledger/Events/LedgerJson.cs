using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Domain.Seals;

namespace PresenceLedger.Ledger.Events;

/// <summary>How events, states and answers are written: camelCase, enums in kebab-case, instants in UTC with milliseconds, durations in seconds.</summary>
[JsonSerializable(typeof(AgentRegistered))]
[JsonSerializable(typeof(AgentConfigured))]
[JsonSerializable(typeof(AgentSignedIn))]
[JsonSerializable(typeof(AgentSignedOut))]
[JsonSerializable(typeof(ConnectionOpened))]
[JsonSerializable(typeof(ConnectionClosing))]
[JsonSerializable(typeof(ConnectionLost))]
[JsonSerializable(typeof(PresenceChanged))]
[JsonSerializable(typeof(ConversationAssigned))]
[JsonSerializable(typeof(ConversationAccepted))]
[JsonSerializable(typeof(ConversationWaiting))]
[JsonSerializable(typeof(ConversationResumed))]
[JsonSerializable(typeof(WrapUpStarted))]
[JsonSerializable(typeof(WrapUpBlockEnded))]
[JsonSerializable(typeof(ConversationActivity))]
[JsonSerializable(typeof(ConversationClosed))]
[JsonSerializable(typeof(ConversationAbandoned))]
[JsonSerializable(typeof(ConversationMissed))]
[JsonSerializable(typeof(ConversationRejected))]
[JsonSerializable(typeof(ConversationReleased))]
[JsonSerializable(typeof(ConversationTransferred))]
[JsonSerializable(typeof(ConversationForceReleased))]
[JsonSerializable(typeof(ConsultJoined))]
[JsonSerializable(typeof(ConsultLeft))]
[JsonSerializable(typeof(ConsultEnded))]
[JsonSerializable(typeof(CapacityReset))]
[JsonSerializable(typeof(PresenceCorrected))]
[JsonSerializable(typeof(EntryDisputed))]
[JsonSerializable(typeof(DisputeAnswered))]
[JsonSerializable(typeof(PersonErased))]
[JsonSerializable(typeof(AuditRead))]
[JsonSerializable(typeof(StatusDefined))]
[JsonSerializable(typeof(StatusChanged))]
[JsonSerializable(typeof(StatusRetired))]
[JsonSerializable(typeof(StatusUsed))]
[JsonSerializable(typeof(CapacityProfileSet))]
[JsonSerializable(typeof(PolicyChanged))]
[JsonSerializable(typeof(SealingKeyIntroduced))]
[JsonSerializable(typeof(SealingKeyRetired))]
[JsonSerializable(typeof(LedgerSealed))]
[JsonSerializable(typeof(RestoreAccepted))]
[JsonSerializable(typeof(EventMetadata))]
[JsonSerializable(typeof(Agent))]
[JsonSerializable(typeof(Configuration))]
internal sealed partial class LedgerJsonContext : JsonSerializerContext;

/// <summary>The one set of serializer options.</summary>
public static class LedgerJson
{
    private static readonly JsonSerializerOptions Written = Configure(new JsonSerializerOptions());

    /// <summary>Source-generated where the ledger's own types are concerned; others by reflection.</summary>
    public static JsonSerializerOptions Options => Written;

    /// <summary>Writes a value of the ledger.</summary>
    public static string Write<T>(T value) => JsonSerializer.Serialize(value, Written);

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    public static T Read<T>(string json) =>
        JsonSerializer.Deserialize<T>(json, Written) ?? throw new JsonException($"A {typeof(T).Name} cannot be null.");

    /// <summary>Gives other serializer options (the web's, the documents') the same rules.</summary>
    public static JsonSerializerOptions Configure(JsonSerializerOptions options)
    {
        options.PropertyNamingPolicy = JsonNamingPolicy.CamelCase;
        options.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        // What can be computed is not stored.
        options.IgnoreReadOnlyProperties = true;
        // Reasons and names are people's words: written as they are, not as escapes. Pages encode on output.
        options.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower, allowIntegerValues: false));
        options.Converters.Add(new InstantConverter());
        options.Converters.Add(new SecondsConverter());
        // A source-generated context as the only resolver makes every other type throw.
        var byReflection = new DefaultJsonTypeInfoResolver();
        options.TypeInfoResolverChain.Insert(0, new OwnDefaults(byReflection));
        options.TypeInfoResolverChain.Insert(1, LedgerJsonContext.Default);
        options.TypeInfoResolverChain.Add(byReflection);
        return options;
    }

    /// <summary>
    /// Generated code sets every init-only member, also one that the JSON does not have, and so takes away its default: a policy
    /// that was stored before a setting existed would have it off, or zero.
    /// </summary>
    private sealed class OwnDefaults(DefaultJsonTypeInfoResolver byReflection) : IJsonTypeInfoResolver
    {
        public JsonTypeInfo? GetTypeInfo(Type type, JsonSerializerOptions options) =>
            type == typeof(Policy) || type == typeof(Agent) || type == typeof(Configuration)
                ? byReflection.GetTypeInfo(type, options)
                : null;
    }

    private sealed class InstantConverter : JsonConverter<DateTimeOffset>
    {
        public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.GetDateTimeOffset().ToMillisecond();

        public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
            writer.WriteStringValue(Instant.Format(value));
    }

    private sealed class SecondsConverter : JsonConverter<TimeSpan>
    {
        public override TimeSpan Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            TimeSpan.FromSeconds(reader.GetDouble());

        public override void Write(Utf8JsonWriter writer, TimeSpan value, JsonSerializerOptions options) =>
            writer.WriteRawValue(value.TotalSeconds.ToString(CultureInfo.InvariantCulture));
    }
}
