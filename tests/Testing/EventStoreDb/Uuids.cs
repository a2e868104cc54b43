using System.Buffers.Binary;
using PresenceLedger.Ledger.EventStoreDb.Wire;

namespace PresenceLedger.Testing.EventStoreDb;

/// <summary>Ids on the wire: as text, or as two numbers.</summary>
internal static class Uuids
{
    public static UUID Text(Guid id) => new() { String = id.ToString() };

    public static UUID Structured(Guid id)
    {
        var bytes = id.ToByteArray(bigEndian: true);
        return new UUID
        {
            Structured = new UUID.Types.Structured
            {
                MostSignificantBits = BinaryPrimitives.ReadInt64BigEndian(bytes),
                LeastSignificantBits = BinaryPrimitives.ReadInt64BigEndian(bytes.AsSpan(8)),
            },
        };
    }

    public static Guid Read(UUID id)
    {
        if (id.ValueCase == UUID.ValueOneofCase.String)
            return Guid.Parse(id.String);
        var bytes = new byte[16];
        BinaryPrimitives.WriteInt64BigEndian(bytes, id.Structured.MostSignificantBits);
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(8), id.Structured.LeastSignificantBits);
        return new Guid(bytes, bigEndian: true);
    }
}
