using PresenceLedger.Ledger;
using PresenceLedger.Projections;

namespace PresenceLedger.Api.Http;

/// <summary>Read-your-writes: a query waits until the projection has what the caller has seen, up to 5 s.</summary>
internal static class ReadPositionHeaders
{
    public const string Header = "Ledger-Position";
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    /// <summary>Waits for the position the caller names in the header, if any; the problem where it is not reached.</summary>
    public static async Task<IResult?> WaitAsync(HttpContext context, ReadPosition position)
    {
        var header = context.Request.Headers[Header].ToString();
        if (header.Length == 0)
            return null;
        if (!LogPosition.TryParse(header, out var target))
            return Problems.Validation(Header, "must be a position that an earlier answer gave");
        return await position.WaitAsync(read => read.Position >= target, Longest, context.RequestAborted) ? null : Behind(context);
    }

    public static void Set(HttpContext context, LogPosition position) => context.Response.Headers[Header] = position.ToString();

    public static IResult Behind(HttpContext context)
    {
        context.Response.Headers.RetryAfter = "1";
        return Problems.Of(
            StatusCodes.Status503ServiceUnavailable,
            "projection-behind",
            "The projection has not caught up with what was asked for within 5 s. Try again."
        );
    }
}
