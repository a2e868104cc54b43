using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.CompilerServices;
using PresenceLedger.Domain.Seals;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.Seals;

namespace PresenceLedger.Ledger.Verification;

/// <summary>A stretch of the global order, and what a seal says of it.</summary>
/// <param name="First">Place of its first event.</param>
/// <param name="Count">How many events.</param>
/// <param name="Seal">The seal; null where it is gone, or is not to be believed.</param>
/// <param name="Fingerprints">Of the events, in order; none without a seal.</param>
/// <param name="Root">The Merkle root over their hashes; empty without a seal.</param>
internal sealed record Stretch(long First, long Count, LedgerSealed? Seal, ulong[] Fingerprints, byte[] Root);

/// <summary>
/// The seals in their order, each checked by itself and against the one before: number, place, hash of the seal before, signatures. A seal
/// whose signature is wrong is believed only where the next one vouches for what it says.
/// </summary>
/// <param name="log">The log.</param>
/// <param name="keys">Whose signatures count.</param>
/// <param name="lastVersion">The last event of the stream to look at.</param>
/// <param name="noted">Seals noted elsewhere, which the ledger is to contain.</param>
internal sealed class SealSequence(ILog log, Keyring keys, long lastVersion, IReadOnlyList<NotedSeal> noted)
{
    private const int PageSize = 50;

    private readonly List<Finding> _findings = [];
    private readonly List<RestoreAccepted> _restores = [];
    private readonly HashSet<NotedSeal> _contained = [];
    private readonly HashSet<long> _numbers = [];
    private long _number = -1;
    private long _end;
    private string? _previous = SealStatement.NonePrevious;
    private (long From, long Count)? _gap;

    // Seals that are there, of which nothing can be made: reported as such, and not missing too.
    private readonly HashSet<long> _unusable = [];
    private (long Version, LedgerSealed First, LedgerSealed Last)? _unvouched;

    /// <summary>What is wrong with seals and keys.</summary>
    public IReadOnlyList<Finding> Findings => _findings;

    /// <summary>Restores from a backup that were accepted.</summary>
    public IReadOnlyList<RestoreAccepted> Restores => _restores;

    /// <summary>How many seals there are.</summary>
    public long Seals { get; private set; }

    /// <summary>The last seal that is to be believed.</summary>
    public LedgerSealed? Last { get; private set; }

    /// <summary>The stretches, one after another from the first event on, without gaps between them.</summary>
    public async IAsyncEnumerable<Stretch> ReadAsync([EnumeratorCancellation] CancellationToken ct)
    {
        Read? doubtful = null;
        var version = -1L;
        while (version < lastVersion)
        {
            var page = await log.ReadStreamAsync(StreamNames.Seals, version + 1, PageSize, ct);
            if (page.Count == 0)
                break;
            foreach (var record in page.Select(stored => stored.Record).Where(r => r.Version <= lastVersion))
            {
                if (record.Version > version + 1)
                    _gap ??= (version + 1, record.Version - version - 1);
                version = record.Version;
                if (Look(record) is not { } read)
                    continue;
                if (doubtful is not null)
                {
                    Report(
                        doubtful,
                        FindingKind.SignatureWrong,
                        $"Seal {doubtful.Seal.Number} is not signed as it should be: {doubtful.Problem}"
                    );
                    if (read.Problem is null && read.Seal.Previous == doubtful.Hash)
                        foreach (var stretch in Use(doubtful))
                            yield return stretch;
                    else
                        // It is there, so it is not missing too; what it says counts for nothing.
                        (_number, _previous) = (_number + 1, null);
                }
                doubtful = read.Problem is null ? null : read;
                if (doubtful is null)
                    foreach (var stretch in Use(read))
                        yield return stretch;
            }
            if (page[^1].Record.Version >= lastVersion)
                break;
            version = page[^1].Record.Version;
        }
        if (doubtful is not null)
            Report(doubtful, FindingKind.SignatureWrong, $"Seal {doubtful.Seal.Number} is not signed as it should be: {doubtful.Problem}");
        ReportUnvouched();
        ReportNoted();
    }

    /// <summary>What an event of the stream says; null where it is no seal, or nothing can be made of it.</summary>
    private Read? Look(EventRecord record)
    {
        LedgerSealed? seal = null;
        try
        {
            switch (WireNames.Read(record))
            {
                case SealingKeyIntroduced e when keys.Apply(e) is { } problem:
                    Report(record, FindingKind.SignatureWrong, problem);
                    break;
                case SealingKeyRetired e when keys.Apply(e) is { } problem:
                    Report(record, FindingKind.SignatureWrong, problem);
                    break;
                case RestoreAccepted restored:
                    _restores.Add(restored);
                    break;
                case LedgerSealed found:
                    seal = found;
                    return Look(record, found);
            }
        }
        catch (Exception e) when (e is InvalidDataException or FormatException or System.Text.Json.JsonException or ArgumentNullException)
        {
            Report(record, FindingKind.SealChanged, $"This event of the stream '{StreamNames.Seals}' cannot be read: {e.Message}");
            if (seal is not null)
                _unusable.Add(seal.Number);
        }
        return null;
    }

    private Read? Look(EventRecord record, LedgerSealed seal)
    {
        Seals++;
        var bytes = Convert.FromBase64String(seal.Fingerprints);
        var root = Convert.FromHexString(seal.Root);
        if (seal.Count <= 0 || bytes.Length != seal.Count * sizeof(ulong) || root.Length != MerkleTree.HashSize)
        {
            Report(
                record,
                FindingKind.SealChanged,
                $"Seal {seal.Number} does not have the fingerprints of {seal.Count} events, or no root.",
                seal.Number
            );
            _unusable.Add(seal.Number);
            return null;
        }
        var statement = seal.Statement();
        var verdict = keys.Check(statement.SignedText(), seal.Signatures);
        var fingerprints = new ulong[seal.Count];
        for (var n = 0; n < fingerprints.Length; n++)
            fingerprints[n] = BinaryPrimitives.ReadUInt64BigEndian(bytes.AsSpan(n * sizeof(ulong)));
        var hash = statement.Hash();
        if (noted.Count > 0 && noted.Any(n => n.Number == seal.Number))
        {
            _numbers.Add(seal.Number);
            _contained.UnionWith(noted.Where(n => n.Number == seal.Number && n.Hash == hash));
        }
        return new Read(record, seal, hash, verdict.Trusted, verdict.Problem, fingerprints, root);
    }

    /// <summary>The stretch of a seal that is believed, and before it the one that the seals before it left out.</summary>
    private IEnumerable<Stretch> Use(Read read)
    {
        var seal = read.Seal;
        if (seal.Number <= _number || seal.First < _end)
        {
            Report(read, FindingKind.SealChanged, $"Seal {seal.Number} comes after seal {_number}, and covers what that one covers.");
            yield break;
        }
        while (_unusable.Remove(_number + 1))
            (_number, _previous) = (_number + 1, null);
        if (seal.Number > _number + 1)
            Miss(read, seal.Number - _number - 1);
        else if (_previous is not null && seal.Previous != _previous)
            Report(read, FindingKind.SealChanged, $"Seal {seal.Number} names another seal before it than the one that is there.");
        else if (seal.First > _end && _previous is not null)
            Report(read, FindingKind.SealChanged, $"Seal {seal.Number} begins at {seal.First}, and the seal before it ends at {_end}.");
        if (_previous != seal.Previous)
            ReportUnvouched();
        _gap = null;
        if (seal.First > _end)
            yield return new Stretch(_end, seal.First - _end, null, [], []);
        yield return new Stretch(seal.First, seal.Count, seal, read.Fingerprints, read.Root);
        (_number, _end, _previous, Last) = (seal.Number, seal.EndOrdinal(), read.Hash, seal);
        // By its hash of the seal before, a seal that is trusted vouches for all before it.
        _unvouched = read.Trusted ? null : (_unvouched?.Version ?? read.Record.Version, _unvouched?.First ?? seal, seal);
    }

    private void Miss(Read read, long count)
    {
        var which = count == 1 ? $"Seal {_number + 1} is gone." : Invariant($"Seals {_number + 1} to {_number + count} are gone.");
        _findings.Add(
            new Finding(FindingKind.SealMissing, which)
            {
                Stream = StreamNames.Seals,
                Version = _gap?.From ?? read.Record.Version,
                Seal = _number + 1,
                Followers = count - 1,
            }
        );
    }

    /// <summary>What was noted elsewhere and is not there, or is another one.</summary>
    private void ReportNoted()
    {
        foreach (var seal in noted.Where(seal => !_contained.Contains(seal)))
        {
            var how = _numbers.Contains(seal.Number) ? "is another one in the ledger" : "is not in the ledger";
            var restored = _restores.LastOrDefault(r => r.NotedSeal >= seal.Number && (r.LastSeal ?? -1) < seal.Number);
            _findings.Add(
                new Finding(
                    _numbers.Contains(seal.Number) ? FindingKind.SealChanged : FindingKind.SealMissing,
                    Invariant(
                        $"Seal {seal.Number} with hash {seal.Hash}, noted {seal.Where}, {how}: what it and later seals covered may have been changed."
                    )
                        + (
                            restored is null
                                ? ""
                                : Invariant(
                                    $" A restore from a backup was accepted at {Instant.Format(restored.AcceptedAt)}: {restored.Reason}"
                                )
                        )
                )
                {
                    Stream = StreamNames.Seals,
                    Seal = seal.Number,
                }
            );
        }
    }

    private void ReportUnvouched()
    {
        if (_unvouched is not { } run)
            return;
        _unvouched = null;
        var which = run.First == run.Last ? $"Seal {run.First.Number} is" : $"Seals {run.First.Number} to {run.Last.Number} are";
        _findings.Add(
            new Finding(
                FindingKind.SignatureWrong,
                $"{which} signed with key {string.Join(", ", run.First.Signatures.Select(s => s.KeyId))}, which nobody who is trusted has introduced."
            )
            {
                Stream = StreamNames.Seals,
                Version = run.Version,
                Seal = run.First.Number,
                Followers = run.Last.Number - run.First.Number,
            }
        );
    }

    private void Report(Read read, FindingKind kind, string text) => Report(read.Record, kind, text, read.Seal.Number);

    private void Report(EventRecord record, FindingKind kind, string text, long? seal = null) =>
        _findings.Add(
            new Finding(kind, text)
            {
                Stream = record.Stream,
                Version = record.Version,
                EventId = record.EventId,
                Seal = seal,
            }
        );

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>A seal as it was read.</summary>
    private sealed record Read(
        EventRecord Record,
        LedgerSealed Seal,
        string Hash,
        bool Trusted,
        string? Problem,
        ulong[] Fingerprints,
        byte[] Root
    );
}
