using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace PresenceLedger.Testing.EventStoreDb;

/// <summary>A certificate authority made on the fly, and one certificate of it for this machine.</summary>
internal sealed class Authority : IDisposable
{
    private Authority(string file, X509Certificate2 certificate)
    {
        File = file;
        Certificate = certificate;
    }

    /// <summary>The authority's own certificate; it goes with this object.</summary>
    public string File { get; }

    public X509Certificate2 Certificate { get; }

    public static Authority Create()
    {
        var (from, to) = (DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var authority = new CertificateRequest("CN=A test authority", authorityKey, HashAlgorithmName.SHA256);
        authority.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        authority.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        authority.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(authority.PublicKey, false));
        using var root = authority.CreateSelfSigned(from, to);

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var server = new CertificateRequest("CN=eventstoredb-node", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        names.AddDnsName("localhost");
        server.CertificateExtensions.Add(names.Build());
        server.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], false));
        using var bare = server.Create(root, from.AddHours(1), to.AddHours(-1), RandomNumberGenerator.GetBytes(12));

        var file = Path.Combine(Path.GetTempPath(), $"fake-event-store-{Guid.NewGuid():N}.pem");
        System.IO.File.WriteAllText(file, root.ExportCertificatePem());
        return new(file, bare.CopyWithPrivateKey(key));
    }

    public void Dispose()
    {
        Certificate.Dispose();
        System.IO.File.Delete(File);
    }
}
