using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace PresenceLedger.Embedded;

/// <summary>The operating system's account that runs PostgreSQL: our own or, as PostgreSQL refuses root, <c>postgres</c>.</summary>
internal sealed class OsAccount
{
    private const string ServerAccount = "postgres";

    private readonly uint _user;
    private readonly uint _group;

    private OsAccount(bool isOther, uint user = 0, uint group = 0)
    {
        IsOther = isOther;
        _user = user;
        _group = group;
    }

    /// <summary>True when it is not the account of this process.</summary>
    public bool IsOther { get; }

    public static async Task<OsAccount> ResolveAsync(CancellationToken ct)
    {
        if (!Environment.IsPrivilegedProcess)
        {
            return new OsAccount(isOther: false);
        }

        var self = new OsAccount(isOther: false);
        var user = await self.RunAsync("id", ["-u", ServerAccount], "/", ct);
        var group = await self.RunAsync("id", ["-g", ServerAccount], "/", ct);
        return user.ExitCode == 0 && group.ExitCode == 0
            ? new OsAccount(isOther: true, Id(user.Output), Id(group.Output))
            : throw new EmbeddedPostgresException(
                "PostgreSQL does not run as root, and there is no operating system user 'postgres' to run it as. "
                    + "Make one (useradd --system postgres), install Debian's package postgresql, or start as an ordinary user."
            );

        static uint Id(string output) => uint.Parse(output, CultureInfo.InvariantCulture);
    }

    /// <summary>Gives a file or folder that this process made to the account.</summary>
    public void Own(string path)
    {
        if (IsOther)
        {
            Posix.ChangeOwner(path, _user, _group);
        }
    }

    /// <summary>Whether the account can enter the folder: every folder above it counts.</summary>
    public async Task<bool> ReachesAsync(string folder, CancellationToken ct) =>
        !IsOther || (await RunAsync("test", ["-x", folder], "/", ct)).ExitCode == 0;

    /// <summary>Runs a program to its end as the account.</summary>
    public async Task<(int ExitCode, string Output)> RunAsync(
        string program,
        IEnumerable<string> arguments,
        string workingFolder,
        CancellationToken ct
    )
    {
        using var process = Start(program, arguments, workingFolder);
        var output = process.StandardOutput.ReadToEndAsync(ct);
        var errors = process.StandardError.ReadToEndAsync(ct);
        try
        {
            await process.WaitForExitAsync(ct);
            return (process.ExitCode, (await output + await errors).Trim());
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }

    /// <summary>Starts a program as the account, with none of our terminal and none of the environment that could sway PostgreSQL.</summary>
    public Process Start(
        string program,
        IEnumerable<string> arguments,
        string workingFolder,
        params ReadOnlySpan<(string Name, string Value)> environment
    )
    {
        // .NET looks for a bare name in the working directory first, where there may be anything; env looks on the PATH only.
        var start = Path.IsPathRooted(program)
            ? new ProcessStartInfo(program, arguments)
            : new ProcessStartInfo("/usr/bin/env", arguments.Prepend(program));
        start.UseShellExecute = false;
        start.WorkingDirectory = workingFolder;
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        if (IsOther)
        {
            start.UserName = ServerAccount;
        }

        start.Environment.Clear();
        start.Environment["PATH"] = Environment.GetEnvironmentVariable("PATH") ?? "/usr/local/bin:/usr/bin:/bin";
        start.Environment["LC_ALL"] = "C";
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        try
        {
            var process = Process.Start(start)!;
            process.StandardInput.Close();
            return process;
        }
        catch (Win32Exception e)
        {
            var hint = IsOther ? $" It has to run as the operating system user '{ServerAccount}', who must be able to reach it." : "";
            throw new EmbeddedPostgresException($"{program} cannot be started: {e.Message}.{hint}", e);
        }
    }
}
