using Microsoft.Win32.SafeHandles;

namespace PresenceLedger.Ledger.Files;

/// <summary>An advisory lock on a file. The kernel keeps it, so it goes with the process that holds it, however that ends.</summary>
public sealed class FileLock : IDisposable
{
    private static readonly TimeSpan Retry = TimeSpan.FromMilliseconds(20);

    private readonly SafeFileHandle _file;

    private FileLock(SafeFileHandle file) => _file = file;

    /// <summary>Waits until nobody else holds the lock.</summary>
    public static async Task<FileLock> ExclusiveAsync(string path, CancellationToken ct)
    {
        while (true)
        {
            if (TryExclusive(path) is { } taken)
                return taken;
            await Task.Delay(Retry, TimeProvider.System, ct);
        }
    }

    /// <summary>The lock; null where somebody else holds it.</summary>
    public static FileLock? TryExclusive(string path)
    {
        try
        {
            // .NET takes flock(2) by itself: exclusive for FileShare.None.
            return new FileLock(File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException e) when (e.HResult == Posix.WouldBlock)
        {
            return null;
        }
    }

    public void Dispose() => _file.Dispose();
}
