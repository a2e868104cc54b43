using System.Text;
using PresenceLedger.Ledger.Files;

namespace PresenceLedger.Ledger.Seals;

/// <summary>Small files that are written whole or not at all, and are on the disk when writing returns.</summary>
internal static class DurableFile
{
    /// <summary>Makes a folder, for its owner alone; one that is there stays as it is.</summary>
    public static void CreateFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(folder);
        else
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>Writes a file in place of the one that is there.</summary>
    public static void Write(string path, string text, UnixFileMode mode)
    {
        var unfinished = path + ".new";
        File.Delete(unfinished);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = mode;
        using (var stream = new FileStream(unfinished, options))
        {
            stream.Write(Encoding.UTF8.GetBytes(text));
            stream.Flush(flushToDisk: true);
        }
        File.Move(unfinished, path, overwrite: true);
        // The new name of the file is the folder's, and lasts only when that is on the disk too.
        if (!OperatingSystem.IsWindows())
            Posix.SyncFolder(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }
}
