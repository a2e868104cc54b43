using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.RegularExpressions;

namespace PresenceLedger.Ledger.Verification;

/// <summary>How much of a bundle is read at most. It may come from anybody, and a small file may unpack to any size.</summary>
public sealed record BundleLimits
{
    /// <summary>Entries of the zip.</summary>
    public int Entries { get; init; } = 500_000;

    /// <summary>Bytes of the zip's list of entries, which is read at once.</summary>
    public long Directory { get; init; } = 64L << 20;

    /// <summary>Bytes of all files, unpacked.</summary>
    public long Bytes { get; init; } = 512L << 20;

    /// <summary>How many times larger than packed a file may be, once it is larger than <see cref="Small"/>.</summary>
    public int Ratio { get; init; } = 100;

    /// <summary>A file up to this size may be packed however well.</summary>
    public long Small { get; init; } = 1 << 20;
}

/// <summary>The files of an evidence bundle: those that are looked into, and the SHA-256 of all. Nothing is unpacked to the disk.</summary>
internal sealed partial class BundleFiles
{
    private const int EndRecord = 22;
    private const int Locator = 20;
    private const int LongRecord = 56;
    private const int MostComment = ushort.MaxValue;
    private const int PieceSize = 64 * 1024;

    /// <summary>The files that are looked into, and how large each may be.</summary>
    private static readonly Dictionary<string, long> LookedInto = new(StringComparer.Ordinal)
    {
        ["manifest.json"] = 64 << 20,
        ["events.ndjson"] = long.MaxValue,
        ["proofs.json"] = long.MaxValue,
        ["seals.ndjson"] = long.MaxValue,
        ["introductions.ndjson"] = 1 << 20,
    };

    private readonly Dictionary<string, MemoryStream> _contents = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _hashes = new(StringComparer.Ordinal);

    private BundleFiles() { }

    /// <summary>The SHA-256 of every file, in hex, by name.</summary>
    public IReadOnlyDictionary<string, string> Hashes => _hashes;

    /// <summary>What is in a file.</summary>
    /// <exception cref="InvalidDataException">There is no such file.</exception>
    public ReadOnlyMemory<byte> Content(string name) =>
        _contents.TryGetValue(name, out var content)
            ? content.GetBuffer().AsMemory(0, (int)content.Length)
            : throw new InvalidDataException($"The bundle has no {name}.");

    /// <summary>Reads a zip.</summary>
    /// <param name="bundle">The zip; it can be sought in.</param>
    /// <param name="limits">How much is read.</param>
    /// <exception cref="InvalidDataException">It is none, or larger than the limits, or has names that a bundle does not have.</exception>
    public static BundleFiles Read(Stream bundle, BundleLimits limits)
    {
        CheckDirectory(bundle, limits);
        var files = new BundleFiles();
        using var zip = new ZipArchive(bundle, ZipArchiveMode.Read, leaveOpen: true);
        if (zip.Entries.Count > limits.Entries)
            throw TooLarge($"it has {zip.Entries.Count} entries, and at most {limits.Entries} are read");
        var left = limits.Bytes;
        foreach (var entry in zip.Entries)
        {
            // Folders have entries of their own where somebody has packed the bundle anew.
            if (entry.FullName.EndsWith('/') && entry.Length == 0 && IsName().IsMatch(entry.FullName[..^1]))
                continue;
            if (!IsName().IsMatch(entry.FullName))
                throw new InvalidDataException(
                    $"This is no evidence bundle: it has a file '{TerminalText.Escape(Shortened(entry.FullName))}', and no bundle has such a name."
                );
            left -= files.Take(entry, bundle.Length, left, limits);
        }
        return files;
    }

    /// <summary>Takes a file; how large it is. What its header says of its size is not believed.</summary>
    private long Take(ZipArchiveEntry entry, long size, long most, BundleLimits limits)
    {
        using var from = entry.Open();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var content = LookedInto.TryGetValue(entry.FullName, out var longest) ? new MemoryStream() : null;
        // Nor what it says of its packed size.
        var packed = Math.Min(entry.CompressedLength, size);
        var piece = ArrayPool<byte>.Shared.Rent(PieceSize);
        var read = 0L;
        try
        {
            while (from.Read(piece, 0, PieceSize) is > 0 and var count)
            {
                read += count;
                if (read > most)
                    throw TooLarge($"it unpacks to more than {limits.Bytes >> 20} MiB");
                if (content is not null && read > longest)
                    throw TooLarge($"{entry.FullName} is larger than {longest >> 20} MiB");
                if (read > limits.Small && read / limits.Ratio > packed)
                    throw TooLarge($"{entry.FullName} unpacks to more than {limits.Ratio} times its size");
                hash.AppendData(piece, 0, count);
                content?.Write(piece, 0, count);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(piece);
        }
        if (!_hashes.TryAdd(entry.FullName, Convert.ToHexStringLower(hash.GetHashAndReset())))
            throw new InvalidDataException($"The bundle has {entry.FullName} twice.");
        if (content is not null)
            _contents[entry.FullName] = content;
        return read;
    }

    /// <summary>Looks at how large the list of entries is before it is read: it may be the most of the file.</summary>
    private static void CheckDirectory(Stream bundle, BundleLimits limits)
    {
        var tail = new byte[(int)Math.Min(bundle.Length, EndRecord + MostComment)];
        bundle.Position = bundle.Length - tail.Length;
        bundle.ReadExactly(tail);
        bundle.Position = 0;
        var end = tail.AsSpan().LastIndexOf("PK\x05\x06"u8);
        if (end < 0 || end + EndRecord > tail.Length)
            throw new InvalidDataException("This is no evidence bundle: it is no zip.");
        var size = BinaryPrimitives.ReadUInt32LittleEndian(tail.AsSpan(end + 12));
        if ((size == uint.MaxValue ? LongSize(bundle, tail, end) : size) > (ulong)limits.Directory)
            throw TooLarge($"its list of entries is larger than {limits.Directory >> 20} MiB");
    }

    /// <summary>The size of the list of entries, where it is too long for the short record at the end (ZIP64).</summary>
    private static ulong LongSize(Stream bundle, byte[] tail, int end)
    {
        var locator = end - Locator;
        var record = new byte[LongRecord];
        if (locator >= 0 && tail.AsSpan(locator).StartsWith("PK\x06\x07"u8))
        {
            var offset = BinaryPrimitives.ReadUInt64LittleEndian(tail.AsSpan(locator + 8));
            if (offset <= (ulong)Math.Max(0, bundle.Length - LongRecord))
            {
                bundle.Position = (long)offset;
                bundle.ReadExactly(record);
                bundle.Position = 0;
            }
        }
        return record.AsSpan().StartsWith("PK\x06\x06"u8)
            ? BinaryPrimitives.ReadUInt64LittleEndian(record.AsSpan(40))
            : throw new InvalidDataException("This is no evidence bundle: the end of the zip cannot be read.");
    }

    private static string Shortened(string name) => name.Length > 100 ? name[..100] + "…" : name;

    private static InvalidDataException TooLarge(string how) => new($"The bundle is not read to its end: {how}.");

    [GeneratedRegex(
        @"\A(?!\.)[A-Za-z0-9._-]{1,100}(/(?!\.)[A-Za-z0-9._-]{1,100})?\z",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex IsName();
}
