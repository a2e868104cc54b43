using Npgsql;
using PresenceLedger.Ledger;
using PresenceLedger.Projections;

namespace PresenceLedger.Api.Http;

/// <summary>Read-your-writes: a query waits until the projection has what the caller has seen, up to 5 s.</summary>
internal static class ReadPositionHeaders
{
    public const string Header = "Ledger-Position";
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Waits for the position that the caller names in the header, and for the version of the agent that it names in the query, if any;
    /// the problem where one is not reached.
    /// </summary>
    /// <param name="context">The request.</param>
    /// <param name="position">How far the read model is that serves it.</param>
    /// <param name="agentId">The one agent that it is about, whose row the read model keeps in its table <c>agent</c>.</param>
    public static async Task<IResult?> WaitAsync(HttpContext context, ReadPosition position, string? agentId = null)
    {
        var ct = context.RequestAborted;
        // A position of before the events were numbered is long past.
        if (LogPosition.TryParse(context.Request.Headers[Header].ToString(), out var target) && position.Log.CanHave(target))
            if (!await position.WaitAsync(read => read.Position >= target, Longest, ct))
                return Behind(context);
        if (agentId is null || RequestChecks.MinVersion(context) is not { } least)
            return null;
        var database = context.RequestServices.GetRequiredService<NpgsqlDataSource>();
        return await position.WaitAsync(async () => await VersionAsync(database, position.Model, agentId, ct) >= least, Longest, ct)
            ? null
            : Behind(context);
    }

    private static async Task<long> VersionAsync(NpgsqlDataSource database, IReadModel model, string agentId, CancellationToken ct)
    {
        await using var command = database.CreateCommand($"select version from {model.Schema}.agent where agent_id = $1");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = agentId });
        try
        {
            return await command.ExecuteScalarAsync(ct) is long version ? version : -1;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName)
        {
            // Not begun yet.
            return -1;
        }
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
