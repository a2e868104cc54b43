using Npgsql;
using PresenceLedger.Projections;

namespace PresenceLedger.Api.Agents;

/// <summary>The names of agents in the directory.</summary>
internal static class Names
{
    /// <summary>By agent; nothing of an agent without one.</summary>
    /// <param name="database">The database.</param>
    /// <param name="agents">Whose; null for all.</param>
    /// <param name="ct">Cancellation.</param>
    public static async Task<IReadOnlyDictionary<string, string>> ReadAsync(
        NpgsqlDataSource database,
        IReadOnlyList<string>? agents,
        CancellationToken ct
    )
    {
        await using var command = database.CreateCommand(
            $"""
            select id, data ->> 'displayName' from {ReadSide.Schema}.mt_doc_directory
                where data ->> 'displayName' is not null{(agents is null ? "" : " and id = any ($1)")}
            """
        );
        if (agents is not null)
            command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. agents] });
        await using var reader = await command.ExecuteReaderAsync(ct);
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        while (await reader.ReadAsync(ct))
            names.Add(reader.GetString(0), reader.GetString(1));
        return names;
    }
}
