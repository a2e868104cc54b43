namespace PresenceLedger.Simulation;

/// <summary>
/// Chance that comes out the same every time: SplitMix64 from a seed. It is ours, for the generators of the platform may give
/// other numbers with its next version, and a simulated ledger would change with it.
/// </summary>
public sealed class Chance(ulong seed)
{
    private const ulong Golden = 0x9E3779B97F4A7C15;
    private ulong _state = seed;

    /// <summary>One of many independent sources under a seed.</summary>
    public static Chance Of(long seed, int source) => new(Mixed(Mixed((ulong)seed + Golden) + (ulong)source));

    /// <summary>At least 0, less than 1.</summary>
    public double Fraction() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>True as often as this share says.</summary>
    public bool Is(double share) => Fraction() < share;

    public int Below(int end) => (int)(Fraction() * end);

    public double Between(double least, double most) => least + Fraction() * (most - least);

    /// <summary>How long until what happens at random, once in this time on the average.</summary>
    public double Once(double mean) => -mean * Math.Log(1 - Fraction());

    public T OneOf<T>(IReadOnlyList<T> all) => all[Below(all.Count)];

    /// <summary>A UUIDv7 of an instant.</summary>
    public Guid Id(DateTimeOffset instant)
    {
        Span<byte> bytes = stackalloc byte[16];
        System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(bytes, instant.ToUnixTimeMilliseconds() << 16 | (long)(Next() >> 52));
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], Next());
        bytes[6] = (byte)(0x70 | bytes[6] & 0x0F);
        bytes[8] = (byte)(0x80 | bytes[8] & 0x3F);
        return new Guid(bytes, bigEndian: true);
    }

    private ulong Next() => Mixed(_state += Golden);

    private static ulong Mixed(ulong z)
    {
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
        z = (z ^ z >> 27) * 0x94D049BB133111EB;
        return z ^ z >> 31;
    }
}
