using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using PresenceLedger.Domain.Naming;
using PresenceLedger.Domain.Seals;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.Seals;

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

    /// <summary>The seals in it, as a ledger should contain them.</summary>
    [JsonIgnore]
    public IReadOnlyList<NotedSeal> Noted { get; init; } = [];

    /// <summary>The hash of each event in it by version, in hex.</summary>
    [JsonIgnore]
    public IReadOnlyDictionary<long, string> Hashes { get; init; } = new Dictionary<long, string>();
}

/// <summary>Verifies an evidence bundle (docs/proof.md) by itself: no ledger is needed.</summary>
public static class BundleVerifier
{
    /// <summary>What is in the manifest as <c>format</c>: with the seals that are needed and the newest.</summary>
    public const string Format = "presence-ledger evidence v2";

    /// <summary>The format before: with all seals from the first that is needed up to the newest.</summary>
    public const string Unbroken = "presence-ledger evidence v1";

    /// <summary>What is found wrong at most; a bundle in which more is wrong is not looked at to its end.</summary>
    public const int MostFindings = 1000;

    private const int MostKeyEvents = 1000;

    /// <summary>Signatures of a seal, or hashes on a path to its root.</summary>
    private const int LongestList = 64;

    // As strict as can be: it may come from anybody.
    private static readonly JsonSerializerOptions Json = new(LedgerJson.Options)
    {
        MaxDepth = 16,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        AllowDuplicateProperties = false,
    };

    /// <summary>Verifies the bundle in a stream.</summary>
    /// <param name="bundle">A zip.</param>
    /// <param name="keys">Keys whose signatures count; where there are none, those in the bundle are trusted.</param>
    /// <param name="limits">How much of it is read; as usual where left out.</param>
    /// <exception cref="InvalidDataException">It is no bundle, or too large.</exception>
    public static BundleVerification Verify(Stream bundle, IReadOnlyList<PublicKey> keys, BundleLimits? limits = null)
    {
        var files = BundleFiles.Read(bundle, limits ?? new BundleLimits());
        try
        {
            return new Check(files, keys).Run();
        }
        catch (Exception e)
            when (e is JsonException or FormatException or InvalidOperationException or ArgumentException or OverflowException)
        {
            throw new InvalidDataException("This is no evidence bundle that can be read: " + TerminalText.Escape(e.Message), e);
        }
    }

    private sealed class Check(BundleFiles files, IReadOnlyList<PublicKey> keys)
    {
        private readonly List<Finding> _findings = [];
        private readonly Keyring _keyring = new(keys);
        private readonly Dictionary<long, KeptEvent> _events = [];
        private readonly Dictionary<long, KeptSeal> _seals = [];
        private int _unsealed;

        public BundleVerification Run()
        {
            var manifest = One<Manifest>("manifest.json");
            if (manifest.Format is not (Format or Unbroken))
                throw new FormatException($"its format is '{manifest.Format}'.");
            if (!Identifier.IsValid(manifest.AgentId))
                throw new FormatException("its agentId is no identifier.");
            try
            {
                CheckFiles(manifest);
                CheckEvents(manifest);
                CheckSeals(isUnbroken: manifest.Format == Unbroken);
                CheckProofs();
            }
            catch (TooManyFindingsException)
            {
                // What was found so far says enough.
            }
            return new BundleVerification(
                manifest.AgentId,
                _events.Count,
                _unsealed,
                _seals.Count,
                _seals.Count > 0 ? _seals.Values.Max(s => s.SealedAt) : null,
                _keyring.IsGiven,
                [.. _keyring.Trusted.Order(StringComparer.Ordinal)],
                _findings
            )
            {
                Noted = [.. _seals.Values.Select(s => new NotedSeal(s.Number, s.Hash, "in the bundle"))],
                Hashes = _events.ToDictionary(e => e.Key, e => e.Value.Hash),
            };
        }

        private void CheckFiles(Manifest manifest)
        {
            foreach (var (name, hash) in manifest.Files)
                if (!files.Hashes.TryGetValue(name, out var actual))
                    Report(FindingKind.Missing, $"The file {name} is gone.");
                else if (actual != hash)
                    Report(FindingKind.Changed, $"The file {name} is not the one of the manifest.");
            foreach (var name in files.Hashes.Keys.Where(name => name != "manifest.json" && !manifest.Files.ContainsKey(name)))
                Report(FindingKind.Inserted, $"The file {name} is not in the manifest.");
        }

        private void CheckEvents(Manifest manifest)
        {
            Event? before = null;
            var stream = StreamNames.Agent(manifest.AgentId);
            foreach (var e in Lines<Event>("events.ndjson"))
            {
                var name = Invariant($"{e.Stream}@{e.Version}");
                if (e.Stream != stream || !_events.TryAdd(e.Version, new KeptEvent(stream, e.Version, e.EventId, e.Hash)))
                    Report(FindingKind.Inserted, $"{name} does not belong here.", Kept(e));
                if (before is not null && e.Version != before.Version + 1)
                    Report(
                        e.Version > before.Version ? FindingKind.Missing : FindingKind.Reordered,
                        Invariant($"{name} comes after version {before.Version}."),
                        Kept(e)
                    );
                else if (
                    e.PreviousHash != (before?.Hash ?? e.PreviousHash)
                    || (e.Version == 0 && e.PreviousHash != SealStatement.NonePrevious)
                )
                    Report(FindingKind.Changed, $"{name} does not follow from the event before it.", Kept(e));
                if (e.Computed() != e.Hash)
                    Report(FindingKind.Changed, $"{name} is not what its hash was made of.", Kept(e));
                before = e;
            }
            if (_events.Count != manifest.Events)
                Report(FindingKind.Missing, Invariant($"The bundle has {_events.Count} events, and was made with {manifest.Events}."));
        }

        private void CheckSeals(bool isUnbroken)
        {
            var introductions = new Queue<Introduction>(Lines<Introduction>("introductions.ndjson").Take(MostKeyEvents + 1));
            if (introductions.Count > MostKeyEvents)
                throw new FormatException(Invariant($"introductions.ndjson has more than {MostKeyEvents} lines."));
            (Seal Seal, string Hash)? last = null;
            Seal? unvouched = null;
            foreach (var seal in Lines<Seal>("seals.ndjson"))
            {
                while (introductions.TryPeek(out var next) && next.BeforeSeal <= seal.Number)
                    Apply(introductions.Dequeue());
                var before = last?.Seal;
                var text = seal.Statement().SignedText();
                var hash = seal.Statement().Hash();
                _seals[seal.Number] = new KeptSeal(seal.Number, seal.Count, seal.Root, hash, seal.SealedAt);
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
                    && (seal.Number <= before.Number || seal.Previous != last?.Hash || seal.First != before.First + before.Count)
                )
                    Report(
                        FindingKind.SealChanged,
                        Invariant($"Seal {seal.Number} does not follow from the seal before it."),
                        seal: seal.Number
                    );
                var verdict = _keyring.Check(text, Present(seal.Signatures));
                if (verdict.Problem is { } problem)
                    Report(
                        FindingKind.SignatureWrong,
                        Invariant($"Seal {seal.Number} is not signed as it should be: {problem}"),
                        seal: seal.Number
                    );
                unvouched = verdict.Trusted ? null : unvouched ?? seal;
                last = (seal, hash);
            }
            while (introductions.TryDequeue(out var left))
                Apply(left);
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
                        Present(introduction.Signatures)
                    )
                ),
                "sealing-key-retired" => _keyring.Apply(
                    new SealingKeyRetired(introduction.KeyId, introduction.RetiredAt.GetValueOrDefault(), Present(introduction.Signatures))
                ),
                _ => $"'{introduction.Type}' is not known.",
            };
            if (problem is not null)
                Report(FindingKind.SignatureWrong, problem);
        }

        private void CheckProofs()
        {
            var proven = new HashSet<long>();
            var reader = new Utf8JsonReader(files.Content("proofs.json").Span, new JsonReaderOptions { MaxDepth = Json.MaxDepth });
            if (!reader.Read() || reader.TokenType is not JsonTokenType.StartArray)
                throw new JsonException("proofs.json is no list.");
            while (reader.Read() && reader.TokenType is not JsonTokenType.EndArray)
            {
                var proof =
                    JsonSerializer.Deserialize<Proof>(ref reader, Json)
                    ?? throw new JsonException("proofs.json has an entry that is null.");
                if (!proven.Add(proof.Version))
                    Report(FindingKind.Inserted, Invariant($"Version {proof.Version} has two proofs."));
                else
                    CheckProof(proof);
            }
            reader.Read();
            foreach (var e in _events.Values.Where(e => !proven.Contains(e.Version)))
                Report(FindingKind.Inserted, Invariant($"{e.Stream}@{e.Version} has no proof."), e);
        }

        private void CheckProof(Proof proof)
        {
            if (!_events.TryGetValue(proof.Version, out var e))
                Report(
                    FindingKind.Missing,
                    Invariant($"Version {proof.Version} is gone") + (proof.Seal is { } by ? Invariant($"; seal {by} covers it.") : "."),
                    seal: proof.Seal
                );
            else if (proof.Seal is not { } number)
                _unsealed++;
            else if (!_seals.TryGetValue(number, out var seal))
                Report(FindingKind.SealMissing, Invariant($"Seal {number}, which covers version {proof.Version}, is gone."), e, number);
            else if (Root(e, proof, seal) != seal.Root)
                Report(FindingKind.Changed, Invariant($"{e.Stream}@{e.Version} is not what seal {number} covers."), e, number);
        }

        private static string? Root(KeptEvent e, Proof proof, KeptSeal seal)
        {
            var leaf = new byte[MerkleTree.HashSize];
            MerkleTree.Leaf(Convert.FromHexString(e.Hash), leaf);
            var root = MerkleTree.RootOf(leaf, proof.Index ?? -1, seal.Count, [.. Present(proof.Path).Select(Convert.FromHexString)]);
            return root is null ? null : Convert.ToHexStringLower(root);
        }

        private T One<T>(string name)
            where T : class => JsonSerializer.Deserialize<T>(files.Content(name).Span, Json) ?? throw new JsonException($"{name} is null.");

        private IEnumerable<T> Lines<T>(string name)
            where T : class
        {
            var content = files.Content(name);
            while (content.Length > 0)
            {
                var end = content.Span.IndexOf((byte)'\n');
                var line = end < 0 ? content : content[..end];
                content = end < 0 ? default : content[(end + 1)..];
                if (line.Length > 0)
                    yield return JsonSerializer.Deserialize<T>(line.Span, Json)
                        ?? throw new JsonException($"{name} has a line that is null.");
            }
        }

        /// <summary>A list may have null in it, whatever its type says.</summary>
        private static IReadOnlyList<T> Present<T>(IReadOnlyList<T> list)
            where T : class =>
            list.Count > LongestList ? throw new JsonException("A list has too many entries.")
            : list.Any(item => item is null) ? throw new JsonException("A list has an entry that is null.")
            : list;

        private static KeptEvent Kept(Event e) => new(e.Stream, e.Version, e.EventId, e.Hash);

        private void Report(FindingKind kind, string text, KeptEvent? e = null, long? seal = null)
        {
            if (_findings.Count == MostFindings)
                throw new TooManyFindingsException();
            _findings.Add(
                new Finding(kind, TerminalText.Escape(text))
                {
                    Stream = e is null ? null : TerminalText.Escape(e.Stream),
                    Version = e?.Version,
                    EventId = e?.EventId,
                    Seal = seal,
                }
            );
        }

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
        long BeforeSeal,
        IReadOnlyList<SealSignature> Signatures,
        string? PublicKey = null,
        DateTimeOffset? IntroducedAt = null,
        DateTimeOffset? RetiredAt = null
    );

    private sealed record Proof(long Version, IReadOnlyList<string> Path, long? Seal = null, int? Index = null);

    /// <summary>What is needed of an event once it is checked.</summary>
    private sealed record KeptEvent(string Stream, long Version, Guid EventId, string Hash);

    /// <summary>What is needed of a seal once it is checked.</summary>
    private sealed record KeptSeal(long Number, int Count, string Root, string Hash, DateTimeOffset SealedAt);

    /// <summary>Ends a check in which more is wrong than anybody reads.</summary>
    private sealed class TooManyFindingsException : Exception;
}
