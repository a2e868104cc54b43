using PresenceLedger.Domain.Seals;

namespace PresenceLedger.Ledger.Seals;

/// <summary>
/// Where this node has its keys: a folder with <c>KEYID.pem</c> (private, for its owner alone) and <c>KEYID.pub</c>, or one private key that
/// it was given, as by the environment.
/// </summary>
/// <param name="Folder">The folder; it need not be there.</param>
/// <param name="Given">A private key as PEM, which takes the place of those in the folder; null for none.</param>
public sealed record SealingKeys(string Folder, string? Given = null)
{
    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode Others = UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    /// <summary>Where this node notes its newest seal (<see cref="SealNotes"/>); the folder of the keys unless said otherwise.</summary>
    public string NoteFolder { get; init; } = Folder;

    /// <summary>Whether a new key can be kept here.</summary>
    public bool CanKeep => Given is null;

    /// <summary>The private keys.</summary>
    /// <exception cref="SealingKeyException">One cannot be read, or can be by everybody.</exception>
    public IReadOnlyList<SigningKey> Signing()
    {
        if (Given is not null)
            return [SigningKey.Parse(Given)];
        var keys = new List<SigningKey>();
        foreach (var file in Files("*.pem"))
        {
            if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(file) & Others) is not UnixFileMode.None)
                throw new SealingKeyException($"Everybody can read the key {file}. Run chmod 600 on it; or better, make another one.");
            try
            {
                keys.Add(SigningKey.Parse(File.ReadAllText(file)));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or SealingKeyException)
            {
                throw new SealingKeyException($"The key {file} cannot be used: {e.Message}", e);
            }
        }
        return keys;
    }

    /// <summary>The public keys: of the files <c>.pub</c>, and of the private key that was given.</summary>
    /// <exception cref="SealingKeyException">One cannot be read.</exception>
    public IReadOnlyList<PublicKey> Public()
    {
        if (Given is not null)
        {
            using var given = SigningKey.Parse(Given);
            return [given.Public];
        }
        return [.. Files("*.pub").Select(ReadPublic)];
    }

    /// <summary>Reads a public key from a file.</summary>
    /// <exception cref="SealingKeyException">There is none.</exception>
    public static PublicKey ReadPublic(string file)
    {
        try
        {
            return PublicKey.Parse(File.ReadAllText(file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            throw new SealingKeyException($"The key {file} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Makes a key and keeps it in the folder.</summary>
    /// <exception cref="SealingKeyException">The folder cannot be written to, or is not where keys are kept.</exception>
    public SigningKey Create()
    {
        if (!CanKeep)
            throw new SealingKeyException("The key of this node is given by Seals:Key; there is no place for another one.");
        var key = SigningKey.Create();
        try
        {
            DurableFile.CreateFolder(Folder);
            // The private one first: a public key without it would be trusted and of no use.
            DurableFile.Write(Path.Combine(Folder, key.Id + ".pem"), key.ToPem(), Owner);
            DurableFile.Write(
                Path.Combine(Folder, key.Id + ".pub"),
                key.Public.Pem,
                Owner | UnixFileMode.GroupRead | UnixFileMode.OtherRead
            );
            return key;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            key.Dispose();
            throw new SealingKeyException($"A key cannot be kept in {Folder}: {e.Message} Name another folder with Seals:KeyFolder.", e);
        }
    }

    private IEnumerable<string> Files(string pattern) =>
        Directory.Exists(Folder) ? Directory.EnumerateFiles(Folder, pattern).Order(StringComparer.Ordinal) : [];
}
