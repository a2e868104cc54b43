using System.Security.Cryptography;
using System.Text;
using PresenceLedger.Domain.Seals;

namespace PresenceLedger.Domain.Tests.Seals;

public sealed class KeyringTests : IDisposable
{
    private static readonly DateTimeOffset Time = new(2026, 3, 1, 10, 0, 0, TimeSpan.Zero);
    private readonly Key _first = new();
    private readonly Key _second = new();
    private readonly Key _strange = new();

    public void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
        _strange.Dispose();
    }

    [Fact]
    public void What_is_signed_is_the_text_of_the_documentation()
    {
        var seal = new LedgerSealed(
            1,
            1801,
            2,
            new string('a', 64),
            Convert.ToBase64String(new byte[16]),
            "0.812.3602",
            Guid.Parse("0198f2a0-7c00-7000-8000-00000000000a"),
            Time,
            SealStatement.NonePrevious,
            []
        );

        Assert.Equal(
            $"presence-ledger seal v1\nnumber: 1\nfirst: 1801\ncount: 2\nroot: {new string('a', 64)}\n"
                + $"fingerprints: {Convert.ToHexStringLower(SHA256.HashData(new byte[16]))}\nposition: 0.812.3602\n"
                + "lastEventId: 0198f2a0-7c00-7000-8000-00000000000a\nsealedAt: 2026-03-01T10:00:00.000Z\n"
                + $"previous: {new string('0', 64)}\n",
            seal.Statement().SignedText()
        );
        Assert.Equal(
            Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(seal.Statement().SignedText()))),
            seal.Statement().Hash()
        );
    }

    [Fact]
    public void Where_no_key_is_given_the_first_is_taken_at_its_word_and_no_other()
    {
        var keyring = new Keyring([]);

        Assert.Null(keyring.Apply(_first.Introduced()));
        Assert.Null(keyring.Apply(_strange.Introduced()));

        Assert.False(keyring.IsGiven);
        Assert.Equal([_first.Public.Id], keyring.Trusted);
        Assert.False(keyring.Check("text", [_strange.Sign("text")]).Trusted);
        Assert.True(keyring.Check("text", [_strange.Sign("text"), _first.Sign("text")]).Trusted);
    }

    [Fact]
    public void A_key_that_is_trusted_introduces_another_and_that_one_retires_it()
    {
        var keyring = new Keyring([_first.Public]);
        Assert.Null(keyring.Apply(_first.Introduced()));
        Assert.Null(keyring.Apply(_second.Introduced(by: _first)));
        Assert.Equal([_first.Public.Id, _second.Public.Id], keyring.Active);

        var retired = new SealingKeyRetired(_first.Public.Id, Time, []);
        Assert.Null(keyring.Apply(retired with { Signatures = [_second.Sign(retired.SignedText())] }));

        Assert.Equal([_second.Public.Id], keyring.Active);
        Assert.True(keyring.Check("text", [_second.Sign("text")]).Trusted);
        Assert.False(keyring.Check("text", [_first.Sign("text")]).Trusted);
    }

    [Fact]
    public void A_key_cannot_retire_itself_nor_can_a_strange_one_take_trust_from_it()
    {
        var keyring = new Keyring([]);
        keyring.Apply(_first.Introduced());
        keyring.Apply(_strange.Introduced());
        var retired = new SealingKeyRetired(_first.Public.Id, Time, []);

        Assert.NotNull(keyring.Apply(retired with { Signatures = [_first.Sign(retired.SignedText())] }));
        keyring.Apply(retired with { Signatures = [_strange.Sign(retired.SignedText())] });

        Assert.True(keyring.Check("text", [_first.Sign("text")]).Trusted);
    }

    [Fact]
    public void A_signature_that_is_wrong_is_a_problem_whoever_else_signed()
    {
        var keyring = new Keyring([_first.Public, _second.Public]);

        Assert.NotNull(keyring.Check("text", []).Problem);
        Assert.NotNull(keyring.Check("text", [_first.Sign("text"), _second.Sign("another")]).Problem);
        Assert.NotNull(keyring.Check("text", [_strange.Sign("text")]).Problem);
        Assert.NotNull(keyring.Check("text", [new SealSignature(_first.Public.Id, "no base64")]).Problem);
        Assert.NotNull(keyring.Check("text", [new SealSignature(_first.Public.Id, "AAAA")]).Problem);
    }

    [Fact]
    public void A_key_that_is_introduced_under_another_id_or_unsigned_is_refused()
    {
        var keyring = new Keyring([]);

        Assert.NotNull(keyring.Apply(_first.Introduced() with { KeyId = _second.Public.Id }));
        Assert.NotNull(keyring.Apply(_first.Introduced() with { Signatures = [] }));
        Assert.NotNull(keyring.Apply(_first.Introduced() with { PublicKey = "AAAA" }));
        Assert.Empty(keyring.Trusted);
    }

    [Fact]
    public void A_public_key_is_read_as_PEM_and_as_base64_and_one_of_another_curve_is_refused()
    {
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP384);

        Assert.Equal(_first.Public.Id, PublicKey.Parse(_first.Public.Pem).Id);
        Assert.Equal(_first.Public.Id, PublicKey.Parse(_first.Public.Base64).Id);
        Assert.Throws<FormatException>(() => PublicKey.Parse(other.ExportSubjectPublicKeyInfoPem()));
        Assert.Throws<FormatException>(() => PublicKey.Parse("-----BEGIN nonsense"));
        Assert.Throws<FormatException>(() => PublicKey.Parse("nonsense"));
    }

    private sealed class Key : IDisposable
    {
        private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

        public Key() => Public = PublicKey.Of(_key.ExportSubjectPublicKeyInfo());

        public PublicKey Public { get; }

        public SealSignature Sign(string text) =>
            new(
                Public.Id,
                Convert.ToBase64String(
                    _key.SignData(Encoding.UTF8.GetBytes(text), HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence)
                )
            );

        public SealingKeyIntroduced Introduced(Key? by = null)
        {
            var introduced = new SealingKeyIntroduced(Public.Id, Public.Base64, Time, []);
            var text = introduced.SignedText();
            return introduced with { Signatures = by is null ? [Sign(text)] : [by.Sign(text), Sign(text)] };
        }

        public void Dispose() => _key.Dispose();
    }
}
