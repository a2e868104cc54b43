using System.Globalization;
using Npgsql;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Projections;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Queries.Privacy;

/// <summary>Lists disputes.</summary>
public sealed class DisputeList(
    NpgsqlDataSource database,
    LatestAgents latest,
    ReadPosition position,
    AgentStreams agents,
    ILog log,
    Reasons reasons
)
{
    /// <summary>Whether a text is the cursor of a page of all disputes.</summary>
    public static bool IsCursor(string? text) => PlaceOf(text) is not null;

    /// <summary>The disputes of an agent, by the version of the disputed entry.</summary>
    /// <param name="agentId">The agent.</param>
    /// <param name="isOpen">Only those that await an answer, or only the others; null for all.</param>
    /// <param name="paging">Which part.</param>
    /// <param name="ct">Cancellation.</param>
    /// <exception cref="RefusedException">There is no such agent, or the cursor is of another list.</exception>
    public async Task<Page<DisputeItem>> OfAgentAsync(string agentId, bool? isOpen, Paging paging, CancellationToken ct)
    {
        var after = paging.AfterNumber;
        var agent = await agents.CurrentAsync(agentId, ct);
        if (!agent.IsRegistered)
            throw RefusedException.AgentUnknown(agentId);
        return await TellAsync(
            paging.Of(
                Of(agent, isOpen).Where(d => after is null || d.Version > after),
                d => d.Version.ToString(CultureInfo.InvariantCulture),
                d => d
            ),
            ct
        );
    }

    /// <summary>The disputes of all agents, the oldest first.</summary>
    public async Task<(Page<DisputeItem> Answer, ProjectionPosition Read)> OfAllAsync(bool? isOpen, Paging paging, CancellationToken ct)
    {
        var read = await position.ReadAsync(ct);
        IReadOnlyList<OpenFacts> disputing;
        await using (var connection = await database.OpenConnectionAsync(ct))
            disputing = await latest.WhereAsync(connection, null, "disputing", [], ct);
        var after = PlaceOf(paging.After);
        var rest = disputing
            .SelectMany(open => Of(open.Agent, isOpen))
            .Where(d => after is null || Compare(d.Place, after.Value) > 0)
            .OrderBy(d => d.Place, Comparer<(long, string, long)>.Create(Compare));
        var page = await TellAsync(paging.Of(rest, d => TextOf(d.Place), d => d), ct);
        return (page with { AsOf = read.AsOf }, read);
    }

    private static IEnumerable<Disputed> Of(Agent agent, bool? isOpen) =>
        (agent.Disputes ?? Enumerable.Empty<KeyValuePair<long, Dispute>>())
            .Where(d => isOpen is null || isOpen == (d.Value.State is DisputeState.Open))
            .Select(d => new Disputed(agent.AgentId, d.Key, d.Value));

    /// <summary>With what was said, and by whom: three small reads for each.</summary>
    private async Task<Page<DisputeItem>> TellAsync(Page<Disputed> disputes, CancellationToken ct)
    {
        var told = new List<Told>();
        foreach (var one in disputes.Items)
            told.Add(
                new Told(
                    one,
                    await EventAsync(one.AgentId, one.Version, ct),
                    await EventAsync(one.AgentId, one.Dispute.RaisedBy, ct),
                    one.Dispute.AnsweredBy is { } answer ? await EventAsync(one.AgentId, answer, ct) : null
                )
            );
        var read = await reasons.ReadAsync(told.SelectMany(t => t.Reasons), ct);
        return new Page<DisputeItem>([.. told.Select(t => t.Show(read))]) { Next = disputes.Next };
    }

    private async Task<EventRecord> EventAsync(string agentId, long version, CancellationToken ct) =>
        (await log.ReadStreamAsync(StreamNames.Agent(agentId), version, 1, ct))[0].Record;

    private static int Compare((long At, string AgentId, long Version) a, (long At, string AgentId, long Version) b) =>
        a.At != b.At ? a.At.CompareTo(b.At)
        : a.AgentId != b.AgentId ? string.CompareOrdinal(a.AgentId, b.AgentId)
        : a.Version.CompareTo(b.Version);

    private static string TextOf((long At, string AgentId, long Version) place) =>
        string.Create(CultureInfo.InvariantCulture, $"{place.At}:{place.Version}:{place.AgentId}");

    private static (long At, string AgentId, long Version)? PlaceOf(string? text) =>
        text?.Split(':', 3) is [var at, var version, { } agentId]
        && long.TryParse(at, NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds)
        && long.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? (milliseconds, agentId, number)
            : null;

    /// <summary>A dispute of an agent.</summary>
    private sealed record Disputed(string AgentId, long Version, Dispute Dispute)
    {
        public (long At, string AgentId, long Version) Place => (Dispute.RaisedAt.ToUnixTimeMilliseconds(), AgentId, Version);
    }

    /// <summary>A dispute with the events that it is about.</summary>
    private sealed record Told(Disputed Of, EventRecord Entry, EventRecord Raised, EventRecord? Answered)
    {
        private readonly EventMetadata _raised = LedgerJson.Read<EventMetadata>(Raised.Metadata);
        private readonly EventMetadata? _answered = Answered is null ? null : LedgerJson.Read<EventMetadata>(Answered.Metadata);

        public IEnumerable<GivenReason> Reasons => Answered is null ? [OfRaised] : [OfRaised, OfAnswer];

        private GivenReason OfRaised => new(Of.AgentId, _raised.Reason, Raised.OccurredAt);

        private GivenReason OfAnswer => new(Of.AgentId, _answered!.Reason, Answered!.OccurredAt);

        public DisputeItem Show(ReasonsRead read) =>
            new(
                Of.AgentId,
                Of.Version,
                WireNames.Short(Entry.Type),
                Entry.OccurredAt,
                Of.Dispute.State,
                _raised.Actor,
                Raised.OccurredAt,
                read.Of(OfRaised),
                _answered is null
                    ? null
                    : new DisputeSettled(
                        Of.Dispute.State is DisputeState.Accepted,
                        _answered.Actor,
                        Answered!.OccurredAt,
                        read.Of(OfAnswer)
                    )
            );
    }
}
