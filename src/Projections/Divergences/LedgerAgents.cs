using Npgsql;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Postgres;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Projections.Divergences;

/// <summary>Which agents there are: in the log, and in what is made of it.</summary>
public sealed class LedgerAgents(ILog log, NpgsqlDataSource database)
{
    private const int PageSize = 10_000;

    /// <summary>Some agents, by chance; of a log that keeps no list of its streams, those that are read.</summary>
    public async Task<IReadOnlyList<string>> SampleAsync(int count, CancellationToken ct) =>
        await StreamsAsync(ct) is { } streams
            ? [.. streams.OrderBy(_ => Guid.NewGuid()).Take(count)]
            : await TextsAsync($"select agent_id from {PresenceModel.Agents} order by random() limit $1", count, ct);

    /// <summary>All agents, in the order of their ids; also those that only a read model has.</summary>
    public async Task<IReadOnlyList<string>> AllAsync(CancellationToken ct)
    {
        var all = new SortedSet<string>(StringComparer.Ordinal);
        all.UnionWith(await StreamsAsync(ct) ?? await RegisteredAsync(ct));
        foreach (var table in new[] { PresenceModel.Agents, PresenceModel.States })
            all.UnionWith(await TextsAsync($"select distinct agent_id from {table}", null, ct));
        foreach (var table in FactTables.All)
            all.UnionWith(await TextsAsync(Distinct($"{PresenceModel.Schema}.{table.Name}"), null, ct));
        return [.. all];
    }

    private async Task<IReadOnlyList<string>?> StreamsAsync(CancellationToken ct) =>
        await log.StreamsAsync(StreamNames.Agent(""), ct) is { } streams ? [.. streams.Select(StreamNames.AgentId).OfType<string>()] : null;

    /// <summary>From one agent to the next by the index: there may be many rows of each.</summary>
    private static string Distinct(string table) =>
        $"""
            with recursive a (id) as (
                (select agent_id from {table} order by agent_id limit 1)
                union all
                select (select agent_id from {table} where agent_id > a.id order by agent_id limit 1) from a where a.id is not null
            )
            select id from a where id is not null
            """;

    private async Task<IReadOnlyList<string>> TextsAsync(string select, int? limit, CancellationToken ct)
    {
        await using var command = database.CreateCommand(select);
        if (limit is { } most)
            command.Parameters.Add(new() { Value = most });
        try
        {
            return await command.ReadAsync(row => row.GetString(0), ct);
        }
        catch (PostgresException e) when (ReadSide.IsNotBegun(e))
        {
            return [];
        }
    }

    /// <summary>The agents of a log that keeps no list of its streams: by their first events.</summary>
    private async Task<IReadOnlyList<string>> RegisteredAsync(CancellationToken ct)
    {
        var ids = new List<string>();
        var position = LogPosition.Start;
        while (await log.ReadAllAsync(position, PageSize, ct) is { Count: > 0 } page)
        {
            ids.AddRange(page.Where(e => e.Record.Version == 0).Select(e => StreamNames.AgentId(e.Record.Stream)).OfType<string>());
            position = page[^1].Position;
        }
        return ids;
    }
}
