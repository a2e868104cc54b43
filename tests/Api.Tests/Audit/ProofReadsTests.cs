using System.Diagnostics.CodeAnalysis;
using System.Runtime.Versioning;
using PresenceLedger.Api.Audit;
using PresenceLedger.Api.Http;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Seals;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Seals;
using PresenceLedger.Ledger.Verification;
using PresenceLedger.Queries.Bundles;
using PresenceLedger.Queries.Timeline;
using PresenceLedger.Testing;

namespace PresenceLedger.Api.Tests.Audit;

/// <summary>What evidence on an agent, and its verification, read of the log: not more because there are many seals.</summary>
[SuppressMessage("Design", "CA1001", Justification = "DisposeAsync does.")]
[UnsupportedOSPlatform("windows")]
public sealed class ProofReadsTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("presence-ledger-reads-").FullName;
    private TestDatabase _database = null!;
    private CountingLog _log = null!;
    private Node _node = null!;
    private SealBook _book = null!;
    private Sealer _sealer = null!;

    public async Task InitializeAsync()
    {
        _database = await Node.CreateDatabaseAsync();
        _node = await Node.StartAsync(_database, around: log => _log = new CountingLog(log));
        _book = new SealBook(_log);
        _sealer = new Sealer(_log, _book, new SealingKeys(Path.Combine(_folder, "keys")), TimeProvider.System);
    }

    public async Task DisposeAsync()
    {
        _sealer.Dispose();
        _book.Dispose();
        await _node.DisposeAsync();
        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Evidence_and_verification_of_an_agent_read_no_more_where_there_are_many_seals()
    {
        await AnaAsync();
        await OthersAsync(2);
        var few = await ReadsAsync();

        await OthersAsync(150);
        var many = await ReadsAsync();

        Assert.True(_book.Current.Places.Count > 150);
        Assert.Equal(few, many);
        Assert.True(many.Verification < 10, $"verification read {many.Verification} times");
    }

    [Fact]
    public async Task Events_that_are_not_sealed_yet_are_said_to_be_without_looking_through_the_seals()
    {
        await AnaAsync();
        await OthersAsync(60);
        await _node.AcceptAsync("ana", new SetPresence("away"));
        await _book.RefreshAsync(default);
        _log.Reads = 0;

        var last = await _log.ReadStreamBackwardsAsync(StreamNames.Agent("ana"), long.MaxValue, 1, default);
        Assert.Null(await new SealSearch(_log, _book).NewestAsync(last, default));
        Assert.True(_log.Reads <= 4, $"{_log.Reads} reads");

        var verified = await new StreamVerifier(_log, _book, _node.Texts).VerifyAsync(StreamNames.Agent("ana"), default);
        Assert.True(verified.SealedVersion < verified.Last!.Record.Version);
        Assert.NotNull(verified.Seal);
        using var bundle = new MemoryStream();
        var summary = await WriteAsync(bundle);
        Assert.True(summary.Unsealed > 0 && summary.Unsealed < summary.Events);
    }

    [Fact]
    public async Task Whoever_trusts_the_present_key_alone_can_check_what_a_key_before_it_sealed()
    {
        await AnaAsync();
        await OthersAsync(5);
        var first = _book.Current.KeyEvents.OfType<SealingKeyIntroduced>().Single().KeyId;
        var second = await _sealer.RotateAsync(default);
        await OthersAsync(1);
        await _sealer.RetireAsync(first, default);
        await OthersAsync(3);

        using var bundle = new MemoryStream();
        await WriteAsync(bundle);

        var result = BundleVerifier.Verify(bundle, [second]);
        Assert.True(result.Sound, string.Join('\n', result.Findings));
        Assert.Equal([second.Id], result.Keys);
        // Those from the first that she needs up to the first of the new key, and the newest; not the two between these.
        Assert.Equal(_book.Current.Places.Count - 2, result.Seals);
    }

    [Fact]
    public async Task Who_asks_when_too_many_do_is_told_to_come_again()
    {
        using var permits = new ProofPermits(TimeSpan.FromMilliseconds(50));
        var taken = new List<IDisposable>();
        for (var n = 0; n < ProofPermits.Most; n++)
            taken.Add(await permits.TakeAsync(default));

        await Assert.ThrowsAsync<TooManyException>(() => permits.TakeAsync(default));
        taken[0].Dispose();
        taken[0].Dispose();

        Assert.NotNull(await permits.TakeAsync(default));
        await Assert.ThrowsAsync<TooManyException>(() => permits.TakeAsync(default));
    }

    /// <summary>An agent whose events are in three seals.</summary>
    private async Task AnaAsync()
    {
        await _node.RegisterAsync("ana");
        await SealAsync();
        await _node.AcceptAsync("ana", new SignIn("main", null));
        await SealAsync();
        await _node.AcceptAsync("ana", new SetPresence("busy"));
        await SealAsync();
    }

    /// <summary>Seals without anything of hers.</summary>
    private async Task OthersAsync(int count)
    {
        for (var n = 0; n < count; n++)
        {
            await _node.RegisterAsync($"other-{Guid.NewGuid():N}");
            await SealAsync();
        }
    }

    private async Task SealAsync()
    {
        Assert.Equal(1, (await _sealer.SealAsync(Actor.Ledger, gently: false, default)).Seals);
        await _book.RefreshAsync(default);
    }

    private async Task<(int Verification, int Evidence)> ReadsAsync()
    {
        _log.Reads = 0;
        var verified = await new StreamVerifier(_log, _book, _node.Texts).VerifyAsync(StreamNames.Agent("ana"), default);
        var verification = _log.Reads;
        Assert.Equal((verified.Last!.Record.Version, 2L), (verified.SealedVersion!.Value, verified.Seal!.Value.Number));
        Assert.Empty(verified.Findings);

        using var bundle = new MemoryStream();
        var summary = await WriteAsync(bundle);
        var evidence = _log.Reads;
        Assert.Equal(0, summary.Unsealed);
        var result = BundleVerifier.Verify(bundle, []);
        Assert.True(result.Sound, string.Join('\n', result.Findings));
        Assert.Equal(4, result.Seals);
        return (verification, evidence);
    }

    private async Task<BundleSummary> WriteAsync(MemoryStream to)
    {
        // What is kept of the configuration is kept for the next time.
        var records = new Records(_log, _node.Texts, states: null);
        _log.Reads = 0;
        var summary = await new EvidenceBundle(records, new Entries(records), _book, TimeProvider.System).WriteAsync(
            to,
            "ana",
            null,
            null,
            default
        );
        to.Position = 0;
        return summary;
    }

    /// <summary>A log that counts how often it is read.</summary>
    private sealed class CountingLog(ILog log) : PassingLog(log)
    {
        private int _reads;

        public int Reads
        {
            get => _reads;
            set => _reads = value;
        }

        public override Task<IReadOnlyList<StoredEvent>> ReadStreamAsync(string stream, long fromVersion, int count, CancellationToken ct)
        {
            Interlocked.Increment(ref _reads);
            return base.ReadStreamAsync(stream, fromVersion, count, ct);
        }

        public override Task<IReadOnlyList<StoredEvent>> ReadStreamBackwardsAsync(
            string stream,
            long fromVersion,
            int count,
            CancellationToken ct
        )
        {
            Interlocked.Increment(ref _reads);
            return base.ReadStreamBackwardsAsync(stream, fromVersion, count, ct);
        }

        public override Task<IReadOnlyList<StoredEvent>> ReadAllAsync(LogPosition after, int count, CancellationToken ct)
        {
            Interlocked.Increment(ref _reads);
            return base.ReadAllAsync(after, count, ct);
        }
    }
}
