using Microsoft.Win32.SafeHandles;

namespace PresenceLedger.Ledger.Files;

/// <summary>An advisory lock on a file. The kernel keeps it, so it goes with the process that holds it, however that ends.</summary>
public sealed class FileLock : IDisposable
{
    private static readonly TimeSpan Retry = TimeSpan.FromMilliseconds(20);

    private readonly SafeFileHandle _file;

    private FileLock(SafeFileHandle file) => _file = file;

    /// <summary>Waits until no other process holds the lock.</summary>
    public static async Task<FileLock> ExclusiveAsync(string path, CancellationToken ct)
    {
        while (true)
        {
            try
            {
                return new FileLock(Open(path, FileShare.None));
            }
            catch (IOException e) when (e.HResult == Posix.WouldBlock)
            {
                await Task.Delay(Retry, TimeProvider.System, ct);
            }
        }
    }

    /// <summary>A lock that any number of processes hold together.</summary>
    public static FileLock Shared(string path) => new(Open(path, FileShare.ReadWrite));

    /// <summary>True when nobody else shares the lock. When it fails, this lock is gone too.</summary>
    public bool TryMakeExclusive() => Posix.TryLockExclusively(_file);

    public void Dispose() => _file.Dispose();

    // .NET takes flock(2) by itself: exclusive for FileShare.None, shared otherwise.
    private static SafeFileHandle Open(string path, FileShare share) =>
        File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, share);
}
