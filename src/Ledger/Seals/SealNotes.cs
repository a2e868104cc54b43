using System.Text.Json;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.Files;

namespace PresenceLedger.Ledger.Seals;

/// <summary>What is noted of a ledger outside of it.</summary>
/// <param name="Ledger">Which ledger (<see cref="ILog.Name"/>).</param>
/// <param name="Number">Number of the newest seal that was made; -1 where none is.</param>
/// <param name="Hash">Its hash; empty where there is none.</param>
/// <param name="Prepared">A seal that was about to be appended; whether it was, the ledger says.</param>
public sealed record SealNote(string Ledger, long Number, string Hash, PreparedSeal? Prepared = null);

/// <summary>A seal that is signed and about to be appended.</summary>
/// <param name="Number">Its number.</param>
/// <param name="Hash">Its hash.</param>
/// <param name="Count">How many events it covers.</param>
/// <param name="Root">The Merkle root over them, in hex.</param>
public sealed record PreparedSeal(long Number, string Hash, int Count, string Root);

/// <summary>The ledger is not the one that the note beside the key tells of, or the note cannot be kept; the message says what to do.</summary>
public sealed class SealNoteException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// The number and hash of the newest seal, in a file beside the key. Whoever can write to the database can take seals away and forge what
/// they covered; with the note the service does not take such a ledger for its own and sign it anew.
/// <para>
/// A seal is noted as prepared before it is appended, and as made after, and only then does it count: a node that dies in between finds in
/// the ledger whether it was appended. So the note may be behind the ledger, but never ahead of it. Nodes may share the file, or have one each.
/// </para>
/// </summary>
/// <param name="folder">The folder; it is made when something is to be noted.</param>
/// <param name="ledger">Which ledger (<see cref="ILog.Name"/>).</param>
public sealed class SealNotes(string folder, string ledger)
{
    private const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly JsonSerializerOptions Json = new(LedgerJson.Options)
    {
        WriteIndented = true,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    /// <summary>The file.</summary>
    public string File { get; } = Path.Combine(folder, $"newest-seal.{Uri.EscapeDataString(ledger)}.json");

    /// <summary>What is noted; null where nothing is yet.</summary>
    /// <exception cref="SealNoteException">The file cannot be read.</exception>
    public SealNote? Read()
    {
        try
        {
            if (!System.IO.File.Exists(File))
                return null;
            var note =
                JsonSerializer.Deserialize<SealNote>(System.IO.File.ReadAllText(File), Json) ?? throw new JsonException("it is null.");
            return note.Ledger == ledger ? note : throw new JsonException($"it is of the ledger '{note.Ledger}'.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or ArgumentException)
        {
            throw new SealNoteException(
                $"The newest seal is noted in {File}, and that cannot be read: {e.Message} Put the file back; or check the ledger with "
                    + "'presence-ledger verify' and then have its newest seal noted by 'presence-ledger seal accept-restore'.",
                e
            );
        }
    }

    /// <summary>The seal that is noted, for what verifies; none where nothing is yet.</summary>
    /// <exception cref="SealNoteException">The file cannot be read.</exception>
    public IReadOnlyList<NotedSeal> Noted() => Read() is { Number: >= 0 } note ? [new NotedSeal(note.Number, note.Hash, "in " + File)] : [];

    /// <summary>Notes a seal that is about to be appended.</summary>
    /// <exception cref="SealNoteException">The file cannot be written.</exception>
    public Task PrepareAsync(PreparedSeal seal, CancellationToken ct) =>
        ChangeAsync(
            note =>
                // Another node may be at the same seal with more events; what holds for them holds for ours.
                note?.Prepared
                    is { } other
                && other.Number == seal.Number
                && other.Count > seal.Count
                    ? note
                    : (note ?? new SealNote(ledger, -1, "")) with
                    {
                        Prepared = seal,
                    },
            ct
        );

    /// <summary>Notes a seal that the ledger has. An older one than is noted changes nothing.</summary>
    /// <exception cref="SealNoteException">The file cannot be written.</exception>
    public Task MadeAsync(long number, string hash, CancellationToken ct) =>
        ChangeAsync(
            note =>
                note is not null && note.Number >= number
                    ? note
                    : new SealNote(ledger, number, hash, note?.Prepared is { } prepared && prepared.Number > number ? prepared : null),
            ct
        );

    /// <summary>Notes a seal in place of whatever was noted: the ledger was restored.</summary>
    /// <exception cref="SealNoteException">The file cannot be written.</exception>
    public Task ReplaceAsync(long number, string hash, CancellationToken ct) =>
        ChangeAsync(_ => new SealNote(ledger, number, hash), ct, readable: false);

    private async Task ChangeAsync(Func<SealNote?, SealNote> change, CancellationToken ct, bool readable = true)
    {
        try
        {
            DurableFile.CreateFolder(folder);
            using var late = CancellationTokenSource.CreateLinkedTokenSource(ct);
            late.CancelAfter(Patience);
            using var alone = await FileLock.ExclusiveAsync(File + ".lock", late.Token);
            var before = readable ? Read() : null;
            var after = change(before);
            if (after != before)
                DurableFile.Write(File, JsonSerializer.Serialize(after, Json) + "\n", Mode);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw new SealNoteException($"The newest seal cannot be noted: somebody else keeps {File}.lock.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SealNoteException(
                $"The newest seal cannot be noted in {File}: {e.Message} Nothing is sealed without; name a folder that can be written to with Seals:NoteFolder.",
                e
            );
        }
    }
}
