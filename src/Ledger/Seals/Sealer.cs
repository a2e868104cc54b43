using System.Buffers.Binary;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Seals;
using PresenceLedger.Ledger.Clock;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Ledger.Seals;

/// <summary>What sealing came to.</summary>
/// <param name="Seals">How many seals were made.</param>
/// <param name="Last">The last seal of the ledger; null where nothing was ever recorded.</param>
public sealed record Sealed(int Seals, LedgerSealed? Last);

/// <summary>
/// Seals what has been recorded since the last seal: the Merkle root over it, signed with every key in use that is at hand. Any number of
/// nodes may do it at once; the expected version of the stream lets one of them through. A ledger that does not contain the seal that is
/// noted beside the key (<see cref="SealNotes"/>) is not sealed.
/// </summary>
public sealed class Sealer(ILog log, SealBook book, SealingKeys keys, TimeProvider clock) : IDisposable
{
    /// <summary>The most events of a seal.</summary>
    public const int Largest = 10_000;

    private const int Attempts = 20;

    /// <summary>Behind the last seal stand the seal itself and keys; more than so many of them are events like others.</summary>
    private const int FewEvents = 100;

    private readonly SemaphoreSlim _one = new(1, 1);
    private readonly SealNotes _notes = new(keys.NoteFolder, log.Name);
    private SealedEvents _sealed = new(log, book);

    // The end of the last seal in this store, once that is known.
    private (long Ordinal, LogPosition Position)? _end = (0, LogPosition.Start);
    private int _rewinds;

    /// <summary>Where the newest seal is noted.</summary>
    public string NoteFile => _notes.File;

    /// <summary>Seals everything that is recorded by now.</summary>
    /// <param name="by">Who wants it: the ledger itself, or somebody on demand.</param>
    /// <param name="gently">Rests between seals for as long as each took, where nobody waits for them.</param>
    /// <param name="ct">Cancels between seals.</param>
    /// <exception cref="SealingKeyException">There is no key here that the ledger knows.</exception>
    /// <exception cref="SealNoteException">The ledger does not contain the seal that is noted, or nothing can be noted.</exception>
    /// <exception cref="InvalidDataException">The log does not have what was sealed.</exception>
    public async Task<Sealed> SealAsync(Actor by, bool gently, CancellationToken ct)
    {
        await clock.KnownAsync(ct);
        using var turn = await _one.EnterAsync(ct);
        var made = 0;
        for (var conflicts = 0; conflicts < Attempts; )
        {
            var began = clock.GetTimestamp();
            var (content, note) = await NotedAsync(ct);
            var signing = await KeysAsync(content, ct);
            if (signing is null)
                continue;
            using var disposing = new Keys(signing);
            await CatchUpAsync(content, note, signing, ct);
            switch (await SealNextAsync(content, note, signing, by, ct))
            {
                case null:
                    return new Sealed(made, book.Current.Last);
                case true:
                    made++;
                    conflicts = 0;
                    break;
                case false:
                    conflicts++;
                    break;
            }
            if (gently)
                await Task.Delay(clock.GetElapsedTime(began), clock, ct);
        }
        throw new LedgerUnavailableException("The ledger is sealed by too many at once.", null);
    }

    /// <summary>Why this node cannot seal; null where it can.</summary>
    /// <exception cref="SealNoteException">The ledger does not contain the seal that is noted.</exception>
    public async Task<string?> ProblemAsync(CancellationToken ct)
    {
        var (content, _) = await NotedAsync(ct);
        var active = content.Keys([]).Active;
        try
        {
            using var all = new Keys(keys.Signing());
            return active.Count == 0 || all.Ids.Any(active.Contains) ? null : Unknown(active).Message;
        }
        catch (SealingKeyException e)
        {
            return e.Message;
        }
    }

    /// <summary>When the first event that is not sealed was recorded; null where everything is sealed.</summary>
    /// <exception cref="InvalidDataException">The log does not have what was sealed.</exception>
    public async Task<DateTimeOffset?> UnsealedSinceAsync(CancellationToken ct)
    {
        using var turn = await _one.EnterAsync(ct);
        var after = await EndAsync(await book.RefreshAsync(ct), ct);
        var events = await log.ReadAllAsync(after, FewEvents, ct);
        return events.FirstOrDefault(e => e.Record.Stream != StreamNames.Seals)?.Record.RecordedAt;
    }

    /// <summary>
    /// Takes the ledger as it is, although it does not contain the seal that is noted: it was restored from a backup. That is recorded as
    /// an event, and sealed.
    /// </summary>
    /// <param name="reason">Why, for whoever reads it later.</param>
    /// <param name="ct">Cancellation.</param>
    /// <exception cref="SealNoteException">Nothing has to be accepted, or nothing can be noted.</exception>
    /// <exception cref="SealingKeyException">There is no key here that the ledger knows.</exception>
    public async Task<RestoreAccepted> AcceptRestoreAsync(string reason, CancellationToken ct)
    {
        RestoreAccepted accepted;
        using (await _one.EnterAsync(ct))
        {
            var (note, readable) = ReadOrNone();
            if (note is null && readable)
                throw new SealNoteException(
                    $"No seal is noted in {NoteFile}, so there is nothing to accept; the ledger is sealed as it is."
                );
            var content = await book.ConfirmAsync(ct);
            if (note is { Prepared: null } && await ProblemAsync(content, note, ct) is null)
                throw new SealNoteException(
                    $"The ledger contains seal {note.Number}, the newest that is noted in {NoteFile}; there is nothing to accept."
                );
            using (var all = new Keys(keys.Signing()))
                if (content.Keys([]).Active is { Count: > 0 } active && !all.Ids.Any(active.Contains))
                    throw Unknown(active);
            var last = content.Last;
            var hash = last is null ? "" : SealBook.HashOf(last) ?? throw Unreadable(last);
            accepted = new RestoreAccepted(note?.Number, note?.Hash, last?.Number, last is null ? null : hash, reason, At(content));
            if (!await AppendAsync(content, accepted, Actor.Ledger))
                throw new LedgerUnavailableException("The ledger is being sealed by another node; try again.", null);
            // After the event: broken off in between, it is accepted once more.
            await _notes.ReplaceAsync(last?.Number ?? -1, hash, ct);
        }
        await SealAsync(Actor.Ledger, gently: false, ct);
        return accepted;
    }

    /// <summary>What is noted; a note that cannot be read is as good as none to who replaces it.</summary>
    private (SealNote? Note, bool Readable) ReadOrNone()
    {
        try
        {
            return (_notes.Read(), true);
        }
        catch (SealNoteException)
        {
            return (null, false);
        }
    }

    /// <summary>Makes a key beside those in use, signed by one of them; from then on seals are signed by all.</summary>
    /// <exception cref="SealingKeyException">There is no key here that the ledger knows, or no place for another one.</exception>
    public async Task<PublicKey> RotateAsync(CancellationToken ct)
    {
        using var turn = await _one.EnterAsync(ct);
        while (true)
        {
            var (content, _) = await NotedAsync(ct);
            if (await KeysAsync(content, ct) is not { } signing)
                continue;
            using var disposing = new Keys(signing);
            using var key = keys.Create();
            for (var attempt = 0; attempt < Attempts; attempt++)
            {
                if (await IntroduceAsync(await book.RefreshAsync(ct), key, signing))
                    return key.Public;
            }
            throw new LedgerUnavailableException("The ledger is sealed by too many at once.", null);
        }
    }

    /// <summary>Retires a key: its signatures are no longer trusted for what is sealed from now on.</summary>
    /// <exception cref="SealingKeyException">The ledger has no such key in use, or no other one is at hand.</exception>
    public async Task RetireAsync(string keyId, CancellationToken ct)
    {
        using var turn = await _one.EnterAsync(ct);
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var (content, _) = await NotedAsync(ct);
            if (!content.Keys([]).Active.Contains(keyId))
                throw new SealingKeyException($"The ledger has no key {keyId} in use; 'presence-ledger keys list' shows those it has.");
            if (await KeysAsync(content, ct) is not { } signing)
                continue;
            using var disposing = new Keys(signing);
            SigningKey[] others = [.. signing.Where(k => k.Id != keyId)];
            if (others.Length == 0)
                throw new SealingKeyException(
                    $"Key {keyId} is the only one in use that is at hand; 'presence-ledger keys rotate' makes another one first."
                );
            var retired = new SealingKeyRetired(keyId, At(content), []);
            if (await AppendAsync(content, retired with { Signatures = Sign(others, retired.SignedText()) }, Actor.Ledger))
            {
                await book.RefreshAsync(ct);
                return;
            }
        }
        throw new LedgerUnavailableException("The ledger is sealed by too many at once.", null);
    }

    /// <inheritdoc />
    public void Dispose() => _one.Dispose();

    /// <summary>The ledger as it is by now, and what is noted of it, which it contains.</summary>
    /// <exception cref="SealNoteException">It does not contain it.</exception>
    private async Task<(SealBook.Content Content, SealNote? Note)> NotedAsync(CancellationToken ct)
    {
        // Before the ledger: another node may seal and note meanwhile.
        var note = _notes.Read();
        var content = await book.ConfirmAsync(ct);
        return note is not null && await ProblemAsync(content, note, ct) is { } problem
            ? throw new SealNoteException(problem)
            : (content, note);
    }

    /// <summary>Why this is not the ledger that the note tells of; null where it is.</summary>
    private async Task<string?> ProblemAsync(SealBook.Content content, SealNote note, CancellationToken ct)
    {
        const string then =
            " It is not sealed on this node. 'presence-ledger verify' says more; if the ledger was rightly restored from a backup, "
            + "'presence-ledger seal accept-restore' takes it up.";
        if (note.Number < 0)
            return null;
        if (!await book.ContainsAsync(note.Number, note.Hash, ct))
            return $"The ledger does not contain seal {note.Number}:{note.Hash}, which is noted in {NoteFile}." + then;
        return content.UnbrokenFrom > note.Number
            ? $"Seal {content.UnbrokenFrom} of the ledger does not follow from the seals before it, of which seal {note.Number} is noted in {NoteFile}."
                + then
            : null;
    }

    /// <summary>Notes a newer seal than is noted: made by another node, or by this one, which then died before it noted that.</summary>
    /// <exception cref="SealNoteException">It is not signed by a key that is known here.</exception>
    private async Task CatchUpAsync(SealBook.Content content, SealNote? note, IReadOnlyList<SigningKey> signing, CancellationToken ct)
    {
        if (content.Last is not { } last || last.Number <= note?.Number)
            return;
        var hash = SealBook.HashOf(last) ?? throw Unreadable(last);
        // A seal on top of it would vouch for it, and for all before it.
        var known = content.Keys(keys.Public().Concat(signing.Select(k => k.Public)), last.Number);
        if (!known.Check(last.Statement().SignedText(), last.Signatures).Trusted)
            throw new SealNoteException(
                $"Seal {last.Number} of the ledger is signed with {string.Join(", ", last.Signatures.Select(s => "key " + s.KeyId))}, which is "
                    + $"not known here, or the signature is wrong. The ledger is not sealed on this node: 'presence-ledger verify' says more; if a "
                    + $"node has rightly sealed with another key, put its public half (KEYID.pub) into {keys.Folder}."
            );
        await _notes.MadeAsync(last.Number, hash, ct);
    }

    private static InvalidDataException Unreadable(LedgerSealed seal) =>
        new($"Seal {seal.Number} of the ledger has no fingerprints that can be read.");

    /// <summary>The keys to sign with. Null where the ledger had none, and the first one was introduced just now.</summary>
    private async Task<IReadOnlyList<SigningKey>?> KeysAsync(SealBook.Content content, CancellationToken ct)
    {
        var all = keys.Signing();
        var active = content.Keys([]).Active;
        SigningKey[] known = [.. all.Where(k => active.Contains(k.Id))];
        foreach (var key in all.Except(known))
            if (active.Count > 0 || key != all[0])
                key.Dispose();
        if (known.Length > 0)
            return known;
        if (active.Count > 0)
            throw Unknown(active);
        using var first = all.Count > 0 ? all[0] : keys.Create();
        await IntroduceAsync(content, first, []);
        await book.RefreshAsync(ct);
        return null;
    }

    private SealingKeyException Unknown(IReadOnlyList<string> active) =>
        new(
            $"The ledger is sealed with key {string.Join(", ", active)}, and this node does not have it"
                + (keys.CanKeep ? $" in {keys.Folder}. Copy {active[^1]}.pem and {active[^1]}.pub there." : " in Seals:Key.")
        );

    private Task<bool> IntroduceAsync(SealBook.Content content, SigningKey key, IReadOnlyList<SigningKey> by)
    {
        var introduced = new SealingKeyIntroduced(key.Id, key.Public.Base64, At(content), []);
        return AppendAsync(content, introduced with { Signatures = Sign([.. by, key], introduced.SignedText()) }, Actor.Ledger);
    }

    /// <summary>Makes the next seal: true; false where another was faster; null where there is nothing to seal.</summary>
    private async Task<bool?> SealNextAsync(
        SealBook.Content content,
        SealNote? note,
        IReadOnlyList<SigningKey> signing,
        Actor by,
        CancellationToken ct
    )
    {
        var after = await EndAsync(content, ct);
        var events = await log.ReadAllAsync(after, Largest, ct);
        RefuseGaps(after, events);
        var last = content.Last;
        var number = last is null ? 0 : last.Number + 1;
        var prepared = note?.Prepared is { } p && p.Number == number ? p : null;
        // Seals and keys alone need no seal: it would go on for ever.
        if (
            prepared is null
            && events.All(e => e.Record.Stream == StreamNames.Seals && e.Record.Type != WireNames.OfType<RestoreAccepted>())
        )
            return null;
        var leaves = new byte[events.Count * MerkleTree.HashSize];
        var fingerprints = new byte[events.Count * sizeof(ulong)];
        for (var n = 0; n < events.Count; n++)
        {
            var own = events[n].Record.Hash;
            MerkleTree.Leaf(own, leaves.AsSpan(n * MerkleTree.HashSize, MerkleTree.HashSize));
            BinaryPrimitives.WriteUInt64BigEndian(fingerprints.AsSpan(n * sizeof(ulong)), MerkleTree.Fingerprint(own));
        }
        // That seal was signed and never seen in the ledger, or taken away again: what it covered must still be there.
        if (prepared is not null && !(prepared.Count <= events.Count && RootOf(leaves, prepared.Count) == prepared.Root))
            throw new SealNoteException(
                $"Seal {number} was about to be made when it was broken off, and the ledger no longer has the events that it covered ({NoteFile} "
                    + "notes it). The ledger is not sealed on this node: 'presence-ledger verify' says more; if the ledger was rightly restored "
                    + "from a backup, 'presence-ledger seal accept-restore' takes it up."
            );
        if (events.Count == 0)
            return null;
        var end = events[^1];
        var seal = new LedgerSealed(
            number,
            content.Sealed,
            events.Count,
            RootOf(leaves, events.Count),
            Convert.ToBase64String(fingerprints),
            end.Position.ToString(),
            end.Record.EventId,
            At(content),
            last?.Statement().Hash() ?? SealStatement.NonePrevious,
            []
        );
        var hash = seal.Statement().Hash();
        await _notes.PrepareAsync(new PreparedSeal(seal.Number, hash, seal.Count, seal.Root), ct);
        if (!await AppendAsync(content, seal with { Signatures = Sign(signing, seal.Statement().SignedText()) }, by))
            return false;
        // Only now it counts.
        await _notes.MadeAsync(seal.Number, hash, CancellationToken.None);
        _end = (seal.EndOrdinal(), end.Position);
        return true;
    }

    /// <summary>Refuses to seal over a number that is missing: a seal would say that nothing was ever there.</summary>
    /// <exception cref="InvalidDataException">One is.</exception>
    private void RefuseGaps(LogPosition after, IReadOnlyList<StoredEvent> events)
    {
        if (!log.IsNumbered || events.Count == 0 || events[^1].Position.Number == after.Number + events.Count)
            return;
        var missing = after.Number + 1;
        foreach (var e in events.TakeWhile(e => e.Position.Number == missing))
            missing = e.Position.Number + 1;
        throw new InvalidDataException(
            $"No event has the number {missing}: somebody deleted it, and the ledger is not sealed over that. 'presence-ledger verify' says more."
        );
    }

    /// <summary>The root over the first of some leaves, which stay as they are.</summary>
    private static string RootOf(byte[] leaves, int count) =>
        Convert.ToHexStringLower(MerkleTree.Root(leaves.AsSpan(0, count * MerkleTree.HashSize).ToArray()));

    /// <summary>The position in this store of the last event that is sealed.</summary>
    private async Task<LogPosition> EndAsync(SealBook.Content content, CancellationToken ct)
    {
        if (content.Rewinds != _rewinds)
            (_rewinds, _sealed, _end) = (content.Rewinds, new SealedEvents(log, book), null);
        if (_end is { } end && end.Ordinal == content.Sealed)
            return end.Position;
        if (content.Last is not { } last)
            return LogPosition.Start;
        // After a start, or where another node has sealed. The position of a seal is right unless the ledger was copied since.
        var events = await _sealed.ReadAsync(last, ct);
        _end = (content.Sealed, events[^1].Position);
        return events[^1].Position;
    }

    private async Task<bool> AppendAsync(SealBook.Content content, SealEvent e, Actor by)
    {
        var id = Guid.CreateVersion7(clock.GetUtcNow());
        var records = EventRecords.Create(
            StreamNames.Seals,
            content.Version,
            content.Hash,
            [e with { OccurredAt = At(content) }],
            due: by == Actor.Ledger ? 1 : 0,
            new CommandEnvelope(by, id, id.ToString("N")),
            policyVersion: -1,
            clock.Now()
        );
        var appended = await log.AppendAsync(new Commit([new StreamAppend(StreamNames.Seals, content.Version, records)]));
        return appended.Verdict is AppendVerdict.Appended;
    }

    /// <summary>Now; a clock that goes back does not take the seals with it.</summary>
    private DateTimeOffset At(SealBook.Content content)
    {
        var now = clock.Now();
        return content.Last is { } last && last.SealedAt > now ? last.SealedAt : now;
    }

    private static IReadOnlyList<SealSignature> Sign(IReadOnlyList<SigningKey> signing, string text) =>
        [.. signing.Select(k => k.Sign(text))];

    private sealed class Keys(IReadOnlyList<SigningKey> keys) : IDisposable
    {
        public IEnumerable<string> Ids => keys.Select(k => k.Id);

        public void Dispose()
        {
            foreach (var key in keys)
                key.Dispose();
        }
    }
}
