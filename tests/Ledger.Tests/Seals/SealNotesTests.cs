using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Seals;
using PresenceLedger.Ledger.InMemory;
using PresenceLedger.Ledger.Seals;
using PresenceLedger.Ledger.Tests.Log;
using PresenceLedger.Ledger.Verification;
using PresenceLedger.Testing;
using PresenceLedger.Testing.EventStoreDb;

namespace PresenceLedger.Ledger.Tests.Seals;

/// <summary>The newest seal, noted beside the key: a ledger that lacks it is not sealed anew.</summary>
[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed class SealNotesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("presence-ledger-notes-").FullName;
    private readonly SwitchedLog _log = new(new InMemoryLog());
    private readonly SealBook _book;
    private readonly Sealer _sealer;
    private readonly Dictionary<string, EventRecord> _heads = new(StringComparer.Ordinal);

    public SealNotesTests()
    {
        _book = new SealBook(_log);
        _sealer = new Sealer(_log, _book, Keys, TimeProvider.System);
    }

    private SealingKeys Keys => new(Path.Combine(_folder, "keys"));

    private SealNotes Notes => new(Keys.NoteFolder, _log.Name);

    public void Dispose()
    {
        _sealer.Dispose();
        _book.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Each_seal_is_noted_beside_the_key_for_its_owner_alone()
    {
        for (var n = 0; n < 3; n++)
        {
            var made = await RecordAndSealAsync();
            Assert.Equal(new SealNote(_log.Name, made.Number, made.Statement().Hash()), Notes.Read());
        }
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Notes.File));
        Assert.Equal(Keys.Folder, Path.GetDirectoryName(Notes.File));
        var result = await VerifyAsync();
        Assert.True(result.Sound, string.Join('\n', result.Findings));
        Assert.Equal(2, Assert.Single(result.Noted).Number);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_ledger_without_the_noted_seal_is_not_sealed_whether_the_service_runs_or_starts(int kept)
    {
        for (var n = 0; n < 3; n++)
            await RecordAndSealAsync();
        await RewindAsync(kept);
        await RecordAsync(2);
        var events = ((InMemoryLog)_log.Inner).Count;
        using var book = new SealBook(_log);
        using var started = new Sealer(_log, book, Keys, TimeProvider.System);

        foreach (var sealer in new[] { _sealer, started })
        {
            var refused = await Assert.ThrowsAsync<SealNoteException>(() => sealer.SealAsync(Actor.Ledger, gently: false, default));
            Assert.Contains("does not contain seal 2:", refused.Message, StringComparison.Ordinal);
            await Assert.ThrowsAsync<SealNoteException>(() => sealer.ProblemAsync(default));
            await Assert.ThrowsAsync<SealNoteException>(() => sealer.RotateAsync(default));
        }

        Assert.Equal(events, ((InMemoryLog)_log.Inner).Count);
        var finding = Assert.Single((await VerifyAsync()).Findings);
        Assert.Equal((FindingKind.SealMissing, (long?)2), (finding.Kind, finding.Seal));
    }

    [Fact]
    public async Task A_restore_is_accepted_with_a_reason_recorded_and_sealed()
    {
        for (var n = 0; n < 3; n++)
            await RecordAndSealAsync();
        var gone = Notes.Read()!;
        await RewindAsync(1);

        var accepted = await _sealer.AcceptRestoreAsync("The disk failed; backup of 02:00", default);

        Assert.Equal(
            ((long?)2, gone.Hash, (long?)0, "The disk failed; backup of 02:00"),
            (accepted.NotedSeal, accepted.NotedHash!, accepted.LastSeal, accepted.Reason)
        );
        Assert.Equal(1, Notes.Read()!.Number);
        var result = await VerifyAsync();
        Assert.True(result.Sound, string.Join('\n', result.Findings));
        Assert.Equal(accepted.Reason, Assert.Single(result.Restores).Reason);
        // Nothing but the seal itself is left for the next one.
        Assert.Equal(1, result.UnsealedEvents);
        await Assert.ThrowsAsync<SealNoteException>(() => _sealer.AcceptRestoreAsync("Again", default));
        for (var n = 0; n < 3; n++)
            await RecordAndSealAsync();
        // Who has noted the seal that is gone elsewhere hears of the restore.
        var elsewhere = await VerifyAsync(new NotedSeal(gone.Number, gone.Hash, "elsewhere"));
        var finding = Assert.Single(elsewhere.Findings);
        Assert.Equal(FindingKind.SealChanged, finding.Kind);
        Assert.Contains("The disk failed", finding.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_ledger_restored_to_before_its_first_seal_is_accepted_too()
    {
        await RecordAndSealAsync();
        await RewindAsync(0);

        var accepted = await _sealer.AcceptRestoreAsync("Nothing sealed was in the backup", default);

        Assert.Null(accepted.LastSeal);
        Assert.Equal(0, Notes.Read()!.Number);
        Assert.True((await VerifyAsync()).Sound);
    }

    [Fact]
    public async Task Where_nothing_was_noted_nothing_can_be_accepted()
    {
        await RecordAsync(1);

        await Assert.ThrowsAsync<SealNoteException>(() => _sealer.AcceptRestoreAsync("Why not", default));

        Assert.Equal(1, ((InMemoryLog)_log.Inner).Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Whoever_dies_between_note_and_seal_goes_on_where_the_ledger_is(bool appended)
    {
        await RecordAndSealAsync();
        await RecordAsync(3);
        _log.OnAppend = async append =>
        {
            if (appended)
                await append();
            throw new LedgerUnavailableException("The service died here.", null, outcomeUnknown: true);
        };
        await Assert.ThrowsAsync<LedgerUnavailableException>(SealAsync);
        var between = Notes.Read()!;
        _log.OnAppend = null;
        using var book = new SealBook(_log);
        using var started = new Sealer(_log, book, Keys, TimeProvider.System);

        var made = await started.SealAsync(Actor.Ledger, gently: false, default);

        Assert.Equal((0L, 1L), (between.Number, between.Prepared!.Number));
        Assert.Equal((appended ? 0 : 1, 1L), (made.Seals, made.Last!.Number));
        Assert.Equal(new SealNote(_log.Name, 1, made.Last.Statement().Hash()), Notes.Read());
        Assert.Equal(appended, made.Last.Statement().Hash() == between.Prepared.Hash);
        Assert.True((await VerifyAsync()).Sound);
    }

    [Fact]
    public async Task What_a_seal_was_about_to_cover_cannot_be_changed_before_the_seal_is_made_anew()
    {
        await RecordAndSealAsync();
        await RecordAsync(1);
        var before = _heads.ToDictionary(StringComparer.Ordinal);
        await RecordAsync(2);
        _log.OnAppend = _ => throw new LedgerUnavailableException("The service died here.", null, outcomeUnknown: true);
        await Assert.ThrowsAsync<LedgerUnavailableException>(SealAsync);
        _log.OnAppend = null;
        // Others in their place.
        await RewindAsync(1, unsealed: 2);
        _heads.Clear();
        foreach (var (stream, head) in before)
            _heads[stream] = head;
        await RecordAsync(5);

        var refused = await Assert.ThrowsAsync<SealNoteException>(SealAsync);

        Assert.Contains("no longer has the events", refused.Message, StringComparison.Ordinal);
        await _sealer.AcceptRestoreAsync("It was a restore", default);
        Assert.True((await VerifyAsync()).Sound);
    }

    [Fact]
    public async Task A_node_whose_note_is_behind_catches_up_with_what_others_have_sealed()
    {
        await RecordAndSealAsync();
        var elsewhere = new SealingKeys(Path.Combine(_folder, "elsewhere"));
        Directory.CreateDirectory(elsewhere.Folder);
        foreach (var key in Directory.GetFiles(Keys.Folder, "*.p??"))
            File.Copy(key, Path.Combine(elsewhere.Folder, Path.GetFileName(key)));
        using var book = new SealBook(_log);
        using var other = new Sealer(_log, book, elsewhere, TimeProvider.System);
        await RecordAsync(1);
        await other.SealAsync(Actor.Ledger, gently: false, default);
        for (var n = 0; n < 4; n++)
            await RecordAndSealAsync();
        var behind = new SealNotes(elsewhere.NoteFolder, _log.Name).Read()!;

        await other.SealAsync(Actor.Ledger, gently: false, default);

        Assert.Equal(1, behind.Number);
        Assert.Equal(Notes.Read(), new SealNotes(elsewhere.NoteFolder, _log.Name).Read());
        // And holds the ledger to what others sealed.
        await RewindAsync(4);
        await Assert.ThrowsAsync<SealNoteException>(() => other.SealAsync(Actor.Ledger, gently: false, default));
    }

    [Fact]
    public async Task Nodes_that_share_the_folder_and_seal_at_once_leave_the_newest_seal_noted()
    {
        using var book = new SealBook(_log);
        using var other = new Sealer(_log, book, Keys, TimeProvider.System);
        await RecordAndSealAsync();
        for (var n = 0; n < 20; n++)
        {
            await RecordAsync(3);
            await Task.WhenAll(
                Task.Run(() => _sealer.SealAsync(Actor.Ledger, false, default)),
                Task.Run(() => other.SealAsync(Actor.Ledger, false, default))
            );
            var last = (await _book.RefreshAsync(default)).Last!;
            Assert.Equal((last.Number, last.Statement().Hash()), (Notes.Read()!.Number, Notes.Read()!.Hash));
        }
        Assert.True((await VerifyAsync()).Sound);
    }

    [Fact]
    public async Task A_seal_of_a_stranger_is_not_vouched_for_by_one_on_top_of_it()
    {
        await RecordAndSealAsync();
        await RecordAsync(2);
        // Whoever can write to the store can introduce a key of their own and seal with it.
        var strange = new SealingKeys(Path.Combine(_folder, "strange"));
        using (var key = strange.Create())
        {
            foreach (var known in Directory.GetFiles(Keys.Folder, "*.pub"))
                File.Copy(known, Path.Combine(strange.Folder, Path.GetFileName(known)));
            var content = await _book.RefreshAsync(default);
            var introduced = new SealingKeyIntroduced(key.Id, key.Public.Base64, Some.Time, []);
            introduced = introduced with { Signatures = [key.Sign(introduced.SignedText())], OccurredAt = Some.Time };
            var records = Ledger.Events.EventRecords.Create(
                StreamNames.Seals,
                content.Version,
                content.Hash,
                [introduced],
                1,
                Node.Envelope(),
                -1,
                Some.Time
            );
            await _log.AppendAsync(new Commit([new StreamAppend(StreamNames.Seals, content.Version, records)]));
        }
        using var book = new SealBook(_log);
        using var stranger = new Sealer(_log, book, strange, TimeProvider.System);
        await stranger.SealAsync(Actor.Ledger, gently: false, default);
        await RecordAsync(1);

        var refused = await Assert.ThrowsAsync<SealNoteException>(SealAsync);

        Assert.Contains("Seal 1 of the ledger is signed with", refused.Message, StringComparison.Ordinal);
        Assert.Equal(0, Notes.Read()!.Number);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{\"ledger\":\"InMemory\",\"number\":0}")]
    [InlineData("{\"ledger\":\"another\",\"number\":0,\"hash\":\"00\"}")]
    public async Task A_note_that_cannot_be_read_stops_sealing_until_a_restore_is_accepted(string note)
    {
        await RecordAndSealAsync();
        await RecordAsync(1);
        await File.WriteAllTextAsync(Notes.File, note);

        var refused = await Assert.ThrowsAsync<SealNoteException>(SealAsync);

        Assert.Contains("cannot be read", refused.Message, StringComparison.Ordinal);
        var accepted = await _sealer.AcceptRestoreAsync("The file was lost", default);
        Assert.Null(accepted.NotedSeal);
        Assert.Equal(0, accepted.LastSeal);
        Assert.Equal(1, Notes.Read()!.Number);
    }

    [Fact]
    public async Task Without_a_place_for_the_note_nothing_is_sealed()
    {
        await RecordAndSealAsync();
        await RecordAsync(1);
        var events = ((InMemoryLog)_log.Inner).Count;
        var file = Path.Combine(_folder, "file");
        await File.WriteAllTextAsync(file, "");
        using var book = new SealBook(_log);
        using var sealer = new Sealer(_log, book, Keys with { NoteFolder = Path.Combine(file, "notes") }, TimeProvider.System);

        var refused = await Assert.ThrowsAsync<SealNoteException>(() => sealer.SealAsync(Actor.Ledger, gently: false, default));

        Assert.Contains("Seals:NoteFolder", refused.Message, StringComparison.Ordinal);
        Assert.Equal(events, ((InMemoryLog)_log.Inner).Count);
    }

    [Fact]
    public async Task A_ledger_in_an_EventStoreDB_that_lacks_the_noted_seal_is_not_sealed()
    {
        await using var store = TestEventStore.Of(await FakeEventStore.StartAsync());
        await using var database = await Node.CreateDatabaseAsync(store);
        await using var node = await Node.StartAsync(database);
        await using var older = TestEventStore.Of(await FakeEventStore.StartAsync());
        await using var olderDatabase = await Node.CreateDatabaseAsync(older);
        await using var olderNode = await Node.StartAsync(olderDatabase);
        using (var book = new SealBook(node.Log))
        using (var sealer = new Sealer(node.Log, book, Keys, TimeProvider.System))
        {
            await node.RegisterAsync("ana");
            await sealer.SealAsync(Actor.Ledger, gently: false, default);
        }
        Assert.Equal(node.Log.Name, olderNode.Log.Name);
        await olderNode.RegisterAsync("ana");
        using var olderBook = new SealBook(olderNode.Log);
        using var olderSealer = new Sealer(olderNode.Log, olderBook, Keys, TimeProvider.System);

        await Assert.ThrowsAsync<SealNoteException>(() => olderSealer.SealAsync(Actor.Ledger, gently: false, default));

        Assert.Empty(await olderNode.Log.ReadStreamAsync(StreamNames.Seals, 0, 1, default));
        var finding = Assert.Single(
            (
                await new Verifier(
                    olderNode.Log,
                    null,
                    new VerifierOptions { Noted = new SealNotes(Keys.NoteFolder, node.Log.Name).Noted() }
                ).RunAsync(null, default)
            ).Findings
        );
        Assert.Equal(FindingKind.SealMissing, finding.Kind);
    }

    private Task<Sealed> SealAsync() => _sealer.SealAsync(Actor.Ledger, gently: false, default);

    private async Task<LedgerSealed> RecordAndSealAsync()
    {
        await RecordAsync(3);
        return (await SealAsync()).Last!;
    }

    private Task<VerificationResult> VerifyAsync(params NotedSeal[] noted) =>
        new Verifier(_log, null, new VerifierOptions { Keys = Keys.Public(), Noted = [.. Notes.Noted(), .. noted] }).RunAsync(
            null,
            default
        );

    private async Task RecordAsync(int count)
    {
        for (var n = 0; n < count; n++)
        {
            var name = "s" + (char)('0' + n % 3);
            var before = _heads.GetValueOrDefault(name);
            var e = Some.Event(name, (before?.Version ?? -1) + 1);
            var hash = HashChain.Hash(
                before?.Hash ?? HashChain.Genesis,
                e.Stream,
                e.Version,
                e.EventId,
                e.Type,
                e.Data,
                e.Metadata,
                e.OccurredAt,
                e.RecordedAt
            );
            _heads[name] = e = e with { Hash = hash };
            await _log.AppendAsync(new Commit([new StreamAppend(e.Stream, e.Version - 1, [e])]));
        }
    }

    /// <summary>Makes the ledger what it was up to so many seals, as a backup is, or as somebody leaves it who takes the seals away.</summary>
    /// <param name="seals">Seals that stay.</param>
    /// <param name="unsealed">Events that are taken away, where all seals stay.</param>
    private async Task RewindAsync(int seals, int unsealed = 0)
    {
        var all = await _log.ReadAllAsync(LogPosition.Start, int.MaxValue, default);
        var places = (await _book.RefreshAsync(default)).Places;
        // What is there with the last seal that stays; or, without any, the agents' events.
        var kept =
            seals == 0 ? all.Where(e => e.Record.Stream != StreamNames.Seals)
            : unsealed > 0 ? all.SkipLast(unsealed)
            : all.TakeWhile(e => seals == places.Count || e.Record.Stream != StreamNames.Seals || e.Record.Version < places[seals].Version);
        var log = new InMemoryLog();
        _heads.Clear();
        foreach (var e in kept.Select(e => e.Record))
        {
            await log.AppendAsync(new Commit([new StreamAppend(e.Stream, e.Version - 1, [e])]));
            if (e.Stream != StreamNames.Seals)
                _heads[e.Stream["agent-".Length..]] = e;
        }
        _log.Inner = log;
    }

    /// <summary>A log in whose place another one can be put, and that can fail.</summary>
    private sealed class SwitchedLog(ILog log) : PassingLog(log)
    {
        public Func<Func<Task<AppendResult>>, Task<AppendResult>>? OnAppend { get; set; }

        public override Task<AppendResult> AppendAsync(Commit commit) =>
            OnAppend is { } on ? on(() => base.AppendAsync(commit)) : base.AppendAsync(commit);
    }
}
