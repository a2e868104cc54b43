using PresenceLedger.Domain.Seals;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.Seals;
using PresenceLedger.Ledger.Tests.Log;
using PresenceLedger.Ledger.Verification;
using PresenceLedger.Testing;

namespace PresenceLedger.Ledger.Tests.Verification;

/// <summary>Every kind of tampering, done in the store: verify finds it, names the place, and makes one finding of it.</summary>
public sealed class TamperingTests(TamperedLedger ledger) : IClassFixture<TamperedLedger>
{
    private const long Middle = 55;
    private static readonly string Agent = TamperedLedger.Stream(7);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_untouched_ledger_is_sound(bool throughThePort)
    {
        var result = await ledger.VerifyAsync(throughThePort: throughThePort);

        Assert.Empty(result.Findings);
        Assert.True(result.TrustGiven);
        Assert.Equal(TamperedLedger.Seals, result.Seals);
        Assert.Equal(TamperedLedger.Seals - 1, result.LastSeal);
        Assert.Equal(TamperedLedger.Streams + 1, result.Streams);
        // The seals themselves, and the key.
        Assert.Equal(TamperedLedger.Events + TamperedLedger.Seals + 1, result.Events);
        Assert.Equal(TamperedLedger.Unsealed + 1, result.UnsealedEvents);
        Assert.Equal(result.Events - result.UnsealedEvents, result.SealedEvents);
    }

    [Theory]
    [InlineData("data = '{\"n\":-1}'")]
    [InlineData("data = (data::text || ' ')::json")]
    [InlineData("metadata = '{}'")]
    [InlineData("type = 'something-else.v1'")]
    [InlineData("event_id = gen_random_uuid()")]
    [InlineData("occurred_at = occurred_at + interval '1 millisecond'")]
    [InlineData("occurred_at = occurred_at + interval '1 microsecond'")]
    [InlineData("occurred_at = 'infinity'")]
    [InlineData("recorded_at = recorded_at - interval '1 day'")]
    [InlineData("hash = sha256('something')")]
    [InlineData("hash = '\\x00'")]
    [InlineData("hash = ''")]
    public async Task An_event_that_was_changed(string change)
    {
        foreach (var version in new[] { 0, Middle, TamperedLedger.LastSealed })
        {
            var result = await ledger.VerifyAfterAsync(() => UpdateAsync(change, Agent, version));

            var finding = Single(result, FindingKind.Changed, Agent, version);
            Assert.NotNull(finding.Seal);
            Assert.Equal(0, finding.Followers);
        }
    }

    [Fact]
    public async Task An_event_that_was_changed_and_is_not_sealed_yet()
    {
        var version = TamperedLedger.LastSealed + 1;

        var result = await ledger.VerifyAfterAsync(() => UpdateAsync("data = '{}'", Agent, version));

        Assert.Null(Single(result, FindingKind.Changed, Agent, version).Seal);
    }

    [Fact]
    public async Task An_event_that_was_changed_and_its_own_hash_made_anew()
    {
        var result = await ledger.VerifyAfterAsync(async () =>
        {
            await UpdateAsync("data = '{}'", Agent, Middle);
            await ledger.RehashAsync(Agent, Middle, count: 1);
        });

        Single(result, FindingKind.Changed, Agent, Middle);
    }

    [Fact]
    public async Task Several_events_that_were_changed_are_each_named()
    {
        var result = await ledger.VerifyAfterAsync(async () =>
        {
            for (var n = 0; n < 5; n++)
                await UpdateAsync("data = '{}'", TamperedLedger.Stream(n), Middle + 10 * n);
        });

        Assert.Equal(
            Enumerable.Range(0, 5).Select(n => (FindingKind.Changed, (string?)TamperedLedger.Stream(n), (long?)Middle + 10 * n)),
            result.Findings.Select(f => (f.Kind, f.Stream, f.Version))
        );
    }

    [Theory]
    [InlineData(0)]
    [InlineData(Middle)]
    public async Task An_event_that_was_changed_and_everything_after_it_chained_anew(long version)
    {
        var result = await ledger.VerifyAfterAsync(async () =>
        {
            await UpdateAsync("data = '{}'", Agent, version);
            await ledger.RehashAsync(Agent, version);
        });

        var finding = Single(result, FindingKind.Rechained, Agent, version);
        Assert.Equal(TamperedLedger.LastSealed - version, finding.Followers);
        Assert.NotNull(finding.EventId);
    }

    [Fact]
    public async Task The_last_event_that_is_sealed_changed_with_its_hash()
    {
        var result = await ledger.VerifyAfterAsync(async () =>
        {
            await UpdateAsync("data = '{}'", Agent, TamperedLedger.LastSealed);
            await ledger.RehashAsync(Agent, TamperedLedger.LastSealed);
        });

        Single(result, FindingKind.Rechained, Agent, TamperedLedger.LastSealed);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(Middle, 1)]
    [InlineData(Middle, 3)]
    public async Task Events_that_are_gone(long version, int count)
    {
        var result = await ledger.VerifyAfterAsync(() => DeleteAsync(Agent, version, count));

        var finding = Single(result, FindingKind.Missing, Agent, version);
        Assert.NotNull(finding.Seal);
        Assert.Equal(count - 1, finding.Followers);
    }

    [Fact]
    public async Task The_end_of_a_stream_that_is_gone_is_told_by_the_seal_and_by_the_numbers()
    {
        var place = await OrdinalAsync(Agent, TamperedLedger.LastSealed);
        var unsealed = await OrdinalAsync(Agent, TamperedLedger.LastSealed + 1);
        var result = await ledger.VerifyAfterAsync(() => DeleteAsync(Agent, TamperedLedger.LastSealed, 10));

        Assert.Equal(
            [(FindingKind.Missing, (long?)place, 0L), (FindingKind.Missing, unsealed, 1L)],
            result.Findings.Select(f => (f.Kind, f.Ordinal, f.Followers))
        );
        Assert.Equal(TamperedLedger.Seals - 1, result.Findings[0].Seal);
    }

    [Fact]
    public async Task An_event_that_is_gone_with_its_seal_is_told_by_the_numbers()
    {
        var seal = VersionOf(TamperedLedger.Seals - 1);
        var last = await LastAsync(Agent);
        var result = await ledger.VerifyAfterAsync(async () =>
        {
            await DeleteAsync(Agent, last.Version, 1);
            await DeleteAsync(StreamNames.Seals, seal, 1);
        });

        var finding = Assert.Single(result.Findings);
        Assert.Equal((FindingKind.Missing, 1L), (finding.Kind, finding.Followers));
    }

    [Fact]
    public async Task A_whole_stream_that_is_gone()
    {
        var first = await OrdinalAsync(Agent, 0);
        var result = await ledger.VerifyAfterAsync(() => ledger.RunAsync("delete from ledger.event where stream = $1", Agent));

        // What seals cover, and what none covers yet.
        Assert.Equal(
            [(FindingKind.Missing, (long?)0, TamperedLedger.LastSealed), (FindingKind.Missing, null, 1L)],
            result.Findings.Select(f => (f.Kind, f.Seal, f.Followers))
        );
        Assert.Equal(first, result.Findings[0].Ordinal);
    }

    [Fact]
    public async Task An_event_that_is_gone_and_the_rest_numbered_and_chained_anew()
    {
        var result = await ledger.VerifyAfterAsync(async () =>
        {
            await DeleteAsync(Agent, Middle, 1);
            await RenumberAsync(Agent, Middle, by: -1);
            await ledger.RehashAsync(Agent, Middle);
        });

        Assert.Equal([FindingKind.Missing, FindingKind.Rechained], result.Findings.Select(f => f.Kind).Order());
        Assert.Equal((Agent, (long?)Middle), Named(result.Findings.Single(f => f.Kind is FindingKind.Rechained)));
    }

    [Fact]
    public async Task An_event_that_was_put_into_the_past()
    {
        var last = await LastAsync(Agent);
        var result = await ledger.VerifyAfterAsync(() => ledger.InsertAsync(Agent, Middle, After(last, last.Version + 1)));

        // It stands before events that it comes after.
        Assert.All(
            result.Findings,
            f => Assert.Equal((FindingKind.Inserted, Agent, last.Version + 1), (f.Kind, f.Stream!, f.Version!.Value))
        );
        Assert.Single(result.Findings);
    }

    [Fact]
    public async Task A_stream_that_was_put_into_the_past()
    {
        var stream = Some.Stream("never");
        var result = await ledger.VerifyAfterAsync(async () =>
        {
            var e = Some.Event("never", 0);
            await ledger.InsertAsync(Agent, Middle, e with { Hash = HashOf(HashChain.Genesis, e) });
        });

        Single(result, FindingKind.Inserted, stream, 0);
    }

    [Fact]
    public async Task An_event_that_was_put_into_a_stream_and_the_rest_numbered_and_chained_anew()
    {
        // The last of its agent in a transaction, so that what comes after it can be put right behind it.
        const long at = 59;
        var before = await ledger.ReadAsync(Agent, at);
        var result = await ledger.VerifyAfterAsync(async () =>
        {
            await RenumberAsync(Agent, at + 1, by: 1);
            await ledger.InsertAsync(Agent, at, After(before, at + 1));
            await ledger.RehashAsync(Agent, at + 1);
        });

        var finding = Single(result, FindingKind.Rechained, Agent, at + 1);
        Assert.True(finding.Followers >= TamperedLedger.LastSealed - at - 1);
    }

    [Fact]
    public async Task Two_events_of_a_stream_that_changed_places()
    {
        var result = await ledger.VerifyAfterAsync(() => SwapPlacesAsync((Agent, Middle), (Agent, Middle + 1)));

        Assert.All(result.Findings, f => Assert.Equal((FindingKind.Reordered, Agent), (f.Kind, f.Stream)));
        Assert.All(result.Findings, f => Assert.InRange(f.Version!.Value, Middle, Middle + 1));
        Assert.InRange(result.Findings.Count, 1, 2);
    }

    [Fact]
    public async Task Two_events_of_a_stream_that_changed_versions()
    {
        var result = await ledger.VerifyAfterAsync(async () =>
        {
            await UpdateAsync("version = -5", Agent, Middle);
            await UpdateAsync($"version = {Middle}", Agent, Middle + 1);
            await UpdateAsync($"version = {Middle + 1}", Agent, -5);
        });

        Single(result, FindingKind.Reordered, Agent, Middle);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(50)]
    public async Task Two_events_of_different_agents_that_changed_places(int apart)
    {
        var (one, other) = ((Agent, Middle), (TamperedLedger.Stream(8), Middle + apart - 1));
        var result = await ledger.VerifyAfterAsync(() => SwapPlacesAsync(one, other));

        Assert.InRange(result.Findings.Count, 1, 2);
        Assert.All(result.Findings, f => Assert.Equal(FindingKind.Reordered, f.Kind));
        Assert.All(result.Findings, f => Assert.Contains((f.Stream!, f.Version!.Value), new[] { one, other }));
    }

    [Fact]
    public async Task An_event_that_was_moved_to_the_end()
    {
        var result = await ledger.VerifyAfterAsync(async () =>
        {
            await DeleteAsync(Agent, Middle, 1);
            await ledger.RunAsync(
                """
                insert into ledger.event
                    select (select max(position) + 1 from saved_event), stream, version, event_id, type, data, metadata, occurred_at, recorded_at, hash
                    from saved_event where stream = $1 and version = $2
                """,
                Agent,
                Middle
            );
        });

        Single(result, FindingKind.Reordered, Agent, Middle);
    }

    [Fact]
    public async Task A_seal_that_is_gone()
    {
        var number = TamperedLedger.Seals / 2;
        var result = await ledger.VerifyAfterAsync(() => DeleteAsync(StreamNames.Seals, VersionOf(number), 1));

        Assert.Equal(number, Single(result, FindingKind.SealMissing, StreamNames.Seals, VersionOf(number)).Seal);
    }

    [Fact]
    public async Task The_last_seal_that_is_gone_is_told_by_the_numbers()
    {
        var version = VersionOf(TamperedLedger.Seals - 1);
        var place = await OrdinalAsync(StreamNames.Seals, version);
        var result = await ledger.VerifyAfterAsync(() => DeleteAsync(StreamNames.Seals, version, 1));

        var finding = Assert.Single(result.Findings);
        Assert.Equal((FindingKind.Missing, (long?)place), (finding.Kind, finding.Ordinal));
        Assert.Equal(TamperedLedger.Seals - 2, result.LastSeal);
    }

    [Fact]
    public async Task Seals_that_are_gone_with_the_events_they_told_of()
    {
        var number = TamperedLedger.Seals / 2;
        var result = await ledger.VerifyAfterAsync(async () =>
        {
            await DeleteAsync(StreamNames.Seals, VersionOf(number), 1);
            await UpdateAsync("data = '{}'", Agent, Middle);
        });

        Assert.Equal([FindingKind.Changed, FindingKind.SealMissing], result.Findings.Select(f => f.Kind).Order());
    }

    [Theory]
    [InlineData("root")]
    [InlineData("no root")]
    [InlineData("fingerprints")]
    [InlineData("count")]
    [InlineData("first")]
    [InlineData("number")]
    [InlineData("position")]
    [InlineData("sealedAt")]
    [InlineData("previous")]
    [InlineData("signatures")]
    public async Task A_seal_that_was_changed(string member)
    {
        var number = TamperedLedger.Seals / 2;
        var seal = await ledger.SealAsync(VersionOf(number));
        var changed = Changed(seal, member);

        var result = await ledger.VerifyAfterAsync(() => WriteAsync(VersionOf(number), changed));

        Single(result, FindingKind.SealChanged, StreamNames.Seals, VersionOf(number));
    }

    [Theory]
    [InlineData("root")]
    [InlineData("signatures")]
    public async Task A_seal_that_was_changed_and_the_seals_after_it_chained_anew(string member)
    {
        var number = TamperedLedger.Seals / 2;
        var changed = Changed(await ledger.SealAsync(VersionOf(number)), member);

        var result = await ledger.VerifyAfterAsync(async () =>
        {
            await WriteAsync(VersionOf(number), changed);
            await ledger.RehashAsync(StreamNames.Seals, VersionOf(number));
        });

        Single(result, FindingKind.SealChanged, StreamNames.Seals, VersionOf(number));
    }

    [Fact]
    public async Task A_seal_of_somebody_elses_key()
    {
        var version = VersionOf(TamperedLedger.Seals - 1);
        var seal = await ledger.SealAsync(version);
        using var other = SigningKey.Create();

        var result = await ledger.VerifyAfterAsync(async () =>
        {
            await WriteAsync(version, seal with { Signatures = [other.Sign(seal.Statement().SignedText())] });
            await ledger.RehashAsync(StreamNames.Seals, version);
        });

        Assert.Equal(TamperedLedger.Seals - 1, Single(result, FindingKind.SignatureWrong, StreamNames.Seals, version).Seal);
    }

    [Fact]
    public async Task A_ledger_that_was_made_anew_whole_with_somebody_elses_key()
    {
        var folder = Directory.CreateTempSubdirectory("presence-ledger-keys-").FullName;
        var result = await ledger.VerifyAfterAsync(async () =>
        {
            await UpdateAsync("data = '{}'", Agent, Middle);
            await ledger.RehashAsync(Agent, Middle);
            await ledger.RunAsync("delete from ledger.event where stream = 'seals';" + Tampering.CloseGaps);
            using var book = new SealBook(ledger.Log);
            using var sealer = new Sealer(ledger.Log, book, new SealingKeys(folder), TimeProvider.System);
            await sealer.SealAsync(Domain.Access.Actor.Ledger, gently: false, default);
        });
        Directory.Delete(folder, recursive: true);

        var finding = Assert.Single(result.Findings);
        Assert.Equal((FindingKind.SignatureWrong, (long?)0), (finding.Kind, finding.Seal));
    }

    [Fact]
    public async Task Without_a_key_the_ledger_is_taken_at_its_word_and_that_is_said()
    {
        var result = await ledger.VerifyAsync(new VerifierOptions());

        Assert.Empty(result.Findings);
        Assert.False(result.TrustGiven);
        Assert.Equal(ledger.Keys.Public().Select(k => k.Id), result.Keys);
    }

    [Fact]
    public async Task With_another_key_no_seal_counts()
    {
        using var other = SigningKey.Create();
        var result = await ledger.VerifyAsync(new VerifierOptions { Keys = [other.Public] });

        var finding = Assert.Single(result.Findings);
        Assert.Equal((FindingKind.SignatureWrong, (long?)0), (finding.Kind, finding.Seal));
        Assert.Equal(TamperedLedger.Seals - 1, finding.Followers);
    }

    [Fact]
    public async Task From_a_seal_on_what_is_before_it_is_not_looked_at()
    {
        var since = TamperedLedger.Seals / 2;
        var inside = since * 30L + 5;
        var options = new VerifierOptions { Keys = ledger.Keys.Public(), SinceSeal = since };

        var sound = await ledger.VerifyAsync(options);
        var before = await ledger.VerifyAfterAsync(() => UpdateAsync("data = '{}'", Agent, 3), options);
        var after = await ledger.VerifyAfterAsync(() => UpdateAsync("data = '{}'", Agent, inside), options);
        var first = await ledger.VerifyAfterAsync(() => UpdateAsync("data = '{}'", Agent, since * 30L), options);

        Assert.Empty(sound.Findings);
        Assert.True(sound.Events < TamperedLedger.Events * 2 / 3);
        Assert.Empty(before.Findings);
        Single(after, FindingKind.Changed, Agent, inside);
        Single(first, FindingKind.Changed, Agent, since * 30L);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public async Task A_run_that_was_broken_off_goes_on_and_finds_what_a_whole_one_finds(int parallel)
    {
        var file = Path.Combine(Directory.CreateTempSubdirectory("presence-ledger-verify-").FullName, "state.json");
        var options = new VerifierOptions
        {
            Keys = ledger.Keys.Public(),
            StateFile = file,
            Parallel = parallel,
        };
        VerificationResult whole = null!;
        VerificationResult resumed = null!;
        var runs = 0;
        await ledger.VerifyAfterAsync(async () =>
        {
            await UpdateAsync("data = '{}'", Agent, 3);
            await DeleteAsync(TamperedLedger.Stream(3), 100, 2);
            await UpdateAsync("data = '{}'", Agent, TamperedLedger.LastSealed);
            whole = await ledger.VerifyAsync(options);
            for (var resume = false; ; resume = true, runs++)
            {
                using var stop = new CancellationTokenSource();
                var verifier = new Verifier(ledger.Log, ledger.Superuser, options with { Resume = resume });
                try
                {
                    resumed = await verifier.RunAsync(new StopAfter(4_000, stop), stop.Token);
                    break;
                }
                catch (OperationCanceledException)
                {
                    Assert.True(File.Exists(file));
                }
            }
        });

        Assert.True(runs >= 2, $"only {runs} times broken off");
        Assert.False(File.Exists(file));
        Assert.Equal(whole.Findings, resumed.Findings);
        Assert.Equal((whole.Events, whole.Seals, whole.Streams), (resumed.Events, resumed.Seals, resumed.Streams));
        Assert.Equal(3, whole.Findings.Count);
    }

    [Fact]
    public async Task Through_the_port_the_same_is_found()
    {
        var result = await ledger.VerifyAfterAsync(
            async () =>
            {
                await UpdateAsync("data = '{}'", Agent, 3);
                await DeleteAsync(TamperedLedger.Stream(3), 100, 2);
                await DeleteAsync(StreamNames.Seals, VersionOf(2), 1);
            },
            throughThePort: true
        );

        Assert.Equal([FindingKind.Changed, FindingKind.Missing, FindingKind.SealMissing], result.Findings.Select(f => f.Kind).Order());
    }

    /// <summary>Breaks off after so many events of this run.</summary>
    private sealed class StopAfter(long events, CancellationTokenSource stop) : IProgress<VerificationProgress>
    {
        private long? _from;

        public void Report(VerificationProgress value)
        {
            _from ??= value.Events;
            if (value.Events - _from >= events)
                stop.Cancel();
        }
    }

    private static Finding Single(VerificationResult result, FindingKind kind, string stream, long version)
    {
        Assert.True(result.Findings.Count == 1, string.Join('\n', result.Findings.Take(20)));
        var finding = result.Findings[0];
        Assert.Equal((kind, stream, version), (finding.Kind, finding.Stream!, finding.Version ?? -1));
        Assert.EndsWith(".", finding.Text, StringComparison.Ordinal);
        return finding;
    }

    private static (string? Stream, long? Version) Named(Finding finding) => (finding.Stream, finding.Version);

    /// <summary>Version of a seal in its stream; the key is the first.</summary>
    private static long VersionOf(long seal) => seal + 1;

    private async Task UpdateAsync(string change, string stream, long version) =>
        Assert.Equal(1, await ledger.RunAsync($"update ledger.event set {change} where stream = $1 and version = $2", stream, version));

    private async Task DeleteAsync(string stream, long from, int count) =>
        Assert.InRange(
            await ledger.RunAsync(
                "delete from ledger.event where stream = $1 and version >= $2 and version < $2 + $3",
                stream,
                from,
                count
            ),
            1,
            count
        );

    private async Task RenumberAsync(string stream, long from, int by)
    {
        await ledger.RunAsync(
            "update ledger.event set version = -version where stream = $1 and version >= $2 and version > 0",
            stream,
            from
        );
        await ledger.RunAsync("update ledger.event set version = -version + $2 where stream = $1 and version < 0", stream, by);
    }

    private async Task SwapPlacesAsync((string Stream, long Version) one, (string Stream, long Version) other)
    {
        await DeleteAsync(one.Stream, one.Version, 1);
        await DeleteAsync(other.Stream, other.Version, 1);
        await PutAsync(one, other);
        await PutAsync(other, one);
    }

    /// <summary>Puts an event where another one was.</summary>
    private async Task PutAsync((string Stream, long Version) e, (string Stream, long Version) where) =>
        Assert.Equal(
            1,
            await ledger.RunAsync(
                """
                insert into ledger.event
                    select p.position, e.stream, e.version, e.event_id, e.type, e.data, e.metadata, e.occurred_at, e.recorded_at, e.hash
                    from saved_event e, saved_event p
                    where e.stream = $1 and e.version = $2 and p.stream = $3 and p.version = $4
                """,
                e.Stream,
                e.Version,
                where.Stream,
                where.Version
            )
        );

    private Task WriteAsync(long version, LedgerSealed seal) =>
        ledger.RunAsync("update ledger.event set data = $2::json where stream = 'seals' and version = $1", version, WireNames.Write(seal));

    private static LedgerSealed Changed(LedgerSealed seal, string member) =>
        member switch
        {
            "no root" => seal with { Root = "0" + seal.Root },
            "root" => seal with { Root = new string('a', 64) },
            "fingerprints" => seal with { Fingerprints = Convert.ToBase64String(new byte[8 * seal.Count]) },
            "count" => seal with
            {
                Count = seal.Count - 1,
                Fingerprints = Convert.ToBase64String(Convert.FromBase64String(seal.Fingerprints)[8..]),
            },
            "first" => seal with { First = seal.First + 1 },
            "number" => seal with { Number = seal.Number + 1 },
            "position" => seal with { Position = "0.1.1" },
            "sealedAt" => seal with { SealedAt = seal.SealedAt.AddMilliseconds(1) },
            "previous" => seal with { Previous = SealStatement.NonePrevious },
            "signatures" => seal with
            {
                Signatures = [seal.Signatures[0] with { Signature = seal.Signatures[0].Signature[..^8] + "AAAAAAA=" }],
            },
            _ => throw new ArgumentOutOfRangeException(nameof(member)),
        };

    private async Task<EventRecord> LastAsync(string stream) =>
        (await ledger.Log.ReadStreamBackwardsAsync(stream, long.MaxValue, 1, default))[0].Record;

    private static EventRecord After(EventRecord before, long version)
    {
        var e = Some.Event("x", version) with { Stream = before.Stream, OccurredAt = before.OccurredAt, RecordedAt = before.RecordedAt };
        return e with { Hash = HashOf(before.Hash, e) };
    }

    private static byte[] HashOf(byte[] before, EventRecord e) =>
        HashChain.Hash(before, e.Stream, e.Version, e.EventId, e.Type, e.Data, e.Metadata, e.OccurredAt, e.RecordedAt);

    /// <summary>The place of an event in global order.</summary>
    private async Task<long> OrdinalAsync(string stream, long version)
    {
        await using var command = ledger.Superuser.CreateCommand(
            "select position - 1 from ledger.event where stream = $1 and version = $2"
        );
        command.Parameters.Add(new() { Value = stream });
        command.Parameters.Add(new() { Value = version });
        return (long)(await command.ExecuteScalarAsync())!;
    }
}
