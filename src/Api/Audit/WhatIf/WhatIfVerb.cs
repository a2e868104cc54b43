using System.CommandLine;
using System.Globalization;
using JasperFx;
using Marten;
using Marten.Exceptions;
using Npgsql;
using PresenceLedger.Api.Hosting;
using PresenceLedger.Api.Http;
using PresenceLedger.Api.Reports;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Naming;
using PresenceLedger.Projections;
using PresenceLedger.Queries;
using PresenceLedger.Queries.WhatIf;

namespace PresenceLedger.Api.Audit.WhatIf;

/// <summary>The verb <c>what-if</c>: what presence would have been under another policy. It reads the ledger and writes nothing.</summary>
internal static class WhatIfVerb
{
    private const DateTimeStyles Universal = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
    private static readonly TimeSpan Between = TimeSpan.FromSeconds(2);

    private static readonly string[] Formats = ["yyyy-MM-dd", "yyyy-MM-ddTHH:mm:ss.FFFFFFFZ", "yyyy-MM-ddTHH:mm:ss.FFFFFFFzzz"];

    /// <summary>The command with its options.</summary>
    /// <param name="stores">The options for the database and the ledger.</param>
    /// <param name="guard">Runs it, and makes exit codes of what goes wrong.</param>
    public static Command Create(Hosting.StoreOptions stores, Func<Func<Task<int>>, Task<int>> guard)
    {
        var policy = new Option<string>("--policy")
        {
            Description = "A YAML file with what would have been other: policy, profiles, agents (docs/what-if.md).",
            Required = true,
        };
        var from = new Option<string?>("--from")
        {
            Description = "From when on: an RFC 3339 instant or a date (UTC); without it, from the beginning of the ledger.",
        };
        var to = new Option<string?>("--to") { Description = "Until when; without it, until the end of the ledger." };
        var agents = new Option<string?>("--agents") { Description = "Only these, with commas between; without it, all." };
        var format = new Option<string>("--format") { Description = "text, json or csv.", DefaultValueFactory = _ => "text" };
        var first = new Option<int>("--first")
        {
            Description = "How many transitions, refusals and agents are listed.",
            DefaultValueFactory = _ => 20,
        };
        var whatIf = new Command(
            "what-if",
            "Shows what presence would have been under another policy or with other capacity; writes nothing."
        )
        {
            policy,
            from,
            to,
            agents,
            format,
            first,
        };
        var csv = new CsvOptions(withTimes: false);
        csv.AddTo(whatIf);
        whatIf.SetAction(
            (parsed, ct) =>
                guard(() =>
                    RunAsync(
                        WhatIfFile.Load(parsed.GetRequiredValue(policy)),
                        ReadInstant("--from", parsed.GetValue(from)),
                        ReadInstant("--to", parsed.GetValue(to)),
                        parsed.GetValue(agents) is { } some ? [.. QueryLists.Items(Identifier.Normalize(some))] : null,
                        ReadFormat(parsed.GetRequiredValue(format)),
                        csv.Read(parsed, parsed.GetRequiredValue(format) == "csv", WhatIfWriter.CsvColumns),
                        parsed.GetValue(first),
                        stores.Of(parsed),
                        Console.Out,
                        ct
                    )
                )
        );
        return whatIf;
    }

    private static async Task<int> RunAsync(
        WhatIfFile file,
        DateTimeOffset? from,
        DateTimeOffset? to,
        string[]? agents,
        WhatIfFormat format,
        (CsvStyle Style, IReadOnlyList<CsvColumn<WhatIfRow>> Columns) csv,
        int first,
        DatabaseChoice choice,
        TextWriter output,
        CancellationToken ct
    )
    {
        await using var opened = await OpenedLog.OpenAsync(choice, prepare: false, ct);
        var outline =
            await LedgerOutline.OfAsync(opened.Log, opened.Database, ct) ?? throw new MisconfiguredException("The ledger has no events.");
        if (file.AgentIds.Concat(agents ?? []).Except(outline.AgentIds, StringComparer.Ordinal).FirstOrDefault() is { } unknown)
            throw new MisconfiguredException($"There is no agent '{unknown}' in the ledger.");
        var (start, end) = (from ?? outline.First, to ?? outline.Last.AddMilliseconds(1));
        if (start >= end)
            throw new MisconfiguredException("--from must be earlier than --to and the end of the ledger.");
        try
        {
            using var run = await WhatIfRun.OpenAsync(opened.Log, file.AlternativeTo, ct);
            var ids = agents is null ? outline.AgentIds : [.. agents.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
            var compared = await run.CompareAsync(ids, start, end, new Progress(ids.Count), ct);
            var answer = WhatIfAnswer.Of(compared, run.Alternative, file.Settings, start, end, first);
            await output.WriteAsync(
                format switch
                {
                    WhatIfFormat.Json => WhatIfWriter.Json(answer),
                    WhatIfFormat.Csv => WhatIfWriter.Csv(
                        answer,
                        await NamesAsync(opened.Database, ids, ct),
                        run.Alternative.Other.AsOf(end),
                        csv.Style,
                        csv.Columns
                    ),
                    _ => WhatIfWriter.Text(answer, first),
                }
            );
            return 0;
        }
        catch (InvalidDataException e)
        {
            await Console.Error.WriteLineAsync("An event cannot be read: " + e.Message);
            return 1;
        }
    }

    private static async Task<IReadOnlyDictionary<string, string>> NamesAsync(
        NpgsqlDataSource? database,
        IReadOnlyList<string> agents,
        CancellationToken ct
    )
    {
        if (database is null)
            return new Dictionary<string, string>();
        await using var store = DocumentStore.For(options =>
        {
            ReadSide.Configure(options, database);
            // The verb writes nothing.
            options.AutoCreateSchemaObjects = AutoCreate.None;
        });
        try
        {
            return await new Names(store).ReadAsync(agents, ct);
        }
        catch (MartenCommandException e) when (e.InnerException is PostgresException inner && ReadSide.IsNotBegun(inner))
        {
            // No service has made the directory here.
            return new Dictionary<string, string>();
        }
    }

    private static DateTimeOffset? ReadInstant(string option, string? text) =>
        text is null ? null
        : DateTimeOffset.TryParseExact(text, Formats, CultureInfo.InvariantCulture, Universal, out var instant)
        && instant.Year is >= 1000 and < 9999
            ? instant.ToMillisecond()
        : throw new MisconfiguredException($"{option} {text} is no instant; it is given as 2026-03-15T08:00:00Z or 2026-03-15.");

    private static WhatIfFormat ReadFormat(string text) =>
        text switch
        {
            "text" => WhatIfFormat.Text,
            "json" => WhatIfFormat.Json,
            "csv" => WhatIfFormat.Csv,
            _ => throw new MisconfiguredException($"--format {text} is not known; it is text, json or csv."),
        };

    /// <summary>Says on a terminal how far it is.</summary>
    private sealed class Progress(int agents) : IProgress<int>
    {
        private long _said = TimeProvider.System.GetTimestamp();

        public void Report(int value)
        {
            var said = Interlocked.Read(ref _said);
            if (Console.IsErrorRedirected || TimeProvider.System.GetElapsedTime(said) < Between)
                return;
            if (Interlocked.CompareExchange(ref _said, TimeProvider.System.GetTimestamp(), said) == said)
                Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{value} of {agents} agents …"));
        }
    }
}
