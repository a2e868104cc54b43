using System.Text.Json;
using Npgsql;
using PresenceLedger.Api.Http;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Postgres;
using PresenceLedger.Ledger.Reasons;
using PresenceLedger.Ledger.Seals;
using PresenceLedger.Ledger.Verification;
using PresenceLedger.Queries;

namespace PresenceLedger.Api.Audit;

/// <summary>Whether the record can be trusted: of one agent, and of the ledger.</summary>
internal static class VerifyEndpoints
{
    private const string Ndjson = "application/x-ndjson";
    private static readonly TimeSpan Between = TimeSpan.FromSeconds(1);

    /// <summary>A whole scan takes what the machine has; one at a time.</summary>
    private static readonly SemaphoreSlim Scans = new(1);

    public static void Map(RouteGroupBuilder api)
    {
        api.MapGet("/agents/{agentId}/verify", VerifyAgentAsync)
            .Allow(Permissions.CheckAudit)
            .WithTags("Audit")
            .WithSummary("The hash chain of the agent's stream, the texts of its reasons, and the seal that covers its last events.")
            .Produces<AgentVerificationAnswer>()
            .ProducesProblems(403, 404, 429);
        api.MapGet("/ledger/verify", VerifyLedgerAsync)
            .Allow(Permissions.CheckLedgerAudit)
            .WithTags("Audit")
            .WithSummary("The seals, their order and their signatures; with full=true every event, told as it goes (NDJSON).")
            .Produces<SealVerification>(contentType: "application/json", additionalContentTypes: [Ndjson])
            .ProducesProblems(403, 409, 429);
    }

    private static async Task<IResult> VerifyAgentAsync(
        HttpContext http,
        string agentId,
        ILog log,
        SealBook book,
        IReasonTexts texts,
        ProofPermits permits
    )
    {
        using var permit = await permits.TakeAsync(http.RequestAborted);
        var verified = await new StreamVerifier(log, book, texts).VerifyAsync(StreamNames.Agent(agentId), http.RequestAborted);
        if (verified.Last is not { Record: var last })
            throw RefusedException.AgentUnknown(agentId);
        return Results.Json(
            new AgentVerificationAnswer(
                agentId,
                verified.Findings.Count == 0,
                verified.Events,
                last.Version,
                Convert.ToHexStringLower(last.Hash),
                verified.Seal?.Number,
                verified.SealedVersion,
                verified.Findings
            ),
            WireJson.Options
        );
    }

    private static async Task<IResult> VerifyLedgerAsync(
        HttpContext http,
        ILog log,
        NpgsqlDataSource database,
        SealSettings settings,
        IReasonTexts texts,
        TimeProvider clock,
        string? full
    )
    {
        var isFull = QueryValues.Flag(full, "full") == true;
        var postgres = log is PostgresLog ? database : null;
        var keys = settings.Keys.Public();
        var noted = new SealNotes(settings.Keys.NoteFolder, log.Name).Noted();
        if (!isFull)
            return Results.Json(await new SealVerifier(log, keys, noted).VerifyAsync(http.RequestAborted), WireJson.Options);
        if (!await Scans.WaitAsync(0, http.RequestAborted))
            throw new TooManyException("The ledger is being verified; one at a time.", retryAfter: 10);
        try
        {
            http.Response.ContentType = Ndjson;
            var told = clock.GetTimestamp();
            var verifier = new Verifier(
                log,
                postgres,
                new VerifierOptions
                {
                    Keys = keys,
                    Noted = noted,
                    Parallel = 1,
                }
            );
            var scan = Task.Run(() => verifier.RunAsync(progress: null, http.RequestAborted), http.RequestAborted);
            while (await Task.WhenAny(scan, Task.Delay(Between, clock, http.RequestAborted)) != scan)
                await WriteAsync(http, new { seconds = Math.Round(clock.GetElapsedTime(told).TotalSeconds), events = verifier.Events });
            var result = await scan;
            var reasons = await new ReasonCheck(log, postgres, texts).RunAsync(http.RequestAborted);
            await WriteAsync(http, result with { Findings = [.. result.Findings, .. reasons] });
            return Results.Empty;
        }
        finally
        {
            Scans.Release();
        }
    }

    private static async Task WriteAsync<T>(HttpContext http, T line)
    {
        await http.Response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(line, WireJson.Options), http.RequestAborted);
        await http.Response.Body.WriteAsync("\n"u8.ToArray(), http.RequestAborted);
        await http.Response.Body.FlushAsync(http.RequestAborted);
    }
}

/// <summary>Whether the record of an agent holds together.</summary>
/// <param name="AgentId">The agent.</param>
/// <param name="Holds">Nothing is wrong with the chain, nor with the texts of reasons.</param>
/// <param name="Events">Events that were checked.</param>
/// <param name="Version">The last of them.</param>
/// <param name="Hash">Its hash.</param>
/// <param name="Seal">Number of the seal that covers the newest event that is sealed; null where no seal covers one of the last.</param>
/// <param name="SealedVersion">That event.</param>
/// <param name="Findings">What is wrong.</param>
public sealed record AgentVerificationAnswer(
    string AgentId,
    bool Holds,
    long Events,
    long Version,
    string Hash,
    long? Seal,
    long? SealedVersion,
    IReadOnlyList<Finding> Findings
);
