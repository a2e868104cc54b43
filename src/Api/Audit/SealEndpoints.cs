using PresenceLedger.Api.Access;
using PresenceLedger.Api.Http;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Seals;
using PresenceLedger.Queries;

namespace PresenceLedger.Api.Audit;

/// <summary>The seals over the ledger, and the keys that they are checked with.</summary>
internal static class SealEndpoints
{
    public static void Map(RouteGroupBuilder api)
    {
        api.MapPost("/ledger/seals", SealAsync)
            .Allow(Permissions.CheckSeal)
            .WithTags("Audit")
            .WithMetadata(new NeedsNoKey())
            .WithSummary("Seal everything that is recorded by now; administrators.")
            .Produces<SealedAnswer>()
            .ProducesProblems(403, 409);
        api.MapGet("/ledger/seals", ListAsync)
            .WithTags("Audit")
            .WithMetadata(new Paged())
            .WithSummary("The seals, oldest first, without the fingerprints of the events.")
            .Produces<Page<SealAnswer>>();
        api.MapGet("/ledger/keys", KeysAsync)
            .WithTags("Audit")
            .WithMetadata(new Paged())
            .WithSummary("The public keys that seals are signed with, as the ledger introduced them, oldest first.")
            .Produces<Page<KeyAnswer>>();
    }

    private static async Task<IResult> SealAsync(HttpContext http, Body<NoBody> body, Sealer sealer)
    {
        if (body.Problem is { } bad)
            return bad;
        try
        {
            var made = await sealer.SealAsync(http.Actor(), gently: false, http.RequestAborted);
            return Results.Json(new SealedAnswer(made.Seals, made.Last is { } last ? SealAnswer.Of(last) : null), WireJson.Options);
        }
        catch (InvalidDataException e)
        {
            return Problems.Of(StatusCodes.Status409Conflict, "ledger-damaged", e.Message);
        }
    }

    private static async Task<IResult> ListAsync(HttpContext http, ILog log, SealBook book)
    {
        var paging = PageQuery.Read(http);
        var start = paging.AfterNumber + 1 ?? 0;
        var places = (await book.RefreshAsync(http.RequestAborted)).Places;
        var wanted = places.SkipWhile(p => p.Number < start).Take(paging.Limit + 1).ToArray();
        var seals = new List<SealAnswer>();
        await foreach (var (_, seal) in book.ReadAsync([.. wanted.Take(paging.Limit)], http.RequestAborted))
            seals.Add(SealAnswer.Of(seal));
        var next = wanted.Length > paging.Limit ? Paging.Cursor(wanted[paging.Limit - 1].Number) : null;
        return Results.Json(new Page<SealAnswer>(seals) { Next = next }, WireJson.Options);
    }

    private static async Task<IResult> KeysAsync(HttpContext http, SealBook book)
    {
        var paging = PageQuery.Read(http);
        var keys = KeyAnswer.Of((await book.RefreshAsync(http.RequestAborted)).KeyEvents);
        // They are never taken away, so their number is a place to go on from.
        var start = (int)Math.Min(paging.AfterNumber ?? 0, keys.Count);
        var end = Math.Min(start + paging.Limit, keys.Count);
        return Results.Json(
            new Page<KeyAnswer>([.. keys.Take(end).Skip(start)]) { Next = end < keys.Count ? Paging.Cursor(end) : null },
            WireJson.Options
        );
    }
}
