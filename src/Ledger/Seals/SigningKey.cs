using System.Security.Cryptography;
using System.Text;
using PresenceLedger.Domain.Seals;

namespace PresenceLedger.Ledger.Seals;

/// <summary>A private key that seals are signed with: ECDSA over P-256.</summary>
public sealed class SigningKey : IDisposable
{
    private readonly ECDsa _key;

    private SigningKey(ECDsa key)
    {
        _key = key;
        Public = PublicKey.Of(key.ExportSubjectPublicKeyInfo());
    }

    /// <summary>The other half.</summary>
    public PublicKey Public { get; }

    /// <summary>Its id.</summary>
    public string Id => Public.Id;

    /// <summary>A new one.</summary>
    public static SigningKey Create() => new(ECDsa.Create(ECCurve.NamedCurves.nistP256));

    /// <summary>The one in a PEM.</summary>
    /// <exception cref="SealingKeyException">It has no private key of P-256.</exception>
    public static SigningKey Parse(string pem)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(pem);
            PublicKey.RequireP256(key);
            // A public key alone would be found out only by the first seal.
            key.SignData([], HashAlgorithmName.SHA256);
            return new SigningKey(key);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            key.Dispose();
            throw new SealingKeyException("This is no private key of P-256 in PEM.", e);
        }
    }

    /// <summary>Signs a text.</summary>
    public SealSignature Sign(string text) =>
        new(
            Id,
            Convert.ToBase64String(
                _key.SignData(Encoding.UTF8.GetBytes(text), HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence)
            )
        );

    /// <summary>PKCS#8, as PEM.</summary>
    public string ToPem() => _key.ExportPkcs8PrivateKeyPem() + "\n";

    /// <inheritdoc />
    public void Dispose() => _key.Dispose();
}

/// <summary>Seals cannot be signed here; the message says why, and what to do.</summary>
public sealed class SealingKeyException(string message, Exception? inner = null) : Exception(message, inner);
