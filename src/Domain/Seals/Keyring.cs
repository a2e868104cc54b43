namespace PresenceLedger.Domain.Seals;

/// <summary>What signatures are worth.</summary>
/// <param name="Trusted">One of them is of a key that is trusted, and right.</param>
/// <param name="Problem">What is wrong with one of them; null where nothing is.</param>
public sealed record SignatureVerdict(bool Trusted, string? Problem);

/// <summary>
/// Whose signatures count, as the stream <c>seals</c> goes on: the keys that were given, and those introduced by a signature of one that
/// counts, until they are retired. Where none is given, the first key of the ledger is trusted on first use.
/// </summary>
public sealed class Keyring
{
    private readonly Dictionary<string, PublicKey> _known = new(StringComparer.Ordinal);
    private readonly HashSet<string> _trusted = new(StringComparer.Ordinal);
    private readonly HashSet<string> _retired = new(StringComparer.Ordinal);
    private readonly List<string> _introduced = [];
    private readonly bool _given;

    /// <summary>A keyring that begins with these.</summary>
    public Keyring(IEnumerable<PublicKey> given)
    {
        foreach (var key in given)
        {
            _known[key.Id] = key;
            _trusted.Add(key.Id);
            _given = true;
        }
    }

    /// <summary>Whether the trust rests on keys that were given, and not on the ledger's own word.</summary>
    public bool IsGiven => _given;

    /// <summary>Keys whose signatures count now.</summary>
    public IReadOnlySet<string> Trusted => _trusted;

    /// <summary>Keys that the ledger has introduced and not retired, in their order.</summary>
    public IReadOnlyList<string> Active => [.. _introduced.Where(id => !_retired.Contains(id))];

    /// <summary>Every key that the ledger has introduced, in their order.</summary>
    public IReadOnlyList<PublicKey> Introduced => [.. _introduced.Select(id => _known[id])];

    /// <summary>A key; null where it is not known.</summary>
    public PublicKey? Find(string keyId) => _known.GetValueOrDefault(keyId);

    /// <summary>Whether the ledger has retired a key.</summary>
    public bool IsRetired(string keyId) => _retired.Contains(keyId);

    /// <summary>Takes note of a key that is introduced; what is wrong with that, or null.</summary>
    public string? Apply(SealingKeyIntroduced e)
    {
        PublicKey key;
        try
        {
            key = PublicKey.Parse(e.PublicKey);
        }
        catch (FormatException)
        {
            return $"The key {e.KeyId} that is introduced cannot be read.";
        }
        if (key.Id != e.KeyId)
            return $"The key that is introduced as {e.KeyId} is {key.Id}.";
        var first = _introduced.Count == 0;
        _known.TryAdd(key.Id, key);
        var verdict = Check(e.SignedText(), e.Signatures);
        if (verdict.Problem is { } problem)
            return $"The introduction of key {e.KeyId} is not signed as it should be: {problem}";
        if (!_introduced.Contains(key.Id))
            _introduced.Add(key.Id);
        if (verdict.Trusted || (first && !_given))
            _trusted.Add(key.Id);
        return null;
    }

    /// <summary>Takes note of a key that is retired; what is wrong with that, or null.</summary>
    public string? Apply(SealingKeyRetired e)
    {
        var verdict = Check(e.SignedText(), [.. e.Signatures.Where(s => s.KeyId != e.KeyId)]);
        if (verdict.Problem is { } problem)
            return $"The retirement of key {e.KeyId} is not signed as it should be: {problem}";
        _retired.Add(e.KeyId);
        // Whoever may not sign seals cannot take that from others either.
        if (verdict.Trusted)
            _trusted.Remove(e.KeyId);
        return null;
    }

    /// <summary>What the signatures of a text are worth now.</summary>
    public SignatureVerdict Check(string text, IReadOnlyList<SealSignature> signatures)
    {
        var trusted = false;
        if (signatures.Count == 0)
            return new SignatureVerdict(false, "there is no signature.");
        foreach (var signature in signatures)
        {
            if (!_known.TryGetValue(signature.KeyId, out var key))
                return new SignatureVerdict(false, $"the key {signature.KeyId} is not known to the ledger.");
            if (!key.Verifies(text, signature.Signature))
                return new SignatureVerdict(false, $"the signature of key {signature.KeyId} is not over this.");
            trusted |= _trusted.Contains(signature.KeyId);
        }
        return new SignatureVerdict(trusted, null);
    }
}
