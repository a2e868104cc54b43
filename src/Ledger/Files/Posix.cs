using System.Runtime.InteropServices;
using System.Text;

namespace PresenceLedger.Ledger.Files;

/// <summary>The few system calls on files that .NET does not offer.</summary>
internal static class Posix
{
    /// <summary>errno of a lock that another process holds.</summary>
    public const int WouldBlock = 11;

    /// <summary>Has the disk keep the names in a folder, such as that of a file that was renamed.</summary>
    public static void SyncFolder(string path)
    {
        var folder = open(Utf8(path), 0);
        if (folder < 0)
            throw new IOException($"The folder {path} cannot be opened: {Marshal.GetLastPInvokeErrorMessage()}.");
        try
        {
            if (fsync(folder) != 0)
                throw new IOException($"The folder {path} cannot be written to the disk: {Marshal.GetLastPInvokeErrorMessage()}.");
        }
        finally
        {
            _ = close(folder);
        }
    }

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text + '\0');

#pragma warning disable IDE1006, SYSLIB1054 // The names are those of libc; source generation would ask for unsafe code in the whole project.
    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int open(byte[] path, int flags);

    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int fsync(int file);

    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int close(int file);
#pragma warning restore IDE1006, SYSLIB1054
}
