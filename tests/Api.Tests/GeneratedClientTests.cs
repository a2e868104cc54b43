using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace PresenceLedger.Api.Tests;

/// <summary>A client in TypeScript with types from the running service's description.</summary>
[Collection(OpenServiceCollection.Name)]
public sealed class GeneratedClientTests(OpenService service)
{
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(5);
    private static readonly string[] Committed = ["package.json", "package-lock.json", "tsconfig.json", "sample.ts"];

    [Fact]
    public async Task A_client_generated_from_the_description_compiles()
    {
        var folder = Directory.CreateTempSubdirectory("presence-ledger-client-").FullName;
        try
        {
            foreach (var name in Committed)
                File.Copy(Path.Combine(Source(), name), Path.Combine(folder, name));
            await File.WriteAllTextAsync(Path.Combine(folder, "v1.json"), (await service.Client.GetAsync("/openapi/v1.json")).Text);
            await RunAsync(folder, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline");
            await RunAsync(folder, "node_modules/.bin/openapi-typescript", "v1.json", "--output", "generated.d.ts");
            await RunAsync(folder, "node_modules/.bin/tsc", "--project", ".");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string Source([CallerFilePath] string path = "") => Path.Combine(Path.GetDirectoryName(path)!, "typescript");

    private static async Task RunAsync(string folder, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program.Contains('/') ? Path.Combine(folder, program) : program, arguments)
        {
            WorkingDirectory = folder,
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        using var patience = new CancellationTokenSource(Longest);
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
        Assert.True(
            process.ExitCode == 0,
            $"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}:\n{await output}{await errors}"
        );
    }
}
