using System.Diagnostics;
using System.Text;

namespace PresenceLedger.Testing;

/// <summary>What became of a run that ended by itself.</summary>
public sealed record Ended(int ExitCode, string Output, string Errors);

/// <summary>The built service as a process of its own, as an operator runs it.</summary>
public sealed class ServiceProcess : IAsyncDisposable
{
    private const string Greeting = "PresenceLedger is ready at ";
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(3);

    // Waits for the end of the test process, which closes our end of the pipe however it comes about.
    private const string Sweep = "cat >/dev/null; kill -KILL \"$0\" 2>/dev/null";

    private readonly Process _process;
    private readonly Process _sweeper;
    private readonly StringBuilder _output = new();
    private readonly TaskCompletionSource<Uri> _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ServiceProcess(Process process)
    {
        _process = process;
        _sweeper = Process.Start(
            new ProcessStartInfo("/usr/bin/env", ["setsid", "sh", "-c", Sweep, ProcessId.ToString(null, null)])
            {
                UseShellExecute = false,
                RedirectStandardInput = true,
            }
        )!;
        process.OutputDataReceived += (_, e) => Take(e.Data);
        process.ErrorDataReceived += (_, e) => Take(e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>The built program.</summary>
    public static string Program { get; } = Path.Combine(AppContext.BaseDirectory, "presence-ledger.dll");

    /// <summary>Where it listens.</summary>
    public Uri Url => _ready.Task.Result;

    public int ProcessId => _process.Id;

    /// <summary>What it has written so far.</summary>
    public string Output
    {
        get
        {
            lock (_output)
                return _output.ToString();
        }
    }

    /// <summary>Starts it on a free port of the loopback address and waits until it answers.</summary>
    public static Task<ServiceProcess> StartAsync(string[] arguments, params (string Name, string Value)[] environment) =>
        StartAtAsync(new Uri("http://127.0.0.1:0"), arguments, environment);

    /// <summary>Starts it at an address, such as that of one that was killed, and waits until it answers.</summary>
    public static async Task<ServiceProcess> StartAtAsync(Uri url, string[] arguments, params (string Name, string Value)[] environment)
    {
        var service = new ServiceProcess(Launch(["serve", "--urls", url.GetLeftPart(UriPartial.Authority), .. arguments], environment));
        var ended = service._process.WaitForExitAsync();
        var first = await Task.WhenAny(service._ready.Task, ended).WaitAsync(Longest);
        if (first != ended)
            return service;
        var output = service.Output;
        await service.DisposeAsync();
        throw new InvalidOperationException("The service did not start:\n" + output);
    }

    /// <summary>Runs the program until it ends by itself.</summary>
    public static async Task<Ended> RunAsync(string[] arguments, params (string Name, string Value)[] environment)
    {
        using var process = Launch(arguments, environment);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync();
            var errors = process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync().WaitAsync(Longest);
            return new Ended(process.ExitCode, await output, await errors);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }
    }

    /// <summary>Sends a signal, such as TERM, and waits for the end; gives the exit code.</summary>
    public async Task<int> StopAsync(string signal)
    {
        using (var kill = Process.Start("kill", ["-s", signal, ProcessId.ToString(null, null)]))
            await kill.WaitForExitAsync();
        await _process.WaitForExitAsync().WaitAsync(Longest);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            try
            {
                await StopAsync("TERM");
            }
            catch (TimeoutException)
            {
                _process.Kill();
            }
        }
        _sweeper.Kill();
        _sweeper.Dispose();
        _process.Dispose();
    }

    private static Process Launch(string[] arguments, (string Name, string Value)[] environment)
    {
        // A shell that runs the tests in the background has them ignore SIGINT, and the service would inherit it.
        var dotnet = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        var start = new ProcessStartInfo("/usr/bin/env", ["--default-signal=INT", dotnet, Program, .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // Only what a test says decides how it is configured.
        foreach (var name in start.Environment.Keys.Where(IsConfiguration).ToArray())
            start.Environment.Remove(name);
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    private static bool IsConfiguration(string name) =>
        name.StartsWith("ASPNETCORE_", StringComparison.Ordinal)
        || name is "DOTNET_URLS" or "DOTNET_ENVIRONMENT" or "PRESENCE_LEDGER_CONNECTION"
        || name.Contains("__", StringComparison.Ordinal);

    private void Take(string? line)
    {
        if (line is null)
            return;
        lock (_output)
            _output.AppendLine(line);
        if (line.StartsWith(Greeting, StringComparison.Ordinal))
            _ready.TrySetResult(new Uri(line[Greeting.Length..].Trim()));
    }
}
