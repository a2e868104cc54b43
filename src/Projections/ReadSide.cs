using System.Text.Json;
using System.Text.Json.Serialization;
using JasperFx;
using Marten;
using Npgsql;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Projections.CurrentPresence;
using Weasel.Core;

namespace PresenceLedger.Projections;

/// <summary>
/// The read side: the schema <c>read</c> has the directory, as documents, and how far the read models are; each of those has a schema of
/// its own.
/// </summary>
public static class ReadSide
{
    /// <summary>The schema; it can be dropped and rebuilt, but for the directory.</summary>
    public const string Schema = "read";

    private static readonly JsonSerializerOptions Json = Configure(new JsonSerializerOptions());

    /// <summary>How the directory is stored.</summary>
    public static void Configure(StoreOptions options, NpgsqlDataSource database)
    {
        options.Connection(database);
        options.DatabaseSchemaName = Schema;
        options.AutoCreateSchemaObjects = AutoCreate.CreateOrUpdate;
        options.DisableNpgsqlLogging = true;
        options.UseSystemTextJsonForSerialization(
            EnumStorage.AsString,
            Casing.CamelCase,
            json =>
            {
                json.Converters.Clear();
                json.TypeInfoResolverChain.Clear();
                Configure(json);
            }
        );
        options.Schema.For<DirectoryEntry>().DocumentAlias("directory");
    }

    /// <summary>Writes what goes into a column of type jsonb; <see cref="LedgerJson.Read"/> reads it.</summary>
    public static string Write<T>(T value) => JsonSerializer.Serialize(value, Json);

    private static JsonSerializerOptions Configure(JsonSerializerOptions json)
    {
        LedgerJson.Configure(json);
        json.Converters.Add(new TextForDocuments());
        return json;
    }

    /// <summary>The log keeps any text; a document cannot hold the null character, and one reason with it would stop all of them.</summary>
    private sealed class TextForDocuments : JsonConverter<string>
    {
        public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetString();

        public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) =>
            writer.WriteStringValue(value.Replace('\0', '\uFFFD'));

        public override string ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.GetString()!;

        public override void WriteAsPropertyName(Utf8JsonWriter writer, string value, JsonSerializerOptions options) =>
            writer.WritePropertyName(value.Replace('\0', '\uFFFD'));
    }
}
