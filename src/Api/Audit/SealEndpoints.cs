using System.Globalization;
using PresenceLedger.Api.Access;
using PresenceLedger.Api.Http;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Domain.Seals;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Seals;

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
        catch (SealingKeyException e)
        {
            return Problems.Of(StatusCodes.Status409Conflict, "sealing-key-missing", e.Message);
        }
        catch (SealNoteException e)
        {
            return Problems.Of(StatusCodes.Status409Conflict, "seal-missing", e.Message);
        }
        catch (InvalidDataException e)
        {
            return Problems.Of(StatusCodes.Status409Conflict, "ledger-damaged", e.Message);
        }
    }

    private static async Task<IResult> ListAsync(HttpContext http, ILog log, SealBook book)
    {
        if (Paging.Read(http, out var paging, IsNumber) is { } badPage)
            return badPage;
        var places = (await book.RefreshAsync(http.RequestAborted)).Places;
        var start = paging.After is { } after ? long.Parse(after, CultureInfo.InvariantCulture) + 1 : 0;
        var wanted = places.SkipWhile(p => p.Number < start).Take(paging.Limit + 1).ToArray();
        var seals = new List<SealAnswer>();
        await foreach (var (_, seal) in book.ReadAsync([.. wanted.Take(paging.Limit)], http.RequestAborted))
            seals.Add(SealAnswer.Of(seal));
        var next =
            wanted.Length > paging.Limit ? Paging.Cursor(wanted[paging.Limit - 1].Number.ToString(CultureInfo.InvariantCulture)) : null;
        return Results.Json(new Page<SealAnswer>(seals) { Next = next }, WireJson.Options);
    }

    private static async Task<IResult> KeysAsync(HttpContext http, SealBook book)
    {
        if (Paging.Read(http, out var paging, IsNumber) is { } badPage)
            return badPage;
        var keys = KeyAnswer.Of((await book.RefreshAsync(http.RequestAborted)).KeyEvents);
        // They are never taken away, so their number is a place to go on from.
        var start = paging.After is { } after ? (int)Math.Min(long.Parse(after, CultureInfo.InvariantCulture), keys.Count) : 0;
        var end = Math.Min(start + paging.Limit, keys.Count);
        return Results.Json(
            new Page<KeyAnswer>([.. keys.Take(end).Skip(start)])
            {
                Next = end < keys.Count ? Paging.Cursor(end.ToString(CultureInfo.InvariantCulture)) : null,
            },
            WireJson.Options
        );
    }

    private static bool IsNumber(string? text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= 0;
}

/// <summary>What sealing came to.</summary>
/// <param name="Made">How many seals were made.</param>
/// <param name="Last">The last seal of the ledger.</param>
public sealed record SealedAnswer(int Made, SealAnswer? Last);

/// <summary>A seal, as <c>docs/proof.md</c> has it; <c>fingerprints</c> is the SHA-256 of them.</summary>
public sealed record SealAnswer(
    long Number,
    long First,
    int Count,
    string Root,
    string Fingerprints,
    string Position,
    Guid LastEventId,
    DateTimeOffset SealedAt,
    string Previous,
    string Hash,
    IReadOnlyList<SealSignature> Signatures
)
{
    internal static SealAnswer Of(LedgerSealed seal)
    {
        var said = seal.Statement();
        return new SealAnswer(
            said.Number,
            said.First,
            said.Count,
            said.Root,
            said.FingerprintsDigest,
            said.Position,
            said.LastEventId,
            said.SealedAt,
            said.Previous,
            said.Hash(),
            seal.Signatures
        );
    }
}

/// <summary>A key.</summary>
/// <param name="KeyId">First 16 hex digits of the SHA-256 of the public key.</param>
/// <param name="PublicKey">PEM.</param>
/// <param name="IntroducedAt">When.</param>
/// <param name="IntroducedBy">Keys that signed its introduction, itself left out.</param>
/// <param name="RetiredAt">When its signatures ceased to count; null while they do.</param>
public sealed record KeyAnswer(
    string KeyId,
    string PublicKey,
    DateTimeOffset IntroducedAt,
    IReadOnlyList<string> IntroducedBy,
    DateTimeOffset? RetiredAt
)
{
    internal static IReadOnlyList<KeyAnswer> Of(IReadOnlyList<SealEvent> events) =>
        [
            .. events
                .OfType<SealingKeyIntroduced>()
                .Select(e => new KeyAnswer(
                    e.KeyId,
                    Domain.Seals.PublicKey.Parse(e.PublicKey).Pem,
                    e.IntroducedAt,
                    [.. e.Signatures.Select(s => s.KeyId).Where(id => id != e.KeyId)],
                    events.OfType<SealingKeyRetired>().FirstOrDefault(r => r.KeyId == e.KeyId)?.RetiredAt
                )),
        ];
}
