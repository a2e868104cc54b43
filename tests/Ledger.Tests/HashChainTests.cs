using System.Globalization;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;

namespace PresenceLedger.Ledger.Tests;

public sealed class HashChainTests
{
    private static readonly EventRecord First = Sealed(
        HashChain.Genesis,
        new EventRecord(
            "agent-ana",
            0,
            Guid.Parse("0198f2a0-7c00-7000-8000-00000000000A"),
            "agent-registered.v1",
            """{"settings":{"units":100,"profiles":{},"queues":[],"skills":[]}}""",
            """{"actor":{"kind":"administrator","id":"root"},"causationId":"0198f2a0-7c00-7000-8000-000000000001","correlationId":"first","policyVersion":-1}""",
            new DateTimeOffset(2026, 1, 2, 3, 4, 5, 6, TimeSpan.Zero),
            new DateTimeOffset(2026, 1, 2, 3, 4, 5, 7, TimeSpan.Zero),
            []
        )
    );

    private static readonly EventRecord Second = Sealed(
        First.Hash,
        First with
        {
            Version = 1,
            EventId = Guid.Parse("0198f2a0-7c00-7000-8000-00000000000B"),
            Type = "agent-signed-in.v1",
            Data = """{"connectionId":"main","client":"Büro 😀","returned":false}""",
        }
    );

    public static TheoryData<string> Members =>
        [.. typeof(EventRecord).GetProperties().Select(p => p.Name).Where(name => name is not nameof(EventRecord.Hash))];

    [Fact]
    public void The_hash_is_that_of_the_canonical_bytes_after_the_hash_before()
    {
        var first = SHA256.HashData([.. new byte[32], .. ByHand(First, "0", "2026-01-02T03:04:05.006Z", "2026-01-02T03:04:05.007Z")]);
        var second = SHA256.HashData([.. first, .. ByHand(Second, "1", "2026-01-02T03:04:05.006Z", "2026-01-02T03:04:05.007Z")]);

        Assert.Equal(Convert.ToHexString(first), Convert.ToHexString(First.Hash));
        Assert.Equal(Convert.ToHexString(second), Convert.ToHexString(Second.Hash));
    }

    [Fact]
    public void The_worked_example_of_the_documentation_has_these_hashes()
    {
        var documentation = File.ReadAllText(Path.Combine(Path.GetDirectoryName(ThisFile())!, "../../docs/hash-chain.md"));

        foreach (var e in new[] { First, Second })
        {
            Assert.Contains(Convert.ToHexStringLower(e.Hash), documentation, StringComparison.Ordinal);
            Assert.Contains(e.Data, documentation, StringComparison.Ordinal);
            Assert.Contains(e.Metadata, documentation, StringComparison.Ordinal);
            Assert.Contains(e.EventId.ToString("D"), documentation, StringComparison.Ordinal);
            Assert.Contains(Instant.Format(e.OccurredAt), documentation, StringComparison.Ordinal);
            Assert.Contains(Instant.Format(e.RecordedAt), documentation, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_chain_holds()
    {
        Assert.True(HashChain.Holds(HashChain.Genesis, First));
        Assert.True(HashChain.Holds(First.Hash, Second));
        Assert.False(HashChain.Holds(HashChain.Genesis, Second));
    }

    [Theory]
    [MemberData(nameof(Members))]
    public void Any_member_that_is_changed_breaks_it(string member)
    {
        var changed = member switch
        {
            nameof(EventRecord.Stream) => Second with { Stream = "agent-anb" },
            nameof(EventRecord.Version) => Second with { Version = 2 },
            nameof(EventRecord.EventId) => Second with { EventId = Guid.Parse("0198f2a0-7c00-7000-8000-00000000000C") },
            nameof(EventRecord.Type) => Second with { Type = "agent-signed-in.v2" },
            nameof(EventRecord.Data) => Second with { Data = Second.Data + " " },
            nameof(EventRecord.Metadata) => Second with { Metadata = Second.Metadata.Replace("root", "toor", StringComparison.Ordinal) },
            nameof(EventRecord.OccurredAt) => Second with { OccurredAt = Second.OccurredAt.AddMilliseconds(1) },
            nameof(EventRecord.RecordedAt) => Second with { RecordedAt = Second.RecordedAt.AddMilliseconds(-1) },
            _ => throw new InvalidOperationException($"{member} is new: does the hash cover it?"),
        };

        Assert.False(HashChain.Holds(First.Hash, changed));
    }

    [Fact]
    public void Any_byte_of_a_hash_that_is_changed_breaks_it()
    {
        for (var n = 0; n < 32; n++)
        {
            var own = (byte[])Second.Hash.Clone();
            own[n] ^= 1;
            Assert.False(HashChain.Holds(First.Hash, Second with { Hash = own }));
            var before = (byte[])First.Hash.Clone();
            before[n] ^= 1;
            Assert.False(HashChain.Holds(before, Second));
        }
        Assert.False(HashChain.Holds(First.Hash, Second with { Hash = [] }));
    }

    [Fact]
    public void Any_byte_of_the_data_that_is_changed_breaks_it()
    {
        for (var n = 0; n < Second.Data.Length; n++)
        {
            var text = Second.Data.ToCharArray();
            text[n] = text[n] == 'x' ? 'y' : 'x';
            Assert.False(HashChain.Holds(First.Hash, Second with { Data = new string(text) }));
        }
    }

    [Fact]
    public void Text_that_moves_from_one_member_to_the_next_breaks_it()
    {
        var moved = Second with { Type = Second.Type + "{", Data = Second.Data[1..] };

        Assert.False(HashChain.Holds(First.Hash, moved));
    }

    /// <summary>Written after the documentation alone.</summary>
    private static byte[] ByHand(EventRecord e, string version, string occurredAt, string recordedAt)
    {
        using var bytes = new MemoryStream();
        string[] texts =
        [
            e.Stream,
            version,
            e.EventId.ToString().ToLower(CultureInfo.InvariantCulture),
            e.Type,
            e.Data,
            e.Metadata,
            occurredAt,
            recordedAt,
        ];
        foreach (var text in texts)
        {
            var utf8 = Encoding.UTF8.GetBytes(text);
            bytes.Write([(byte)(utf8.Length >> 24), (byte)(utf8.Length >> 16), (byte)(utf8.Length >> 8), (byte)utf8.Length]);
            bytes.Write(utf8);
        }
        return bytes.ToArray();
    }

    private static EventRecord Sealed(byte[] previous, EventRecord e) =>
        e with
        {
            Hash = HashChain.Hash(previous, e.Stream, e.Version, e.EventId, e.Type, e.Data, e.Metadata, e.OccurredAt, e.RecordedAt),
        };

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
