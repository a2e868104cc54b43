using System.CommandLine;
using PresenceLedger.Api.Audit;
using PresenceLedger.Api.Audit.WhatIf;
using PresenceLedger.Api.Scenarios;
using PresenceLedger.Api.Simulation;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Postgres;
using PresenceLedger.Ledger.Postgres.Embedded;

namespace PresenceLedger.Api.Hosting;

/// <summary>The verbs of the one executable, <c>presence-ledger</c>; without a verb it serves.</summary>
public static class Verbs
{
    private const int Failed = 1;
    private const int Misconfigured = 2;

    /// <summary>Runs a verb; returns its exit code: 0 done, 1 what was asked did not hold, 2 it could not be started.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        var data = new Option<string>("--data")
        {
            Description = "The folder of the data; also of the database that the service brings along.",
            DefaultValueFactory = _ => Path.Combine(Environment.CurrentDirectory, ".data"),
            Recursive = true,
        };
        var connection = new Option<string?>("--connection")
        {
            Description = "A PostgreSQL connection string, to use that server instead.",
            Recursive = true,
        };
        var urls = new Option<string?>("--urls") { Description = "Where to listen (http://127.0.0.1:5080)." };

        var demo = new Option<bool>("--demo")
        {
            Description = "With a simulated contact center at work, in a data folder of its own (.demo); for trying, in mode Open.",
        };

        var serve = new Command("serve", "Runs the service.") { urls, demo };
        // What the host understands beyond these goes to its configuration, as --Section:Key value.
        serve.TreatUnmatchedTokensAsErrors = false;
        serve.SetAction(
            (parsed, ct) =>
                GuardAsync(() =>
                    Serving.RunAsync(
                        new DatabaseChoice(
                            parsed.GetValue(demo) && parsed.GetResult(data) is not { Implicit: false }
                                ? Demo.DataFolder
                                : parsed.GetRequiredValue(data),
                            parsed.GetValue(connection)
                        ),
                        parsed.GetValue(urls),
                        parsed.GetValue(demo),
                        [.. parsed.UnmatchedTokens],
                        ct
                    )
                )
        );

        var files = new Argument<string[]>("FILE") { Description = "Scenario files (YAML).", Arity = ArgumentArity.OneOrMore };
        var quiet = new Option<bool>("--quiet") { Description = "Only what does not hold, and the totals." };
        var runScenario = new Command("run", "Checks scenarios against the rules, in virtual time.") { files, quiet };
        runScenario.SetAction(
            (parsed, ct) =>
                GuardAsync(() => ScenarioCommand.RunAsync(parsed.GetRequiredValue(files), parsed.GetValue(quiet), Console.Out, ct))
        );
        var scenario = new Command("scenario", "Scenarios: how presence is expected to behave.") { runScenario };

        var sql = new Command("sql", "Opens psql on the database that the service brings along.") { TreatUnmatchedTokensAsErrors = false };
        sql.SetAction(
            (parsed, ct) =>
                GuardAsync(async () =>
                {
                    await using var server = await EmbeddedPostgres.StartAsync(
                        new EmbeddedPostgresOptions(parsed.GetRequiredValue(data)),
                        Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance,
                        ct
                    );
                    return await Psql.RunPsqlAsync(server, [.. parsed.UnmatchedTokens]);
                })
        );

        const string which = "an EventStoreDB (esdb://…) or PostgreSQL connection string; without it, the database in the data folder.";
        var from = new Option<string?>("--from") { Description = "The log to copy: " + which };
        var to = new Option<string?>("--to") { Description = "The log to copy to: " + which };
        var prefix = new Option<string>("--stream-prefix")
        {
            Description = "Before the names of the streams in an EventStoreDB (Ledger:StreamPrefix).",
            DefaultValueFactory = _ => "",
        };
        var copy = new Command("copy-log", "Copies a ledger from one store to another, and proves that nothing was lost or changed.")
        {
            from,
            to,
            prefix,
        };
        copy.SetAction(
            (parsed, ct) =>
                GuardAsync(() =>
                    CopyLog.RunAsync(
                        parsed.GetValue(from),
                        parsed.GetValue(to),
                        parsed.GetRequiredValue(data),
                        parsed.GetRequiredValue(prefix),
                        Console.Out,
                        ct
                    )
                )
        );

        var model = new Argument<string[]>("NAME")
        {
            Description = "The read model; without it, all of them. Settings of the service may follow, as --Section:Key value.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var restart = new Option<bool>("--restart") { Description = "Throws away what a rebuild that was broken off has built." };
        var rebuild = new Command("rebuild", "Builds read models anew from the log, beside the ones that are read, while the service runs.")
        {
            model,
            restart,
        };
        rebuild.SetAction(
            (parsed, ct) =>
                GuardAsync(() =>
                    RebuildVerb.RunAsync(
                        new DatabaseChoice(parsed.GetRequiredValue(data), parsed.GetValue(connection)),
                        parsed.GetValue(model) ?? [],
                        parsed.GetValue(restart),
                        Console.Out,
                        ct
                    )
                )
        );

        var root = new RootCommand("PresenceLedger: an event-sourced ledger of agent presence.") { serve, scenario, sql, copy, rebuild };
        root.Subcommands.Add(SimulateVerb.Create(data, connection, GuardAsync));
        root.Subcommands.Add(ReplayVerb.Create(data, connection, GuardAsync));
        root.Subcommands.Add(WhyVerb.Create(data, connection, GuardAsync));
        root.Subcommands.Add(DoctorVerb.Create(data, connection, GuardAsync));
        root.Subcommands.Add(WhatIfVerb.Create(data, connection, GuardAsync));
        root.Subcommands.Add(VerifyVerb.Create(data, connection, GuardAsync));
        root.Subcommands.Add(SealVerb.Create(data, connection, GuardAsync));
        root.Subcommands.Add(KeysVerb.Create(data, connection, GuardAsync));
        root.Subcommands.Add(ExportVerb.Create(data, connection, GuardAsync));
        root.Options.Add(data);
        root.Options.Add(connection);
        string[] verbed =
            args is [] || (args[0].StartsWith('-') && args[0] is not ("-h" or "--help" or "-?" or "--version")) ? ["serve", .. args] : args;
        if (verbed[0] != serve.Name)
            Terminal.Guard();
        return await root.Parse(verbed)
            .InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
    }

    private static async Task<int> GuardAsync(Func<Task<int>> run)
    {
        try
        {
            return await run();
        }
        catch (Exception e)
            when (e is MisconfiguredException or EmbeddedPostgresException or LedgerUnavailableException or NewerLedgerException)
        {
            await Console.Error.WriteLineAsync("presence-ledger: " + e.Message);
            return Misconfigured;
        }
        catch (Npgsql.NpgsqlException e)
        {
            await Console.Error.WriteLineAsync("presence-ledger: the database cannot be used: " + e.Message);
            return Misconfigured;
        }
        catch (IOException e)
        {
            // A disk that fails; what has a better word for it says so itself.
            await Console.Error.WriteLineAsync("presence-ledger: " + e.Message);
            return Misconfigured;
        }
        catch (OperationCanceledException)
        {
            return Failed;
        }
    }
}

/// <summary>The service cannot start as it is configured; the message says what to change.</summary>
public sealed class MisconfiguredException(string message) : Exception(message);

/// <summary>Which database: the one in a data folder, or another server.</summary>
/// <param name="DataFolder">The data folder.</param>
/// <param name="ConnectionString">Given on the command line; null where not.</param>
public sealed record DatabaseChoice(string DataFolder, string? ConnectionString);
