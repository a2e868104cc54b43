using System.Globalization;
using System.Text.Json;
using PresenceLedger.Domain.Naming;

namespace PresenceLedger.Api.Http;

/// <summary>
/// One way to write each JSON value: without white space, members in the order of their names, texts in one normalization form, numbers
/// without zeros that say nothing. So two bodies that say the same can be told from two that do not.
/// </summary>
internal static class CanonicalJson
{
    /// <summary>What a body that was left out says: an object without members.</summary>
    public static byte[] Nothing => "{}"u8.ToArray();

    /// <summary>Writes a value.</summary>
    public static byte[] Of(JsonElement value)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
            Write(json, value);
        return buffer.ToArray();
    }

    private static void Write(Utf8JsonWriter json, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                json.WriteStartObject();
                foreach (var member in value.EnumerateObject().OrderBy(m => m.Name, StringComparer.Ordinal))
                {
                    json.WritePropertyName(member.Name);
                    Write(json, member.Value);
                }
                json.WriteEndObject();
                break;
            case JsonValueKind.Array:
                json.WriteStartArray();
                foreach (var item in value.EnumerateArray())
                    Write(json, item);
                json.WriteEndArray();
                break;
            case JsonValueKind.String:
                json.WriteStringValue(Identifier.Normalize(value.GetString()!));
                break;
            case JsonValueKind.Number when value.TryGetDecimal(out var number):
                json.WriteRawValue(number.ToString("0.############################", CultureInfo.InvariantCulture));
                break;
            default:
                value.WriteTo(json);
                break;
        }
    }
}
