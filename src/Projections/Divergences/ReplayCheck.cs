using System.Globalization;
using System.Runtime.CompilerServices;
using Npgsql;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.Reasons;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Projections.Divergences;

/// <summary>
/// Compares what is kept of an agent beside the log (rows of the read model, what a node has in memory) with what the agent's
/// events give, each at the version that it is of. It changes nothing.
/// </summary>
public sealed class ReplayCheck(ILog log, NpgsqlDataSource database, IReasonTexts texts)
{
    private const int PageSize = 1000;
    private readonly PastStates _past = new(database, log);
    private readonly PlacedConfigurations _configurations = new(log);

    /// <summary>
    /// Compares everything with a fold of all events: also every fact that has ended, and the texts of reasons with their digests.
    /// </summary>
    /// <param name="agentId">The agent.</param>
    /// <param name="cached">What this node has in memory; null for nothing.</param>
    /// <param name="ct">Cancellation.</param>
    /// <exception cref="InvalidDataException">The events cannot be folded.</exception>
    public async Task<ReplayedAgent> WholeAsync(string agentId, KeptState? cached, CancellationToken ct)
    {
        // What is kept first, then the log: that is never behind.
        await using var past = await ClosedFactsCheck.OpenAsync(
            database,
            (SqlOf(Divergence.Presence), row => Row(Divergence.Presence, row)),
            agentId,
            ct
        );
        var rows = new List<ModelRows>(await RowsAsync(agentId, Divergence.States, ct));
        if (past is not null)
            rows.Add(new ModelRows(Divergence.Presence, past.UpTo, past.Open is { } open ? [open] : []));
        Kept[] kept = [.. rows.SelectMany(r => r.Kept), .. InMemory(cached)];
        return await RunAsync(PastState.Unknown(agentId), rows, kept, past, new StreamReasons(texts, StreamNames.Agent(agentId)), ct);
    }

    /// <summary>Compares what is of the present, with a fold that begins at a kept state: for a caller who waits.</summary>
    /// <param name="agentId">The agent.</param>
    /// <param name="cached">What this node has in memory; null for nothing.</param>
    /// <param name="ct">Cancellation.</param>
    /// <exception cref="InvalidDataException">The events cannot be folded.</exception>
    public async Task<ReplayedAgent> PresentAsync(string agentId, KeptState? cached, CancellationToken ct)
    {
        var rows = await RowsAsync(agentId, Divergence.Presence, ct);
        Kept[] kept = [.. rows.SelectMany(r => r.Kept), .. InMemory(cached)];
        // From right before the oldest of them: by the events from there on it is seen how far a read model without a row should be.
        var from = kept is []
            ? PastState.Unknown(agentId)
            : await _past.AsOfAsync(agentId, new Horizon(Version: kept.Min(k => k.Version) - 1), ct);
        return await RunAsync(from, rows, [.. kept.Select(k => k.WithStateAlone())], past: null, reasons: null, ct);
    }

    private async Task<ReplayedAgent> RunAsync(
        PastState from,
        IReadOnlyList<ModelRows> rows,
        IReadOnlyList<Kept> kept,
        ClosedFactsCheck? past,
        StreamReasons? reasons,
        CancellationToken ct
    )
    {
        // After the facts were looked at: what the configuration was by then is known.
        var folding = past is null ? null : await _configurations.BeginAsync(ct);
        OpenFacts? open = null;
        var agentId = from.Agent.AgentId;
        var (state, events) = (from, 0L);
        var found = new List<Divergence>();
        var atVersion = kept.ToLookup(k => k.Version);
        var reached = rows.ToDictionary(r => r.Model, _ => -1L, StringComparer.Ordinal);
        await foreach (var page in PagesAsync(from, ct))
        {
            foreach (var stored in page)
                await TakeAsync(stored);
            if (reasons is not null)
                await reasons.AddAsync(page.Select(e => e.Record), ct);
        }
        foreach (var model in rows)
            found.AddRange(Missing(agentId, model, reached[model.Model]));
        foreach (var ahead in kept.Where(k => k.Version > state.Agent.Version))
            found.Add(OfVersion(agentId, ahead.Model, ahead.Version, ahead.Version, state.Agent.Version));
        if (past is not null)
            found.AddRange(await past.EndAsync(agentId, ct));
        if (reasons is not null)
            found.AddRange(reasons.Faults.Select(fault => Divergence.Of(agentId, fault)));
        return new ReplayedAgent(agentId, events, found);

        async Task TakeAsync(StoredEvent stored)
        {
            (state, var e) = After(state, stored.Record);
            events++;
            foreach (var model in rows)
                if (stored.Position <= model.UpTo)
                    reached[model.Model] = stored.Record.Version;
            // The facts have what was recorded up to their place, and nothing after it.
            if (past is not null && stored.Position <= past.UpTo)
            {
                var closed = new ClosedFacts();
                open = folding!.At(stored.Position).Apply(open, stored.Record, e, closed);
                if (!closed.IsEmpty)
                    await past.CompareAsync(stored.Record.Version, closed, ct);
            }
            foreach (var one in atVersion[state.Agent.Version])
                found.AddRange(Compare(one, state, open));
        }
    }

    private static IEnumerable<Divergence> Compare(Kept kept, PastState state, OpenFacts? open)
    {
        var differences = Difference.Between(kept.Document, kept.Expected(state, open));
        foreach (var difference in differences)
            yield return new Divergence(
                state.Agent.AgentId,
                kept.Model,
                kept.Version,
                difference.Path,
                difference.From?.ToJsonString(),
                difference.To?.ToJsonString()
            );
    }

    /// <summary>Rows that are to be there by where the read model is, and are not.</summary>
    private static IEnumerable<Divergence> Missing(string agentId, ModelRows rows, long reached)
    {
        var there = rows.Kept.Select(k => k.Version).ToHashSet();
        if (rows.Model == Divergence.States)
        {
            for (long version = KeptState.Interval; version <= reached; version += KeptState.Interval)
                if (!there.Contains(version))
                    yield return OfVersion(agentId, rows.Model, version, null, version);
        }
        else if (reached >= 0 && !there.Any(version => version >= reached))
        {
            yield return OfVersion(agentId, rows.Model, reached, there.Count == 0 ? null : there.Max(), reached);
        }
    }

    private static Divergence OfVersion(string agentId, string model, long version, long? kept, long replayed) =>
        new(
            agentId,
            model,
            version,
            "version",
            kept?.ToString(CultureInfo.InvariantCulture),
            replayed < 0 ? null : replayed.ToString(CultureInfo.InvariantCulture)
        );

    /// <summary>One more event, folded as plainly as can be.</summary>
    private static (PastState State, AgentEvent Event) After(PastState before, EventRecord record)
    {
        if (record.Version != before.Agent.Version + 1)
            throw new InvalidDataException($"{record.Stream}@{record.Version} came after version {before.Agent.Version}.");
        try
        {
            var e = (AgentEvent)WireNames.Read(record);
            return (new PastState(before.Agent.Evolve(e), record.Hash, before.KnownSince(record)), e);
        }
        catch (Exception e) when (e is not InvalidDataException)
        {
            throw new InvalidDataException($"{record.Stream}@{record.Version}: '{record.Type}' does not fit: {e.Message}", e);
        }
    }

    private async IAsyncEnumerable<IReadOnlyList<StoredEvent>> PagesAsync(PastState after, [EnumeratorCancellation] CancellationToken ct)
    {
        var stream = StreamNames.Agent(after.Agent.AgentId);
        for (var next = after.Agent.Version + 1; ; )
        {
            var page = await log.ReadStreamAsync(stream, next, PageSize, ct);
            yield return page;
            if (page.Count < PageSize)
                yield break;
            next = page[^1].Record.Version + 1;
        }
    }

    private static Kept[] InMemory(KeptState? cached) => cached is { Agent.IsRegistered: true } ? [Kept.Of(Divergence.Memory, cached)] : [];

    private async Task<IReadOnlyList<ModelRows>> RowsAsync(string agentId, string what, CancellationToken ct)
    {
        await using var command = database.CreateCommand(SqlOf(what));
        command.Parameters.Add(new() { Value = agentId });
        try
        {
            await using var reader = await command.ExecuteReaderAsync(ct);
            ModelRows? rows = null;
            while (await reader.ReadAsync(ct))
            {
                rows ??= new ModelRows(what, new LogPosition(reader.GetInt64(0), reader.GetInt64(1)), []);
                if (!await reader.IsDBNullAsync(2, ct))
                    rows.Kept.Add(Row(what, reader));
            }
            return rows is null ? [] : [rows];
        }
        catch (PostgresException e) when (ReadSide.IsNotBegun(e))
        {
            return [];
        }
    }

    /// <summary>An agent's rows and how far the read model is, as of one moment.</summary>
    private static string SqlOf(string what) =>
        $"""
            select c.position, c.prepare, a.version, {(what == Divergence.States ? Kept.StateColumns : Kept.AgentColumns)}
            from (select position, prepare from {ReadSide.Schema}.read_model where {PresenceModel.Checkpoint}) c
            left join {(what == Divergence.States ? PresenceModel.States : PresenceModel.Agents)} a on a.agent_id = $1
            """;

    private static Kept Row(string what, NpgsqlDataReader row) =>
        what == Divergence.States ? Kept.OfState(row.GetInt64(2), row) : Kept.OfAgent(row.GetInt64(2), row);

    /// <summary>What a read model has of an agent, and how far it is.</summary>
    private sealed record ModelRows(string Model, LogPosition UpTo, List<Kept> Kept);
}
