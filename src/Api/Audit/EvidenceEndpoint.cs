using PresenceLedger.Api.Access;
using PresenceLedger.Api.Http;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Access;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Seals;

namespace PresenceLedger.Api.Audit;

/// <summary>Evidence on an agent, to take away.</summary>
internal static class EvidenceEndpoint
{
    public static void Map(RouteGroupBuilder api) =>
        api.MapGet("/agents/{agentId}/evidence", GetAsync)
            .WithTags("Audit")
            .WithSummary(
                "A bundle of the agent's events with their proofs, seals and keys (zip), to be checked by anybody; from and to by when they took effect."
            )
            .Produces(StatusCodes.Status200OK, contentType: "application/zip")
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict);

    private static async Task<IResult> GetAsync(
        HttpContext http,
        string agentId,
        Records records,
        Entries entries,
        SealBook book,
        Sealer sealer,
        TimeProvider clock,
        ILogger<EvidenceBundle> logger,
        string? from,
        string? to
    )
    {
        if (Permissions.CheckAudit(http.Actor(), agentId) is { } forbidden)
            return Problems.Of(forbidden);
        if (InstantQuery.Read(from, "from", out var first) is { } badFrom)
            return badFrom;
        if (InstantQuery.Read(to, "to", out var end) is { } badTo)
            return badTo;
        if (await records.Log.ReadStreamAsync(StreamNames.Agent(agentId), 0, 1, http.RequestAborted) is [])
            return Problems.Of(Refusal.AgentUnknown(agentId));

        try
        {
            // So that nothing in it is without proof.
            await records.Log.SettleAsync(http.RequestAborted);
            await sealer.SealAsync(Actor.Ledger, gently: false, http.RequestAborted);
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
            return Results.File(file, "application/zip", $"evidence-{agentId.Replace(':', '-')}.zip");
        }
        catch (Exception e)
        {
            await file.DisposeAsync();
            if (e is InvalidDataException damaged)
                return Damaged(damaged);
            throw;
        }
    }

    private static IResult Damaged(InvalidDataException e) => Problems.Of(StatusCodes.Status409Conflict, "ledger-damaged", e.Message);
}
