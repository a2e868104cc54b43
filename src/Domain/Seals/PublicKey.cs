using System.Security.Cryptography;
using System.Text;

namespace PresenceLedger.Domain.Seals;

/// <summary>A public key that seals are checked with: ECDSA over P-256.</summary>
public sealed class PublicKey
{
    private const string P256 = "1.2.840.10045.3.1.7";

    private readonly byte[] _spki;

    private PublicKey(byte[] spki)
    {
        _spki = spki;
        Id = IdOf(spki);
    }

    /// <summary>The first 16 hex digits of the SHA-256 of the key.</summary>
    public string Id { get; }

    /// <summary>SubjectPublicKeyInfo, DER, in base64, as the ledger has it.</summary>
    public string Base64 => Convert.ToBase64String(_spki);

    /// <summary>The same as PEM, as <c>openssl</c> takes it.</summary>
    public string Pem => PemEncoding.WriteString("PUBLIC KEY", _spki) + "\n";

    /// <summary>The id of a key.</summary>
    public static string IdOf(ReadOnlySpan<byte> spki) => Convert.ToHexStringLower(SHA256.HashData(spki))[..16];

    /// <summary>The key of a SubjectPublicKeyInfo.</summary>
    /// <exception cref="FormatException">It is none of P-256.</exception>
    public static PublicKey Of(byte[] spki)
    {
        try
        {
            using var key = ECDsa.Create();
            key.ImportSubjectPublicKeyInfo(spki, out _);
            RequireP256(key);
            // As it is written by everybody: with another encoding of the same key, the id would be another one.
            return new PublicKey(key.ExportSubjectPublicKeyInfo());
        }
        catch (CryptographicException e)
        {
            throw new FormatException("This is no public key of P-256.", e);
        }
    }

    /// <summary>The key in a text: a public key as PEM or base64, or a private one as PEM.</summary>
    /// <exception cref="FormatException">It is none of P-256.</exception>
    public static PublicKey Parse(string text)
    {
        try
        {
            if (!text.Contains("-----BEGIN", StringComparison.Ordinal))
                return Of(Convert.FromBase64String(text.Trim()));
            using var key = ECDsa.Create();
            key.ImportFromPem(text);
            RequireP256(key);
            return new PublicKey(key.ExportSubjectPublicKeyInfo());
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new FormatException("This is no public key of P-256.", e);
        }
    }

    /// <summary>Whether a signature, DER in base64, is this key's over a text.</summary>
    public bool Verifies(string text, string signature)
    {
        var der = new byte[signature.Length];
        if (!Convert.TryFromBase64String(signature, der, out var length))
            return false;
        using var key = ECDsa.Create();
        key.ImportSubjectPublicKeyInfo(_spki, out _);
        try
        {
            return key.VerifyData(
                Encoding.UTF8.GetBytes(text),
                der.AsSpan(0, length),
                HashAlgorithmName.SHA256,
                DSASignatureFormat.Rfc3279DerSequence
            );
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    /// <summary>Refuses a key of another curve.</summary>
    /// <exception cref="CryptographicException">It is of another one.</exception>
    public static void RequireP256(ECDsa key)
    {
        if (key.KeySize != 256 || key.ExportParameters(includePrivateParameters: false).Curve.Oid.Value is not (P256 or null))
            throw new CryptographicException("The key is not of P-256.");
    }
}
