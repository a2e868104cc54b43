using System.CommandLine;
using PresenceLedger.Api.Audit;
using PresenceLedger.Api.Audit.WhatIf;
using PresenceLedger.Api.Simulation;
using PresenceLedger.Embedded;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Postgres;
using PresenceLedger.Ledger.Stores;
using PresenceLedger.Scenarios;

namespace PresenceLedger.Api.Hosting;

/// <summary>The verbs of the one executable, <c>presence-ledger</c>; without a verb it serves.</summary>
public static class Verbs
{
    private const int Failed = 1;
    private const int Misconfigured = 2;

    /// <summary>Runs a verb; returns its exit code: 0 done, 1 what was asked did not hold, 2 it could not be started.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        (args, var settings) = StoreOptions.Split(args);
        var stores = new StoreOptions(settings);
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
                {
                    var choice = stores.Of(parsed);
                    if (parsed.GetValue(demo) && !stores.NamesFolder(parsed))
                        choice = choice with { DataFolder = Demo.DataFolder };
                    choice = choice with { Settings = [.. choice.Settings, .. parsed.UnmatchedTokens] };
                    return Serving.RunAsync(choice, parsed.GetValue(urls), parsed.GetValue(demo), ct);
                })
        );

        var files = new Argument<string[]>("FILE") { Description = "Scenario files (YAML).", Arity = ArgumentArity.OneOrMore };
        var quiet = new Option<bool>("--quiet") { Description = "Only what does not hold, and the totals." };
        var runScenario = new Command("run", "Checks scenarios against the rules, in virtual time.") { files, quiet };
        runScenario.SetAction(
            (parsed, ct) =>
                GuardAsync(() => ScenarioCommand.RunAsync(parsed.GetRequiredValue(files), parsed.GetValue(quiet), Console.Out, ct))
        );
        var scenario = new Command("scenario", "Scenarios: how presence is expected to behave.") { runScenario };

        var sql = new Command("sql", "Opens psql on the database.") { TreatUnmatchedTokensAsErrors = false };
        sql.SetAction((parsed, ct) => GuardAsync(() => SqlAsync(stores.Of(parsed), [.. parsed.UnmatchedTokens], ct)));

        const string which = "an EventStoreDB (esdb://…) or PostgreSQL connection string; without it, the ledger as every verb finds it.";
        var from = new Option<string?>("--from") { Description = "The log to copy: " + which };
        var to = new Option<string?>("--to") { Description = "The log to copy to: " + which };
        var copy = new Command("copy-log", "Copies a ledger from one store to another, and proves that nothing was lost or changed.")
        {
            from,
            to,
        };
        copy.SetAction(
            (parsed, ct) =>
                GuardAsync(() => CopyLog.RunAsync(parsed.GetValue(from), parsed.GetValue(to), stores.Of(parsed), Console.Out, ct))
        );

        var model = new Argument<string[]>("NAME")
        {
            Description = "The read model, presence; it may be left out.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var restart = new Option<bool>("--restart") { Description = "Throws away what a rebuild that was broken off has built." };
        var rebuild = new Command(
            "rebuild",
            "Builds the read model anew from the log, beside the one that is read, while the service runs."
        )
        {
            model,
            restart,
        };
        rebuild.SetAction(
            (parsed, ct) =>
                GuardAsync(() =>
                    RebuildVerb.RunAsync(stores.Of(parsed), parsed.GetValue(model) ?? [], parsed.GetValue(restart), Console.Out, ct)
                )
        );

        var root = new RootCommand("PresenceLedger: an event-sourced ledger of agent presence.") { serve, scenario, sql, copy, rebuild };
        root.Subcommands.Add(SimulateVerb.Create(stores, GuardAsync));
        root.Subcommands.Add(ReplayVerb.Create(stores, GuardAsync));
        root.Subcommands.Add(WhyVerb.Create(stores, GuardAsync));
        root.Subcommands.Add(DoctorVerb.Create(stores, GuardAsync));
        root.Subcommands.Add(WhatIfVerb.Create(stores, GuardAsync));
        root.Subcommands.Add(VerifyVerb.Create(stores, GuardAsync));
        root.Subcommands.Add(SealVerb.Create(stores, GuardAsync));
        root.Subcommands.Add(KeysVerb.Create(stores, GuardAsync));
        root.Subcommands.Add(ExportVerb.Create(stores, GuardAsync));
        stores.AddTo(root);
        string[] verbed =
            args is [] || (args[0].StartsWith('-') && args[0] is not ("-h" or "--help" or "-?" or "--version")) ? ["serve", .. args] : args;
        if (verbed[0] != serve.Name)
            Terminal.Guard();
        return await root.Parse(verbed)
            .InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
    }

    private static async Task<int> SqlAsync(DatabaseChoice choice, string[] arguments, CancellationToken ct)
    {
        if (choice.GivenDatabase(choice.Configuration()) is { } given)
            return await Psql.RunPsqlAsync(Serving.Settings(given), arguments);
        await using var server = await EmbeddedPostgres.StartAsync(
            new EmbeddedPostgresOptions(choice.DataFolder),
            Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance,
            ct
        );
        return await Psql.RunPsqlAsync(server, arguments);
    }

    private static async Task<int> GuardAsync(Func<Task<int>> run)
    {
        try
        {
            return await run();
        }
        catch (Exception e)
            when (e
                    is MisconfiguredException
                        or WrongStoreException
                        or EmbeddedPostgresException
                        or LedgerUnavailableException
                        or NewerLedgerException
            )
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
