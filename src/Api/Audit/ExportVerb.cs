using System.CommandLine;
using System.Globalization;
using PresenceLedger.Api.Hosting;
using PresenceLedger.Api.Http;
using PresenceLedger.Domain.Naming;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Seals;
using PresenceLedger.Queries.Bundles;
using PresenceLedger.Queries.Timeline;

namespace PresenceLedger.Api.Audit;

/// <summary>The verb <c>export</c>: evidence on an agent, as a file.</summary>
internal static class ExportVerb
{
    /// <summary>The command.</summary>
    /// <param name="stores">The options for the database and the ledger.</param>
    /// <param name="guard">Runs it, and makes exit codes of what goes wrong.</param>
    public static Command Create(StoreOptions stores, Func<Func<Task<int>>, Task<int>> guard)
    {
        var agent = new Argument<string>("AGENT") { Description = "The agent." };
        var from = new Option<string?>("--from")
        {
            Description = "The first instant, as 2026-01-05T08:00:00Z; the beginning where left out.",
        };
        var to = new Option<string?>("--to") { Description = "The instant at which it ends; now where left out." };
        var file = new Option<string?>("--out") { Description = "The file to write (evidence-AGENT.zip)." };
        var export = new Command("export", "Writes a bundle of an agent's events with their proofs, which anybody can check.")
        {
            agent,
            from,
            to,
            file,
        };
        export.SetAction(
            (parsed, ct) =>
                guard(() =>
                    AuditLog.GuardAsync(() =>
                    {
                        var id = Identifier.Normalize(parsed.GetRequiredValue(agent));
                        return RunAsync(
                            id,
                            At(parsed.GetValue(from), "--from"),
                            At(parsed.GetValue(to), "--to"),
                            parsed.GetValue(file) ?? EvidenceBundle.FileName(id),
                            stores.Of(parsed),
                            ct
                        );
                    })
                )
        );
        return export;
    }

    private static async Task<int> RunAsync(
        string agentId,
        DateTimeOffset? from,
        DateTimeOffset? to,
        string file,
        DatabaseChoice choice,
        CancellationToken ct
    )
    {
        await using var opened = await OpenedLog.OpenAsync(choice, prepare: true, ct);
        if (!Identifier.IsValid(agentId) || await opened.Log.ReadStreamAsync(StreamNames.Agent(agentId), 0, 1, ct) is [])
            throw new MisconfiguredException($"There is no agent '{agentId}'.");
        using var book = new SealBook(opened.Log);
        using var sealer = new Sealer(opened.Log, book, SealSettings.Of(choice).Keys, opened.Clock);
        try
        {
            await EvidenceEndpoint.SealAsync(opened.Log, book, sealer, agentId, ct);
        }
        catch (Exception e) when (e is SealingKeyException or SealNoteException)
        {
            await Console.Error.WriteLineAsync("What came after the last seal stays without proof: " + e.Message);
        }
        var records = opened.Records();
        BundleSummary summary;
        await using (var zip = new FileStream(file, FileMode.Create, FileAccess.ReadWrite))
            summary = await new EvidenceBundle(records, new Entries(records), book, opened.Clock).WriteAsync(zip, agentId, from, to, ct);
        await Console.Out.WriteLineAsync(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{summary.Events} events, {summary.Unsealed} of them not sealed, in {file}. Check it with presence-ledger verify --bundle {file}, "
                    + $"or as its README.md says."
            )
        );
        return 0;
    }

    private static DateTimeOffset? At(string? text, string option) =>
        InstantQuery.TryRead(text, out var instant)
            ? instant
            : throw new MisconfiguredException($"{option} {text} is no instant; it is given as 2026-01-05T08:00:00Z.");
}
