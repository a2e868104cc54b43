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
/// nodes may do it at once; the expected version of the stream lets one of them through.
/// </summary>
public sealed class Sealer(ILog log, SealBook book, SealingKeys keys, TimeProvider clock) : IDisposable
{
    /// <summary>The most events of a seal.</summary>
    public const int Largest = 10_000;

    private const int Attempts = 20;

    /// <summary>Behind the last seal stand the seal itself and keys; more than so many of them are events like others.</summary>
    private const int FewEvents = 100;

    private readonly SemaphoreSlim _one = new(1, 1);
    private readonly SealedEvents _sealed = new(log, book);

    // The end of the last seal in this store, once that is known.
    private (long Ordinal, LogPosition Position)? _end = (0, LogPosition.Start);

    /// <summary>Seals everything that is recorded by now.</summary>
    /// <param name="by">Who wants it: the ledger itself, or somebody on demand.</param>
    /// <param name="gently">Rests between seals for as long as each took, where nobody waits for them.</param>
    /// <param name="ct">Cancels between seals.</param>
    /// <exception cref="SealingKeyException">There is no key here that the ledger knows.</exception>
    /// <exception cref="InvalidDataException">The log does not have what was sealed.</exception>
    public async Task<Sealed> SealAsync(Actor by, bool gently, CancellationToken ct)
    {
        await clock.KnownAsync(ct);
        await _one.WaitAsync(ct);
        try
        {
            var made = 0;
            for (var conflicts = 0; conflicts < Attempts; )
            {
                var began = clock.GetTimestamp();
                var content = await book.RefreshAsync(ct);
                var signing = await KeysAsync(content, ct);
                if (signing is null)
                    continue;
                using var disposing = new Keys(signing);
                switch (await SealNextAsync(await book.RefreshAsync(ct), signing, by, ct))
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
        finally
        {
            _one.Release();
        }
    }

    /// <summary>Why this node cannot seal; null where it can.</summary>
    public async Task<string?> ProblemAsync(CancellationToken ct)
    {
        var active = (await book.RefreshAsync(ct)).Keys([]).Active;
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
        await _one.WaitAsync(ct);
        try
        {
            var after = await EndAsync(await book.RefreshAsync(ct), ct);
            var events = await log.ReadAllAsync(after, FewEvents, ct);
            return events.FirstOrDefault(e => e.Record.Stream != StreamNames.Seals)?.Record.RecordedAt;
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>Makes a key beside those in use, signed by one of them; from then on seals are signed by all.</summary>
    /// <exception cref="SealingKeyException">There is no key here that the ledger knows, or no place for another one.</exception>
    public async Task<PublicKey> RotateAsync(CancellationToken ct)
    {
        await _one.WaitAsync(ct);
        try
        {
            while (true)
            {
                var content = await book.RefreshAsync(ct);
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
        finally
        {
            _one.Release();
        }
    }

    /// <summary>Retires a key: its signatures count no more for what is sealed from now on.</summary>
    /// <exception cref="SealingKeyException">The ledger has no such key in use, or no other one is at hand.</exception>
    public async Task RetireAsync(string keyId, CancellationToken ct)
    {
        await _one.WaitAsync(ct);
        try
        {
            for (var attempt = 0; attempt < Attempts; attempt++)
            {
                var content = await book.RefreshAsync(ct);
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
        finally
        {
            _one.Release();
        }
    }

    /// <inheritdoc />
    public void Dispose() => _one.Dispose();

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
    private async Task<bool?> SealNextAsync(SealBook.Content content, IReadOnlyList<SigningKey> signing, Actor by, CancellationToken ct)
    {
        var after = await EndAsync(content, ct);
        var events = await log.ReadAllAsync(after, Largest, ct);
        // Seals and keys alone need no seal: it would go on for ever.
        if (events.All(e => e.Record.Stream == StreamNames.Seals))
            return null;
        var leaves = new byte[events.Count * MerkleTree.HashSize];
        var fingerprints = new byte[events.Count * sizeof(ulong)];
        for (var n = 0; n < events.Count; n++)
        {
            var hash = events[n].Record.Hash;
            MerkleTree.Leaf(hash, leaves.AsSpan(n * MerkleTree.HashSize, MerkleTree.HashSize));
            BinaryPrimitives.WriteUInt64BigEndian(fingerprints.AsSpan(n * sizeof(ulong)), MerkleTree.Fingerprint(hash));
        }
        var last = content.Last;
        var end = events[^1];
        var seal = new LedgerSealed(
            last is null ? 0 : last.Number + 1,
            content.Sealed,
            events.Count,
            Convert.ToHexStringLower(MerkleTree.Root(leaves)),
            Convert.ToBase64String(fingerprints),
            end.Position.ToString(),
            end.Record.EventId,
            At(content),
            last?.Statement().Hash() ?? SealStatement.NonePrevious,
            []
        );
        if (!await AppendAsync(content, seal with { Signatures = Sign(signing, seal.Statement().SignedText()) }, by))
            return false;
        _end = (seal.EndOrdinal(), end.Position);
        return true;
    }

    /// <summary>The position in this store of the last event that is sealed.</summary>
    private async Task<LogPosition> EndAsync(SealBook.Content content, CancellationToken ct)
    {
        if (_end is { } end && end.Ordinal == content.Sealed)
            return end.Position;
        // After a start, or where another node has sealed. The position of a seal is right unless the ledger was copied since.
        var events = await _sealed.ReadAsync(content.Last!, ct);
        _end = (content.Sealed, events[^1].Position);
        return events[^1].Position;
    }

    private async Task<bool> AppendAsync(SealBook.Content content, SealEvent e, Actor by)
    {
        var id = Guid.CreateVersion7(clock.GetUtcNow());
        var records = Sealing.Seal(
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
