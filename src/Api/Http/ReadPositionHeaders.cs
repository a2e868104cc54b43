using Npgsql;
using PresenceLedger.Ledger;
using PresenceLedger.Projections;
using PresenceLedger.Queries;

namespace PresenceLedger.Api.Http;

/// <summary>Read-your-writes: a query waits until the projection has what the caller has seen, up to 5 s.</summary>
internal static class ReadPositionHeaders
{
    public const string Header = "Ledger-Position";
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    /// <summary>Waits for the position that the caller names in the header, and for the version of the agent that it names in the query, if any.</summary>
    /// <param name="http">The request.</param>
    /// <param name="agentId">The one agent that it is about, whose row the read model keeps in its table <c>agent</c>.</param>
    /// <exception cref="BehindException">One is not reached.</exception>
    public static async Task WaitAsync(HttpContext http, string? agentId = null)
    {
        var ct = http.RequestAborted;
        var position = http.RequestServices.GetRequiredService<ReadPosition>();
        // A position of before the events were numbered is long past.
        if (LogPosition.TryParse(http.Request.Headers[Header].ToString(), out var target) && position.Log.CanHave(target))
            if (!await position.WaitAsync(read => read.Position >= target, Longest, ct))
                throw new BehindException();
        if (agentId is null || RequestChecks.MinVersion(http) is not { } least)
            return;
        var database = http.RequestServices.GetRequiredService<NpgsqlDataSource>();
        if (!await position.WaitAsync(async () => await VersionAsync(database, position.Model, agentId, ct) >= least, Longest, ct))
            throw new BehindException();
    }

    private static async Task<long> VersionAsync(NpgsqlDataSource database, IReadModel model, string agentId, CancellationToken ct)
    {
        await using var command = database.CreateCommand($"select version from {model.Schema}.agent where agent_id = $1");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = agentId });
        try
        {
            return await command.ExecuteScalarAsync(ct) is long version ? version : -1;
        }
        catch (PostgresException e) when (ReadSide.IsNotBegun(e))
        {
            // Not begun yet.
            return -1;
        }
    }

    public static void Set(HttpContext context, LogPosition position) => context.Response.Headers[Header] = position.ToString();

    /// <summary>Answers with what was read, and says how far that was.</summary>
    public static IResult Json<T>(HttpContext http, T answer, ProjectionPosition read)
    {
        Set(http, read.Position);
        return Results.Json(answer, WireJson.Options);
    }
}
