using System.Globalization;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Seals;
using PresenceLedger.Ledger.Copying;
using PresenceLedger.Ledger.InMemory;
using PresenceLedger.Ledger.Seals;
using PresenceLedger.Ledger.Tests.Log;
using PresenceLedger.Ledger.Verification;
using PresenceLedger.Testing;
using PresenceLedger.Testing.EventStoreDb;

namespace PresenceLedger.Ledger.Tests.Seals;

[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed class SealerTests : IDisposable
{
    private readonly string _folder = Path.Combine(Directory.CreateTempSubdirectory("presence-ledger-keys-").FullName, "keys");
    private readonly InMemoryLog _log = new();
    private readonly SealBook _book;
    private readonly Sealer _sealer;
    private readonly Dictionary<string, EventRecord> _heads = new(StringComparer.Ordinal);

    public SealerTests()
    {
        _book = new SealBook(_log);
        _sealer = new Sealer(_log, _book, new SealingKeys(_folder), TimeProvider.System);
    }

    public void Dispose()
    {
        _sealer.Dispose();
        _book.Dispose();
    }

    [Fact]
    public async Task The_first_seal_makes_a_key_that_only_its_owner_can_read()
    {
        await FillAsync(_log, 10);

        var made = await SealAsync();

        Assert.Equal((1, 11L, 0L), (made.Seals, made.Last!.EndOrdinal(), made.Last.Number));
        var key = Assert.Single(Directory.GetFiles(_folder, "*.pem"));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(key));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(_folder));
        Assert.Equal(Path.GetFileNameWithoutExtension(key), Assert.Single(made.Last.Signatures).KeyId);
        await AssertSoundAsync(_log);
    }

    [Fact]
    public async Task Where_nothing_is_new_but_seals_there_is_no_seal()
    {
        Assert.Equal(0, (await SealAsync()).Seals);
        await FillAsync(_log, 10);
        Assert.Equal(1, (await SealAsync()).Seals);

        Assert.Equal(0, (await SealAsync()).Seals);
        await FillAsync(_log, 1);
        var made = await SealAsync();

        // The seal before it, and the one event.
        Assert.Equal((1, 2), (made.Seals, made.Last!.Count));
        await AssertSoundAsync(_log);
    }

    [Fact]
    public async Task A_large_ledger_is_sealed_in_many_seals()
    {
        await FillAsync(_log, 2 * Sealer.Largest + 500);

        var made = await SealAsync();

        Assert.Equal((3, Sealer.Largest), (made.Seals, (await _book.ReadAsync(_book.Current.Places[0], default)).Count));
        var result = await AssertSoundAsync(_log);
        Assert.Equal(3, result.Seals);
    }

    [Fact]
    public async Task Two_nodes_at_once_make_one_row_of_seals()
    {
        using var book = new SealBook(_log);
        using var other = new Sealer(_log, book, new SealingKeys(_folder), TimeProvider.System);
        await FillAsync(_log, 10);
        await SealAsync();
        for (var n = 0; n < 20; n++)
        {
            await FillAsync(_log, 3);
            await Task.WhenAll(
                Task.Run(() => _sealer.SealAsync(Actor.Ledger, false, default)),
                Task.Run(() => other.SealAsync(Actor.Ledger, false, default))
            );
        }

        var result = await AssertSoundAsync(_log);
        Assert.True(result.UnsealedEvents <= 2);
    }

    [Fact]
    public async Task A_node_without_a_key_of_the_ledger_does_not_seal_and_says_why()
    {
        await FillAsync(_log, 1);
        Assert.Null(await _sealer.ProblemAsync(default));
        var made = await SealAsync();
        using var book = new SealBook(_log);
        using var other = new Sealer(_log, book, new SealingKeys(_folder + "2"), TimeProvider.System);
        await FillAsync(_log, 1);

        var e = await Assert.ThrowsAsync<SealingKeyException>(() => other.SealAsync(Actor.Ledger, false, default));

        Assert.Contains(made.Last!.Signatures[0].KeyId, e.Message, StringComparison.Ordinal);
        Assert.Equal(e.Message, await other.ProblemAsync(default));
        Assert.False(Directory.Exists(_folder + "2"));
    }

    [Fact]
    public async Task A_key_that_everybody_can_read_is_refused()
    {
        await FillAsync(_log, 1);
        await SealAsync();
        var key = Directory.GetFiles(_folder, "*.pem")[0];
        File.SetUnixFileMode(key, File.GetUnixFileMode(key) | UnixFileMode.OtherRead);

        Assert.Contains("chmod 600", await _sealer.ProblemAsync(default), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_key_that_is_given_signs_and_is_not_kept()
    {
        using var key = SigningKey.Create();
        using var book = new SealBook(_log);
        using var sealer = new Sealer(_log, book, new SealingKeys(_folder, key.ToPem()), TimeProvider.System);
        await FillAsync(_log, 1);

        var made = await sealer.SealAsync(Actor.Ledger, false, default);

        Assert.Equal(key.Id, Assert.Single(made.Last!.Signatures).KeyId);
        Assert.Empty(Directory.GetFiles(_folder, "*.p??"));
        await Assert.ThrowsAsync<SealingKeyException>(() => sealer.RotateAsync(default));
    }

    [Fact]
    public async Task Keys_rotate_with_an_overlap_and_either_of_them_verifies_everything()
    {
        await FillAsync(_log, 5);
        var old = (await SealAsync()).Last!.Signatures[0].KeyId;

        var fresh = await _sealer.RotateAsync(default);
        await FillAsync(_log, 5);
        var both = (await SealAsync()).Last!;
        await _sealer.RetireAsync(old, default);
        await FillAsync(_log, 5);
        var last = (await SealAsync()).Last!;

        Assert.Equal(
            new[] { old, fresh.Id }.Order(StringComparer.Ordinal),
            both.Signatures.Select(s => s.KeyId).Order(StringComparer.Ordinal)
        );
        Assert.Equal([fresh.Id], last.Signatures.Select(s => s.KeyId));
        var keys = new SealingKeys(_folder).Public();
        foreach (var key in keys)
        {
            var result = await new Verifier(_log, null, new VerifierOptions { Keys = [key] }).RunAsync(null, default);
            Assert.True(result.Sound, string.Join('\n', result.Findings));
        }
        await Assert.ThrowsAsync<SealingKeyException>(() => _sealer.RetireAsync(fresh.Id, default));
        await Assert.ThrowsAsync<SealingKeyException>(() => _sealer.RetireAsync(old, default));
    }

    [Fact]
    public async Task A_seal_signed_with_a_key_that_is_retired_does_not_count()
    {
        await FillAsync(_log, 5);
        var old = (await SealAsync()).Last!.Signatures[0].KeyId;
        var kept = await File.ReadAllTextAsync(Path.Combine(_folder, old + ".pem"));
        await _sealer.RotateAsync(default);
        await _sealer.RetireAsync(old, default);
        await FillAsync(_log, 5);
        await SealAsync();
        await FillAsync(_log, 5);
        // As if by somebody who has found the old one: a sealer that knows nothing of the retirement.
        using var stolen = SigningKey.Parse(kept);
        var content = await _book.RefreshAsync(default);
        var events = await new SealedEvents(_log, _book).ReadAsync(content.Last!, default);
        var next = await _log.ReadAllAsync(events[^1].Position, Sealer.Largest, default);
        var leaves = next.SelectMany(e => Leaf(e.Record.Hash)).ToArray();
        var seal = new LedgerSealed(
            content.Last!.Number + 1,
            content.Sealed,
            next.Count,
            Convert.ToHexStringLower(MerkleTree.Root(leaves)),
            Convert.ToBase64String([.. next.SelectMany(e => e.Record.Hash[..8])]),
            next[^1].Position.ToString(),
            next[^1].Record.EventId,
            content.Last.SealedAt,
            content.Last.Statement().Hash(),
            []
        );
        seal = seal with { Signatures = [stolen.Sign(seal.Statement().SignedText())] };
        var records = Ledger.Events.EventRecords.Create(
            StreamNames.Seals,
            content.Version,
            content.Hash,
            [seal with { OccurredAt = seal.SealedAt }],
            1,
            Node.Envelope(),
            -1,
            seal.SealedAt
        );
        await _log.AppendAsync(new Commit([new StreamAppend(StreamNames.Seals, content.Version, records)]));

        var result = await new Verifier(_log, null, new VerifierOptions { Keys = new SealingKeys(_folder).Public() }).RunAsync(
            null,
            default
        );

        // Both keys were given; the retirement is in the ledger.
        var finding = Assert.Single(result.Findings);
        Assert.Equal((FindingKind.SignatureWrong, (long?)seal.Number), (finding.Kind, finding.Seal));

        static byte[] Leaf(byte[] hash)
        {
            var leaf = new byte[MerkleTree.HashSize];
            MerkleTree.Leaf(hash, leaf);
            return leaf;
        }
    }

    [Fact]
    public async Task A_clock_that_goes_back_does_not_take_the_seals_with_it()
    {
        var clock = new StillClock { Now = Some.Time.AddYears(1) };
        using var book = new SealBook(_log);
        using var sealer = new Sealer(_log, book, new SealingKeys(_folder), clock);
        await FillAsync(_log, 1);
        var first = await sealer.SealAsync(Actor.Ledger, false, default);
        clock.Now = Some.Time;
        await FillAsync(_log, 1);

        var second = await sealer.SealAsync(Actor.Ledger, false, default);

        Assert.Equal(first.Last!.SealedAt, second.Last!.SealedAt);
        await AssertSoundAsync(_log);
    }

    [Fact]
    public async Task A_sealed_ledger_that_is_copied_there_and_back_verifies_and_is_sealed_on()
    {
        // Goes with the database.
        var store = await TestEventStore.StartAsync();
        await using var there = await Node.CreateDatabaseAsync(store);
        await using var thereNode = await Node.StartAsync(there);
        await using var back = await Node.CreateDatabaseAsync();
        await using var backNode = await Node.StartAsync(back);
        for (var n = 0; n < 4; n++)
        {
            await FillAsync(_log, 700);
            await SealAsync();
        }
        await FillAsync(_log, 50);

        await new LogCopy(_log, thereNode.Log, new Quiet()).RunAsync(default);
        await new LogCopy(thereNode.Log, backNode.Log, new Quiet()).RunAsync(default);

        foreach (var node in new[] { thereNode, backNode })
        {
            await AssertSoundAsync(node.Log);
            using var book = new SealBook(node.Log);
            using var sealer = new Sealer(node.Log, book, new SealingKeys(_folder), TimeProvider.System);
            Assert.Equal(1, (await sealer.SealAsync(Actor.Ledger, false, default)).Seals);
            var result = await AssertSoundAsync(node.Log);
            Assert.Equal(1, result.UnsealedEvents);
            // Positions of another store mean nothing: found by fingerprint.
            var some = (await node.Log.ReadStreamAsync(Some.Stream("s3"), 7, 3, default)).ToArray();
            var found = await new SealSearch(node.Log, book).FindAsync(some, default);
            Assert.Equal(3, found.Count);
        }
    }

    private Task<Sealed> SealAsync() => _sealer.SealAsync(Actor.Ledger, gently: false, default);

    private static async Task<VerificationResult> AssertSoundAsync(ILog log)
    {
        var result = await new Verifier(log, null, new VerifierOptions()).RunAsync(null, default);
        Assert.True(result.Sound, string.Join('\n', result.Findings.Take(10)));
        return result;
    }

    /// <summary>Events of some agents in turn.</summary>
    private async Task FillAsync(ILog log, int count)
    {
        foreach (var some in Enumerable.Range(0, count).Chunk(500))
        {
            var order = new List<EventRecord>();
            foreach (var n in some)
            {
                var name = "s" + (n % 10).ToString(CultureInfo.InvariantCulture);
                var before = _heads.GetValueOrDefault(name);
                var e = Some.Event(name, (before?.Version ?? -1) + 1);
                e = e with
                {
                    Hash = HashChain.Hash(
                        before?.Hash ?? HashChain.Genesis,
                        e.Stream,
                        e.Version,
                        e.EventId,
                        e.Type,
                        e.Data,
                        e.Metadata,
                        e.OccurredAt,
                        e.RecordedAt
                    ),
                };
                order.Add(_heads[name] = e);
            }
            var streams = order.GroupBy(e => e.Stream).Select(s => new StreamAppend(s.Key, s.First().Version - 1, [.. s]));
            await log.AppendAsync(new Commit([.. streams]) { Order = order });
        }
    }

    private sealed class Quiet : IProgress<CopyProgress>
    {
        public void Report(CopyProgress value) { }
    }
}
