using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using PresenceLedger.Domain.Seals;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Ledger.Verification;

/// <summary>What the verification of an evidence bundle came to.</summary>
/// <param name="AgentId">Whom it is about.</param>
/// <param name="Events">Events that were checked.</param>
/// <param name="Unsealed">Those of them that no seal covers.</param>
/// <param name="Seals">Seals that were checked.</param>
/// <param name="SealedAt">When the newest of them was made.</param>
/// <param name="TrustGiven">Whether the signatures were checked with keys that were given, and not with those in the bundle.</param>
/// <param name="Keys">Ids of the keys whose signatures counted.</param>
/// <param name="Findings">What is wrong.</param>
public sealed record BundleVerification(
    string AgentId,
    int Events,
    int Unsealed,
    int Seals,
    DateTimeOffset? SealedAt,
    bool TrustGiven,
    IReadOnlyList<string> Keys,
    IReadOnlyList<Finding> Findings
)
{
    /// <summary>Nothing is wrong.</summary>
    public bool Sound => Findings.Count == 0;
}

/// <summary>Verifies an evidence bundle (docs/proof.md) by itself: no ledger is needed.</summary>
public static class BundleVerifier
{
    /// <summary>What is in the manifest as <c>format</c>: with the seals that are needed and the newest.</summary>
    public const string Format = "presence-ledger evidence v2";

    /// <summary>The format before: with all seals from the first that is needed up to the newest.</summary>
    public const string Unbroken = "presence-ledger evidence v1";

    /// <summary>Verifies the bundle in a stream.</summary>
    /// <param name="bundle">A zip.</param>
    /// <param name="keys">Keys whose signatures count; where there are none, those of the bundle are taken at its word.</param>
    /// <exception cref="InvalidDataException">It is no bundle.</exception>
    public static BundleVerification Verify(Stream bundle, IReadOnlyList<PublicKey> keys)
    {
        var files = Files(bundle);
        try
        {
            return new Check(files, keys).Run();
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or FormatException or InvalidOperationException)
        {
            throw new InvalidDataException("This is no evidence bundle that can be read: " + e.Message, e);
        }
    }

    private static Dictionary<string, byte[]> Files(Stream bundle)
    {
        var files = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        using var zip = new ZipArchive(bundle, ZipArchiveMode.Read, leaveOpen: true);
        foreach (var entry in zip.Entries)
        {
            using var from = entry.Open();
            using var bytes = new MemoryStream();
            from.CopyTo(bytes);
            if (!files.TryAdd(entry.FullName, bytes.ToArray()))
                throw new InvalidDataException($"The bundle has {entry.FullName} twice.");
        }
        return files;
    }

    private sealed class Check(Dictionary<string, byte[]> files, IReadOnlyList<PublicKey> keys)
    {
        private readonly List<Finding> _findings = [];
        private readonly Keyring _keyring = new(keys);
        private readonly Dictionary<long, Event> _events = [];
        private readonly Dictionary<long, Seal> _seals = [];
        private int _unsealed;

        public BundleVerification Run()
        {
            var manifest = JsonSerializer.Deserialize<Manifest>(File("manifest.json"), LedgerJson.Options)!;
            if (manifest.Format is not (Format or Unbroken))
                throw new FormatException($"its format is '{manifest.Format}'.");
            CheckFiles(manifest);
            CheckEvents(manifest);
            CheckSeals(isUnbroken: manifest.Format == Unbroken);
            CheckProofs();
            return new BundleVerification(
                manifest.AgentId,
                _events.Count,
                _unsealed,
                _seals.Count,
                _seals.Count > 0 ? _seals.Values.Max(s => s.SealedAt) : null,
                _keyring.IsGiven,
                [.. _keyring.Trusted.Order(StringComparer.Ordinal)],
                _findings
            );
        }

        private void CheckFiles(Manifest manifest)
        {
            foreach (var (name, hash) in manifest.Files)
                if (!files.TryGetValue(name, out var bytes))
                    Report(FindingKind.Missing, $"The file {name} is gone.");
                else if (Convert.ToHexStringLower(SHA256.HashData(bytes)) != hash)
                    Report(FindingKind.Changed, $"The file {name} is not the one of the manifest.");
            foreach (var name in files.Keys.Where(name => name != "manifest.json" && !manifest.Files.ContainsKey(name)))
                Report(FindingKind.Inserted, $"The file {name} is not in the manifest.");
        }

        private void CheckEvents(Manifest manifest)
        {
            Event? before = null;
            var stream = StreamNames.Agent(manifest.AgentId);
            foreach (var e in Lines<Event>("events.ndjson"))
            {
                var name = Invariant($"{e.Stream}@{e.Version}");
                if (e.Stream != stream || !_events.TryAdd(e.Version, e))
                    Report(FindingKind.Inserted, $"{name} does not belong here.", e);
                if (before is not null && e.Version != before.Version + 1)
                    Report(
                        e.Version > before.Version ? FindingKind.Missing : FindingKind.Reordered,
                        Invariant($"{name} comes after version {before.Version}."),
                        e
                    );
                else if (
                    e.PreviousHash != (before?.Hash ?? e.PreviousHash)
                    || (e.Version == 0 && e.PreviousHash != SealStatement.NonePrevious)
                )
                    Report(FindingKind.Changed, $"{name} does not follow from the event before it.", e);
                if (e.Computed() != e.Hash)
                    Report(FindingKind.Changed, $"{name} is not what its hash was made of.", e);
                before = e;
            }
            if (_events.Count != manifest.Events)
                Report(FindingKind.Missing, Invariant($"The bundle has {_events.Count} events, and was made with {manifest.Events}."));
        }

        private void CheckSeals(bool isUnbroken)
        {
            var introductions = new Queue<Introduction>(Lines<Introduction>("introductions.ndjson"));
            Seal? before = null;
            Seal? unvouched = null;
            foreach (var seal in Lines<Seal>("seals.ndjson"))
            {
                while (introductions.TryPeek(out var next) && next.BeforeSeal <= seal.Number)
                    Apply(introductions.Dequeue());
                _seals[seal.Number] = seal;
                var text = seal.Statement().SignedText();
                if (before is not null && seal.Number > before.Number + 1)
                {
                    if (isUnbroken)
                        Report(FindingKind.SealMissing, Invariant($"Seal {before.Number + 1} is gone."), seal: before.Number + 1);
                    // Nothing that comes after it here holds it.
                    ReportUnvouched(unvouched);
                    unvouched = null;
                }
                else if (
                    before is not null
                    && (
                        seal.Number <= before.Number
                        || seal.Previous != before.Statement().Hash()
                        || seal.First != before.First + before.Count
                    )
                )
                    Report(
                        FindingKind.SealChanged,
                        Invariant($"Seal {seal.Number} does not follow from the seal before it."),
                        seal: seal.Number
                    );
                var verdict = _keyring.Check(text, seal.Signatures);
                if (verdict.Problem is { } problem)
                    Report(
                        FindingKind.SignatureWrong,
                        Invariant($"Seal {seal.Number} is not signed as it should be: {problem}"),
                        seal: seal.Number
                    );
                unvouched = verdict.Trusted ? null : unvouched ?? seal;
                before = seal;
            }
            while (introductions.TryDequeue(out var last))
                Apply(last);
            ReportUnvouched(unvouched);
        }

        private void ReportUnvouched(Seal? unvouched)
        {
            if (unvouched is not null)
                Report(
                    FindingKind.SignatureWrong,
                    Invariant($"From seal {unvouched.Number} on there is no signature of a key that is trusted."),
                    seal: unvouched.Number
                );
        }

        private void Apply(Introduction introduction)
        {
            var problem = introduction.Type switch
            {
                "sealing-key-introduced" => _keyring.Apply(
                    new SealingKeyIntroduced(
                        introduction.KeyId,
                        introduction.PublicKey ?? "",
                        introduction.IntroducedAt.GetValueOrDefault(),
                        introduction.Signatures
                    )
                ),
                "sealing-key-retired" => _keyring.Apply(
                    new SealingKeyRetired(introduction.KeyId, introduction.RetiredAt.GetValueOrDefault(), introduction.Signatures)
                ),
                _ => $"'{introduction.Type}' is not known.",
            };
            if (problem is not null)
                Report(FindingKind.SignatureWrong, problem);
        }

        private void CheckProofs()
        {
            var proofs = JsonSerializer.Deserialize<Proof[]>(File("proofs.json"), LedgerJson.Options)!;
            foreach (var e in _events.Values.Where(e => !Array.Exists(proofs, p => p.Version == e.Version)))
                Report(FindingKind.Inserted, Invariant($"{e.Stream}@{e.Version} has no proof."), e);
            foreach (var proof in proofs)
            {
                if (proof.Seal is not { } number)
                {
                    _unsealed++;
                    continue;
                }
                if (!_events.TryGetValue(proof.Version, out var e))
                    Report(FindingKind.Missing, Invariant($"Version {proof.Version} is gone; seal {number} covers it."), seal: number);
                else if (!_seals.TryGetValue(number, out var seal))
                    Report(FindingKind.SealMissing, Invariant($"Seal {number}, which covers version {proof.Version}, is gone."), e, number);
                else if (Root(e, proof, seal) != seal.Root)
                    Report(FindingKind.Changed, Invariant($"{e.Stream}@{e.Version} is not what seal {number} covers."), e, number);
            }
        }

        private static string? Root(Event e, Proof proof, Seal seal)
        {
            var leaf = new byte[MerkleTree.HashSize];
            MerkleTree.Leaf(Convert.FromHexString(e.Hash), leaf);
            var root = MerkleTree.RootOf(leaf, proof.Index ?? -1, seal.Count, [.. proof.Path.Select(Convert.FromHexString)]);
            return root is null ? null : Convert.ToHexStringLower(root);
        }

        private byte[] File(string name) =>
            files.TryGetValue(name, out var bytes) ? bytes : throw new KeyNotFoundException($"it has no {name}.");

        private IEnumerable<T> Lines<T>(string name)
        {
            using var lines = new StreamReader(new MemoryStream(File(name)), Encoding.UTF8);
            while (lines.ReadLine() is { } line)
                if (line.Length > 0)
                    yield return JsonSerializer.Deserialize<T>(line, LedgerJson.Options)
                        ?? throw new JsonException($"{name} has an empty line.");
        }

        private void Report(FindingKind kind, string text, Event? e = null, long? seal = null) =>
            _findings.Add(
                new Finding(kind, text)
                {
                    Stream = e?.Stream,
                    Version = e?.Version,
                    EventId = e?.EventId,
                    Seal = seal,
                }
            );

        private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
    }

    private sealed record Manifest(string Format, string AgentId, int Events, Dictionary<string, string> Files);

    private sealed record Event(
        string Stream,
        long Version,
        Guid EventId,
        string Type,
        string Data,
        string Metadata,
        DateTimeOffset OccurredAt,
        DateTimeOffset RecordedAt,
        string PreviousHash,
        string Hash
    )
    {
        public string Computed() =>
            Convert.ToHexStringLower(
                HashChain.Hash(Convert.FromHexString(PreviousHash), Stream, Version, EventId, Type, Data, Metadata, OccurredAt, RecordedAt)
            );
    }

    private sealed record Seal(
        long Number,
        long First,
        int Count,
        string Root,
        string Fingerprints,
        string Position,
        Guid LastEventId,
        DateTimeOffset SealedAt,
        string Previous,
        IReadOnlyList<SealSignature> Signatures
    )
    {
        public SealStatement Statement() => new(Number, First, Count, Root, Fingerprints, Position, LastEventId, SealedAt, Previous);
    }

    private sealed record Introduction(
        string Type,
        string KeyId,
        string? PublicKey,
        DateTimeOffset? IntroducedAt,
        DateTimeOffset? RetiredAt,
        long BeforeSeal,
        IReadOnlyList<SealSignature> Signatures
    );

    private sealed record Proof(long Version, long? Seal, int? Index, IReadOnlyList<string> Path);
}
