using System.Collections.Concurrent;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Domain.WhatIf;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Queries.WhatIf;

/// <summary>
/// Replays agents with another configuration, one after another from their own streams, and compares. It reads the log and nothing
/// else.
/// </summary>
public sealed class WhatIfRun : IDisposable
{
    private const int PageSize = 2000;

    private readonly ILog _log;
    private readonly Func<ConfigurationHistory, Alternative> _alternativeOf;
    private readonly SemaphoreSlim _reading = new(1, 1);
    private Alternative _alternative;

    private WhatIfRun(ILog log, Func<ConfigurationHistory, Alternative> alternativeOf, Alternative alternative) =>
        (_log, _alternativeOf, _alternative) = (log, alternativeOf, alternative);

    /// <summary>What was recorded, and what would have been.</summary>
    public Alternative Alternative => Volatile.Read(ref _alternative);

    /// <summary>Begins with the configuration.</summary>
    /// <param name="log">The log.</param>
    /// <param name="alternativeOf">What would have been other.</param>
    /// <param name="ct">Cancellation.</param>
    public static async Task<WhatIfRun> OpenAsync(ILog log, Func<ConfigurationHistory, Alternative> alternativeOf, CancellationToken ct) =>
        new(log, alternativeOf, alternativeOf(await ConfigurationAsync(log, ct)));

    /// <summary>Compares agents, in their order; those that were registered later than the window are left out.</summary>
    public async Task<IReadOnlyList<AgentComparison>> CompareAsync(
        IReadOnlyList<string> agentIds,
        DateTimeOffset from,
        DateTimeOffset to,
        IProgress<int> progress,
        CancellationToken ct
    )
    {
        var compared = new AgentComparison?[agentIds.Count];
        var done = 0;
        await Parallel.ForAsync(
            0,
            agentIds.Count,
            new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = ct },
            async (n, token) =>
            {
                compared[n] = await CompareAsync(agentIds[n], from, to, token);
                progress.Report(Interlocked.Increment(ref done));
            }
        );
        return [.. compared.OfType<AgentComparison>()];
    }

    /// <summary>
    /// Compares as many agents as there is time for, beside everything else that the service does. Who was registered later than the window
    /// was looked at, and has nothing to compare.
    /// </summary>
    /// <param name="agentIds">Whom.</param>
    /// <param name="from">From when on.</param>
    /// <param name="to">Until when.</param>
    /// <param name="time">Ends when there is no more time: agents that were begun are compared to the end.</param>
    /// <param name="ct">Cancellation.</param>
    public async Task<(IReadOnlyList<AgentComparison> Compared, int LookedAt)> CompareWithinAsync(
        IReadOnlyList<string> agentIds,
        DateTimeOffset from,
        DateTimeOffset to,
        CancellationToken time,
        CancellationToken ct
    )
    {
        var compared = new ConcurrentBag<AgentComparison>();
        var lookedAt = 0;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(time, ct);
        var half = new ParallelOptions
        {
            MaxDegreeOfParallelism = Math.Max(1, Environment.ProcessorCount / 2),
            CancellationToken = either.Token,
        };
        try
        {
            await Parallel.ForEachAsync(
                agentIds,
                half,
                async (agentId, _) =>
                {
                    if (await CompareAsync(agentId, from, to, ct) is { } one)
                        compared.Add(one);
                    Interlocked.Increment(ref lookedAt);
                }
            );
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            // There was no more time: what is known by now is told.
        }
        return ([.. compared.OrderBy(c => c.AgentId, StringComparer.Ordinal)], lookedAt);
    }

    /// <inheritdoc />
    public void Dispose() => _reading.Dispose();

    private async Task<AgentComparison?> CompareAsync(string agentId, DateTimeOffset from, DateTimeOffset to, CancellationToken ct)
    {
        var recorded = await ReadAsync(agentId, ct);
        var alternative = await AlternativeAsync(recorded.Select(e => e.ConfigurationVersion).DefaultIfEmpty(-1).Max(), ct);
        var replay = AgentReplay.Of(agentId, recorded, alternative, from, to);

        var before = new FoldedFacts(agentId);
        foreach (var e in recorded.Take(replay.Begin))
            before.Add(e.Event, e.RecordedAt, alternative.Recorded.At(e.ConfigurationVersion));
        var (asRecorded, other) = (before.GoOn(), before.GoOn());
        foreach (var e in recorded.Take(replay.Begin..replay.End))
            asRecorded.Add(e.Event, e.RecordedAt, alternative.Recorded.At(e.ConfigurationVersion));
        foreach (var e in replay.Events)
            other.Add(e.Event, e.RecordedAt, alternative.Other.At(e.ConfigurationVersion));
        if (asRecorded.Facts is not { } facts)
            return null;
        // Who could not have been registered was in no status.
        var otherFacts = other.Facts ?? new AgentFacts { AgentId = agentId };

        var (cell, otherCell) = (CellOf(facts, from, to), CellOf(otherFacts, from, to));
        PresenceChanged[] changes = [.. recorded.Take(replay.Begin..replay.End).Select(e => e.Event).OfType<PresenceChanged>()];
        PresenceChanged[] otherChanges = [.. replay.Events.Select(e => e.Event).OfType<PresenceChanged>()];
        var (blocking, otherBlocking) = (Blocking(alternative.Recorded), Blocking(alternative.Other));
        return new AgentComparison
        {
            AgentId = agentId,
            Statuses = cell
                .Statuses.Concat(otherCell.Statuses)
                .Select(s => s.StatusId)
                .Distinct(StringComparer.Ordinal)
                .ToDictionary(id => id, id => new Compared(In(cell, id), In(otherCell, id)), StringComparer.Ordinal),
            SignedIn = new Compared(cell[Measure.Login], otherCell[Measure.Login]),
            Routable = new Compared(
                Routable(null, facts, blocking).Sum(s => s.End - s.Start),
                Routable(null, otherFacts, otherBlocking).Sum(s => s.End - s.Start)
            ),
            Queues =
            [
                .. facts
                    .Queues.Concat(otherFacts.Queues)
                    .SelectMany(q => q.Queues)
                    .Distinct(StringComparer.Ordinal)
                    .Select(queue => new RoutableIn(queue, Routable(queue, facts, blocking), Routable(queue, otherFacts, otherBlocking))),
            ],
            Transitions = new Compared(changes.Length, otherChanges.Length),
            Other = [.. OtherTransition.Between(changes, otherChanges)],
            Refused = replay.Refused,
        };

        IReadOnlyList<Stretch> Routable(string? queue, AgentFacts of, IReadOnlyList<BlockingProfiles> blockingProfiles) =>
            [
                .. new Coverage(queue, [of], from, to, blockingProfiles).Routable.Select(s => new Stretch(
                    s.Start.ToUnixTimeMilliseconds(),
                    s.End.ToUnixTimeMilliseconds()
                )),
            ];
    }

    private static Cell CellOf(AgentFacts facts, DateTimeOffset from, DateTimeOffset to) =>
        Arithmetic.Of(facts, [from, to], to, SessionFilter.All)[0];

    private static long In(Cell cell, string statusId) => cell.Statuses.FirstOrDefault(s => s.StatusId == statusId)?.Milliseconds ?? 0;

    private static IReadOnlyList<BlockingProfiles> Blocking(ConfigurationHistory history) =>
        BlockingProfiles.Of(Enumerable.Range(-1, (int)history.Last + 2).Select(version => history.At(version)));

    private async Task<IReadOnlyList<RecordedEvent>> ReadAsync(string agentId, CancellationToken ct)
    {
        var recorded = new List<RecordedEvent>();
        var stream = StreamNames.Agent(agentId);
        while (true)
        {
            var page = await _log.ReadStreamAsync(stream, recorded.Count, PageSize, ct);
            recorded.AddRange(page.Select(e => Of(e.Record)));
            if (page.Count < PageSize)
                return recorded;
        }
    }

    /// <summary>The event of a record, with what a replay needs of its envelope.</summary>
    public static RecordedEvent Of(EventRecord record)
    {
        var metadata = LedgerJson.Read<EventMetadata>(record.Metadata);
        var e = (AgentEvent)WireNames.ReadData(record);
        return new RecordedEvent(
            e with
            {
                Rule = metadata.Rule,
            },
            record.RecordedAt,
            metadata.PolicyVersion,
            metadata.CausationId,
            metadata.Actor.Kind is Persona.System
        );
    }

    /// <summary>With the configuration read up to a version: the service may run meanwhile.</summary>
    private async Task<Alternative> AlternativeAsync(long version, CancellationToken ct)
    {
        if (Alternative is var read && read.Recorded.Last >= version)
            return read;
        await _reading.WaitAsync(ct);
        try
        {
            if (Alternative.Recorded.Last < version)
                Volatile.Write(ref _alternative, _alternativeOf(await ConfigurationAsync(_log, ct)));
            return Alternative.Recorded.Last >= version
                ? Alternative
                : throw new InvalidDataException(
                    $"An event was decided with version {version} of the configuration, which the ledger has not."
                );
        }
        finally
        {
            _reading.Release();
        }
    }

    private static async Task<ConfigurationHistory> ConfigurationAsync(ILog log, CancellationToken ct)
    {
        var events = new List<ConfigurationEvent>();
        while (true)
        {
            var page = await log.ReadStreamAsync(StreamNames.Configuration, events.Count, PageSize, ct);
            events.AddRange(page.Select(e => (ConfigurationEvent)WireNames.Read(e.Record)));
            if (page.Count < PageSize)
                return ConfigurationHistory.Of(events);
        }
    }
}
