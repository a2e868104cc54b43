using System.CommandLine;
using System.Runtime.InteropServices;
using PresenceLedger.Api.Hosting;
using PresenceLedger.Domain.Naming;
using PresenceLedger.Queries;
using PresenceLedger.Queries.Timeline;

namespace PresenceLedger.Api.Audit;

/// <summary>The verb <c>replay</c>: the timeline of an agent on the terminal, from the log itself.</summary>
internal static class ReplayVerb
{
    /// <summary>The command with its options.</summary>
    /// <param name="stores">The options for the database and the ledger.</param>
    /// <param name="guard">Runs it, and makes exit codes of what goes wrong.</param>
    public static Command Create(StoreOptions stores, Func<Func<Task<int>>, Task<int>> guard)
    {
        var agent = new Argument<string>("AGENT") { Description = "The agent's id." };
        var from = new Option<string?>("--from") { Description = "From this instant on: RFC 3339, or HH:MM[:SS] of today, UTC." };
        var to = new Option<string?>("--to") { Description = "Before this instant." };
        var order = new Option<string>("--order") { Description = "asc, oldest first, or desc.", DefaultValueFactory = _ => "asc" };
        order.AcceptOnlyFromAmong("asc", "desc");
        var type = new Option<string?>("--type") { Description = "Only these types of events, as in presence-changed,agent-signed-in." };
        var rule = new Option<string?>("--rule") { Description = "Only what these rules made, as in CAP-3,CAP-6." };
        var actor = new Option<string?>("--actor") { Description = "Only what these did, as in supervisor:sue,system." };
        var follow = new Option<bool>("--follow") { Description = "Goes on with what is recorded from now on, until Ctrl-C." };
        var format = new Option<string>("--format")
        {
            Description = "text, csv, or json (an entry in each line).",
            DefaultValueFactory = _ => "text",
        };
        format.AcceptOnlyFromAmong("text", "csv", "json");
        var replay = new Command("replay", "Shows what is recorded of an agent, explained; reads the log, with or without a service.")
        {
            agent,
            from,
            to,
            order,
            type,
            rule,
            actor,
            follow,
            format,
        };
        var csv = new CsvOptions(withTimes: true);
        csv.AddTo(replay);
        replay.SetAction(
            (parsed, ct) =>
                guard(() =>
                {
                    var now = TimeProvider.System.GetUtcNow();
                    var filter = FilterOf(parsed.GetValue(type), parsed.GetValue(rule), parsed.GetValue(actor));
                    var request = new ReplayRequest(Identifier.Normalize(parsed.GetRequiredValue(agent)), filter)
                    {
                        From = AuditVerbs.Instant("--from", parsed.GetValue(from), now),
                        To = AuditVerbs.Instant("--to", parsed.GetValue(to), now),
                        Descending = parsed.GetRequiredValue(order) == "desc",
                        Follow = parsed.GetValue(follow),
                    };
                    if (request.Follow && (request.Descending || request.To is not null))
                        throw new MisconfiguredException("--follow goes on at the end: it goes with neither --order desc nor --to.");
                    return RunAsync(stores.Of(parsed), request, View(parsed.GetRequiredValue(format), csv, parsed, Console.Out), ct);
                })
        );
        return replay;
    }

    private static TimelineFilter FilterOf(string? types, string? rules, string? actors)
    {
        try
        {
            return TimelineFilter.Of(types, rules, actors);
        }
        catch (InvalidQueryException e)
        {
            throw new MisconfiguredException($"--{e.Errors[0].Field}: {e.Errors[0].Error}.");
        }
    }

    private static IReplayView View(string format, CsvOptions csv, ParseResult parsed, TextWriter output)
    {
        var (style, columns) = csv.Read(parsed, format == "csv", CsvView.AllColumns);
        return format switch
        {
            "csv" => new CsvView(output, style, columns),
            "json" => new JsonView(output),
            _ when TextView.IsColoured(output) => new TextView(Terminal.Raw(output), Wording.English, coloured: true),
            _ => new TextView(output, Wording.English, coloured: false),
        };
    }

    private static async Task<int> RunAsync(DatabaseChoice choice, ReplayRequest request, IReplayView view, CancellationToken ct)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        await using var opened = await OpenedLog.OpenAsync(choice, prepare: false, stop.Token);
        var records = opened.Records();
        var replay = new Replay(records, new Entries(records), Wording.English);
        try
        {
            return await replay.RunAsync(request, view, opened.Clock, stop.Token) ? 0 : AuditVerbs.Unknown(request.AgentId);
        }
        catch (InvalidDataException e)
        {
            return AuditVerbs.Unreadable(e);
        }

        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = true;
            stop.Cancel();
        }
    }
}
