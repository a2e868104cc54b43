using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Projections.Presence;

/// <summary>
/// States of the past: the newest kept one that is not too new, if the log has the event it was kept after, and the events since. What is
/// kept only makes it quick: without any, all events are folded, and the answer is the same.
/// </summary>
public sealed class PastStates(NpgsqlDataSource database, ILog log) : IKeptStates
{
    // As far as it is from one kept state to the next, few at a time: each event of an agent lies somewhere else on the disk.
    private const int SmallPage = 128;
    private const int LargePage = 1000;

    /// <summary>The state after the last event that counts; that of an unknown agent where none does.</summary>
    /// <exception cref="InvalidDataException">An event cannot be read.</exception>
    public async Task<PastState> AsOfAsync(string agentId, Horizon horizon, CancellationToken ct)
    {
        if (horizon.Version < 0)
            return PastState.Unknown(agentId);
        var below = horizon.Version;
        while (await NewestAsync(agentId, horizon with { Version = below }, ct) is { } kept)
        {
            if (kept.State is { } state && await FoldAsync(state, horizon, ct) is { } found)
                return found;
            // It is of another log, or cannot be read: the one before, then.
            below = kept.Version - 1;
        }
        return (await FoldAsync(PastState.Unknown(agentId), horizon, ct))!;
    }

    /// <inheritdoc />
    async Task<KeptState?> IKeptStates.NewestAsync(string agentId, long version, CancellationToken ct) =>
        (await NewestAsync(agentId, new Horizon(Version: version), ct))?.State is { } state ? new KeptState(state.Agent, state.Hash) : null;

    /// <summary>The newest kept state that the horizon has, with its version; no state where it cannot be read.</summary>
    internal async Task<(long Version, PastState? State)?> NewestAsync(string agentId, Horizon horizon, CancellationToken ct)
    {
        // Each time, and the version, go up together: the newest for all three is the oldest of the newest for each.
        await using var command = database.CreateCommand(
            $"""
            select version, known_at, hash, state::text from {PresenceModel.States} where agent_id = $1 and version = least(
                coalesce((
                    select version from {PresenceModel.States} where agent_id = $1 and occurred_at <= coalesce($2, 'infinity')
                    order by occurred_at desc, version desc limit 1
                ), -1),
                coalesce((
                    select version from {PresenceModel.States} where agent_id = $1 and known_at <= coalesce($3, 'infinity')
                    order by known_at desc, version desc limit 1
                ), -1),
                coalesce((
                    select version from {PresenceModel.States} where agent_id = $1 and version <= $4 order by version desc limit 1
                ), -1))
            """
        );
        command.Parameters.Add(new() { Value = agentId });
        command.Parameters.Add(new() { Value = (object?)horizon.At ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        command.Parameters.Add(new() { Value = (object?)horizon.KnownAt ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        command.Parameters.Add(new() { Value = horizon.Version });
        try
        {
            await using var reader = await command.ExecuteReaderAsync(ct);
            if (!await reader.ReadAsync(ct))
                return null;
            var version = reader.GetInt64(0);
            try
            {
                var agent = LedgerJson.Read<Agent>(reader.GetString(3));
                return (version, new PastState(agent, reader.GetFieldValue<byte[]>(2), reader.GetFieldValue<DateTimeOffset>(1)));
            }
            catch (JsonException)
            {
                return (version, null);
            }
        }
        catch (PostgresException e) when (ReadSide.IsNotBegun(e))
        {
            return null;
        }
    }

    /// <summary>The state after the last event that counts, from one on; null where the log has not the event that one was kept after.</summary>
    private async Task<PastState?> FoldAsync(PastState from, Horizon horizon, CancellationToken ct)
    {
        var stream = StreamNames.Agent(from.Agent.AgentId);
        var state = from;
        var next = Math.Max(from.Agent.Version, 0);
        while (true)
        {
            var size = next - from.Agent.Version <= KeptState.Interval ? SmallPage : LargePage;
            var count = (int)Math.Min(size - 1, horizon.Version - next) + 1;
            var page = await log.ReadStreamAsync(stream, next, count, ct);
            var events = page.Select(e => e.Record);
            if (next == from.Agent.Version)
            {
                if (page is [] || !page[0].Record.Hash.AsSpan().SequenceEqual(from.Hash))
                    return null;
                events = events.Skip(1);
            }
            foreach (var record in events)
                if (horizon.Has(state, record))
                    state = state.After(record);
                else
                    return state;
            if (page.Count < count || state.Agent.Version >= horizon.Version)
                return state;
            next = state.Agent.Version + 1;
        }
    }
}
