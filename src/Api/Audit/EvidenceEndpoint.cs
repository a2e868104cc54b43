using PresenceLedger.Api.Access;
using PresenceLedger.Api.Http;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Seals;
using PresenceLedger.Queries;
using PresenceLedger.Queries.Bundles;
using PresenceLedger.Queries.Timeline;

namespace PresenceLedger.Api.Audit;

/// <summary>Evidence on an agent, to take away.</summary>
internal static class EvidenceEndpoint
{
    public static void Map(RouteGroupBuilder api) =>
        api.MapGet("/agents/{agentId}/evidence", GetAsync)
            .Allow(Permissions.CheckAudit)
            .WithTags("Audit")
            .WithSummary(
                "A bundle of the agent's events with their proofs, seals and keys (zip), to be checked by anybody; from and to by when they took effect. With seal=true (administrators) the ledger is sealed first where the agent's last events are not."
            )
            .Produces<byte[]>(contentType: "application/zip")
            .ProducesProblems(400, 403, 404, 409, 429);

    private static async Task<IResult> GetAsync(
        HttpContext http,
        string agentId,
        Records records,
        Entries entries,
        SealBook book,
        Sealer sealer,
        ProofPermits permits,
        TimeProvider clock,
        ILogger<EvidenceBundle> logger,
        string? from,
        string? to,
        string? seal
    )
    {
        var (first, end) = (InstantQuery.Read(from, "from"), InstantQuery.Read(to, "to"));
        var seals = QueryValues.Flag(seal, "seal") == true;
        if (seals && Permissions.CheckSeal(http.Actor()) is { } mayNotSeal)
            throw new RefusedException(mayNotSeal);
        if (await records.Log.ReadStreamAsync(StreamNames.Agent(agentId), 0, 1, http.RequestAborted) is [])
            throw RefusedException.AgentUnknown(agentId);
        using var permit = await permits.TakeAsync(http.RequestAborted);

        try
        {
            // So that nothing in it is without proof.
            if (seals)
                await SealAsync(records.Log, book, sealer, agentId, http.RequestAborted);
        }
        catch (Exception e) when (e is SealingKeyException or SealNoteException)
        {
            logger.LogWarning("Evidence is given with events that are not sealed: {Problem}", e.Message);
        }
        catch (InvalidDataException e)
        {
            return Damaged(e);
        }
        // Not in memory, for it may be large; gone when it is sent.
        var file = new FileStream(
            Path.GetTempFileName(),
            FileMode.Create,
            FileAccess.ReadWrite,
            FileShare.None,
            bufferSize: 64 * 1024,
            FileOptions.DeleteOnClose | FileOptions.Asynchronous
        );
        try
        {
            await new EvidenceBundle(records, entries, book, clock).WriteAsync(file, agentId, first, end, http.RequestAborted);
            file.Position = 0;
            return Results.File(file, "application/zip", EvidenceBundle.FileName(agentId));
        }
        catch (Exception e)
        {
            await file.DisposeAsync();
            if (e is InvalidDataException damaged)
                return Damaged(damaged);
            throw;
        }
    }

    /// <summary>Seals, where the agent's last event is not sealed.</summary>
    /// <exception cref="SealingKeyException">There is no key here that the ledger knows.</exception>
    /// <exception cref="InvalidDataException">The log does not have what was sealed.</exception>
    internal static async Task SealAsync(ILog log, SealBook book, Sealer sealer, string agentId, CancellationToken ct)
    {
        var last = await log.ReadStreamBackwardsAsync(StreamNames.Agent(agentId), long.MaxValue, 1, ct);
        if (await new SealSearch(log, book).NewestAsync(last, ct) is not null)
            return;
        await sealer.SealAsync(Actor.Ledger, gently: false, ct);
    }

    private static IResult Damaged(InvalidDataException e) => Problems.Of(StatusCodes.Status409Conflict, "ledger-damaged", e.Message);
}
