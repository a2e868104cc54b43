using System.Runtime.InteropServices;
using System.Text;

namespace PresenceLedger.Embedded;

/// <summary>The few system calls on processes and paths that .NET does not offer.</summary>
internal static class Posix
{
    public enum Signal
    {
        Interrupt = 2,
        Quit = 3,
        Terminate = 15,
    }

    /// <summary>False when there is no such process any more.</summary>
    public static bool Send(int processId, Signal signal) => kill(processId, (int)signal) == 0;

    public static void ChangeOwner(string path, uint user, uint group)
    {
        if (chown(Utf8(path), user, group) != 0)
        {
            throw new IOException($"The owner of {path} cannot be changed: {Marshal.GetLastPInvokeErrorMessage()}.");
        }
    }

    /// <summary>The one path of a folder that several, over links, may lead to.</summary>
    public static string RealPath(string path)
    {
        var buffer = new byte[4096];
        return realpath(Utf8(path), buffer) == 0
            ? throw new IOException($"{path} cannot be resolved: {Marshal.GetLastPInvokeErrorMessage()}.")
            : Encoding.UTF8.GetString(buffer.AsSpan(0, buffer.AsSpan().IndexOf((byte)0)));
    }

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text + '\0');

#pragma warning disable IDE1006, SYSLIB1054 // The names are those of libc; source generation would ask for unsafe code in the whole project.
    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int kill(int processId, int signal);

    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int chown(byte[] path, uint user, uint group);

    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint realpath(byte[] path, byte[] resolved);
#pragma warning restore IDE1006, SYSLIB1054
}
