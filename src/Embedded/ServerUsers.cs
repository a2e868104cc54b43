using PresenceLedger.Ledger.Files;

namespace PresenceLedger.Embedded;

/// <summary>
/// Who uses a server: each has a file in a folder, and holds its lock as long as it lives, however it ends. Not one lock that all share:
/// a program that is just being started holds copies of the files of who starts it, locks and all, until it runs, and would seem to be
/// one more. So nobody asks for a lock of the own process again.
/// </summary>
internal sealed class ServerUsers : IDisposable
{
    private readonly string _folder;
    private readonly string _own;
    private readonly FileLock _lock;

    /// <summary>One more user.</summary>
    /// <param name="folder">The folder; made where it is not there.</param>
    public ServerUsers(string folder)
    {
        _folder = folder;
        Directory.CreateDirectory(folder);
        _own = Path.Combine(folder, Guid.NewGuid().ToString("N"));
        _lock = FileLock.TryExclusive(_own) ?? throw new IOException($"{_own} is locked by somebody else.");
    }

    /// <summary>Whether there is nobody else. Files of users that ended without leaving are removed.</summary>
    public bool IsLast() =>
        !Directory.Exists(_folder) || Directory.EnumerateFiles(_folder).Where(file => file != _own).ToArray().All(IsLeftBehind);

    /// <inheritdoc />
    public void Dispose()
    {
        if (Directory.Exists(_folder))
            File.Delete(_own);
        _lock.Dispose();
    }

    private static bool IsLeftBehind(string file)
    {
        using var free = FileLock.TryExclusive(file);
        if (free is not null)
            File.Delete(file);
        return free is not null;
    }
}
