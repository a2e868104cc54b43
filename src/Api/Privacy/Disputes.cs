using System.ComponentModel;
using System.Globalization;
using System.Text.Json.Serialization;
using Npgsql;
using PresenceLedger.Api.Agents;
using PresenceLedger.Api.Audit;
using PresenceLedger.Api.Http;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Projections;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Api.Privacy;

/// <summary>What an agent says against an entry of the own stream.</summary>
public sealed record DisputeBody : BodyWithReason
{
    /// <summary>Version of the entry, as the timeline shows it.</summary>
    public long? Version { get; init; }

    internal override IEnumerable<(string, string)> Errors()
    {
        if (Version is null)
            yield return ("version", "is needed: the version of the entry");
        if (string.IsNullOrWhiteSpace(Reason?.Text))
            yield return ("reason.text", "is needed: what is not right");
    }
}

/// <summary>The answer to a dispute.</summary>
public sealed record DisputeAnswerBody : BodyWithReason
{
    /// <summary>Whether the agent is right.</summary>
    public bool? Accepted { get; init; }

    internal override IEnumerable<(string, string)> Errors()
    {
        if (Accepted is null)
            yield return ("accepted", "is needed: true or false");
        if (string.IsNullOrWhiteSpace(Reason?.Code) && string.IsNullOrWhiteSpace(Reason?.Text))
            yield return ("reason", "is needed: a code, a text, or both");
    }
}

/// <summary>Disputes: raised by agents, answered by supervisors, listed.</summary>
internal static class Disputes
{
    private const string Tag = "Privacy";

    public static void Map(RouteGroupBuilder api, RouteGroupBuilder agent)
    {
        Command<DisputeEntry>(
            agent.MapPost(
                "/disputes",
                (HttpContext http, string agentId, Body<DisputeBody> body) =>
                    CommandEndpoint.SendAsync(http, agentId, body, b => new DisputeEntry(b.Version!.Value))
            ),
            "The agent disputes an entry of the own timeline, in words."
        );
        Command<AnswerDispute>(
            agent.MapPost(
                "/disputes/{version:long}/answer",
                (HttpContext http, string agentId, long version, Body<DisputeAnswerBody> body) =>
                    CommandEndpoint.SendAsync(
                        http,
                        agentId,
                        body,
                        b => new AnswerDispute(version, b.Accepted!.Value),
                        null,
                        RefusalCodes.DisputeUnknown
                    )
            ),
            "Answer the open dispute of an entry. What is to be put right is put right by a correction."
        );
        agent
            .MapGet("/disputes", OfAgentAsync)
            .Allow(Permissions.CheckAudit)
            .WithTags(Tag)
            .WithMetadata(new Paged())
            .WithSummary("The agent's disputes, by the version of the disputed entry.")
            .Produces<Page<DisputeItem>>()
            .ProducesProblems(403, 404);
        api.MapGet("/disputes", OfAllAsync)
            .Allow(Permissions.CheckDisputes)
            .WithTags(Tag)
            .WithMetadata(new Paged(), new ReadsYourWrites())
            .WithSummary("Disputes of all agents, the oldest first.")
            .Produces<Page<DisputeItem>>()
            .ProducesProblems(403, 503);
    }

    private static async Task<IResult> OfAgentAsync(
        HttpContext http,
        string agentId,
        AgentStreams agents,
        ILog log,
        Reasons reasons,
        [Description("Only those that await an answer (true), or only the others (false).")] string? open
    )
    {
        if (ReadOpen(open, out var isOpen) is { } bad)
            return bad;
        if (Paging.Read(http, out var paging) is { } badPage)
            return badPage;
        long? after = null;
        if (paging.After is { } cursor)
        {
            if (!long.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out var version))
                return Problems.Validation("cursor", "must be the 'next' of an earlier page");
            after = version;
        }
        var ct = http.RequestAborted;
        var agent = await agents.CurrentAsync(agentId, ct);
        if (!agent.IsRegistered)
            return Problems.Of(Refusal.AgentUnknown(agentId));
        var page = Of(agent, isOpen).Where(d => after is null || d.Version > after).Take(paging.Limit + 1).ToArray();
        var shown = page.Take(paging.Limit).ToArray();
        return Results.Json(
            new Page<DisputeItem>(await TellAsync(shown, log, reasons, ct))
            {
                Next = page.Length > shown.Length ? Paging.Cursor(shown[^1].Version.ToString(CultureInfo.InvariantCulture)) : null,
            },
            WireJson.Options
        );
    }

    private static async Task<IResult> OfAllAsync(
        HttpContext http,
        NpgsqlDataSource database,
        LatestAgents latest,
        ReadPosition position,
        ILog log,
        Reasons reasons,
        [Description("Only those that await an answer (true), or only the others (false).")] string? open
    )
    {
        if (ReadOpen(open, out var isOpen) is { } bad)
            return bad;
        if (Paging.Read(http, out var paging, text => PlaceOf(text) is not null) is { } badPage)
            return badPage;
        if (await ReadPositionHeaders.WaitAsync(http, position) is { } behind)
            return behind;
        var ct = http.RequestAborted;
        var read = await position.ReadAsync(ct);
        IReadOnlyList<OpenFacts> disputing;
        await using (var connection = await database.OpenConnectionAsync(ct))
            disputing = await latest.WhereAsync(connection, null, "disputing", [], ct);
        var after = PlaceOf(paging.After);
        var page = disputing
            .SelectMany(open => Of(open.Agent, isOpen))
            .Select(d => (Dispute: d, Place: (d.Dispute.RaisedAt.ToUnixTimeMilliseconds(), d.AgentId, d.Version)))
            .Where(d => after is null || Compare(d.Place, after.Value) > 0)
            .OrderBy(d => d.Place, Comparer<(long, string, long)>.Create(Compare))
            .Take(paging.Limit + 1)
            .ToArray();
        var shown = page.Take(paging.Limit).ToArray();
        ReadPositionHeaders.Set(http, read.Position);
        return Results.Json(
            new Page<DisputeItem>(await TellAsync(shown.Select(d => d.Dispute), log, reasons, ct))
            {
                Next = page.Length > shown.Length ? Paging.Cursor(TextOf(shown[^1].Place)) : null,
                AsOf = read.AsOf,
            },
            WireJson.Options
        );
    }

    /// <summary>The disputes of an agent, by version.</summary>
    private static IEnumerable<Disputed> Of(Agent agent, bool? isOpen) =>
        (agent.Disputes ?? Enumerable.Empty<KeyValuePair<long, Dispute>>())
            .Where(d => isOpen is null || isOpen == (d.Value.State is DisputeState.Open))
            .Select(d => new Disputed(agent.AgentId, d.Key, d.Value));

    /// <summary>With what was said, and by whom: three small reads for each.</summary>
    private static async Task<IReadOnlyList<DisputeItem>> TellAsync(
        IEnumerable<Disputed> disputes,
        ILog log,
        Reasons reasons,
        CancellationToken ct
    )
    {
        var told = new List<Told>();
        foreach (var one in disputes)
            told.Add(
                new Told(
                    one,
                    await EventAsync(one.AgentId, one.Version),
                    await EventAsync(one.AgentId, one.Dispute.RaisedBy),
                    one.Dispute.AnsweredBy is { } answer ? await EventAsync(one.AgentId, answer) : null
                )
            );
        var read = await reasons.ReadAsync(told.SelectMany(t => t.Reasons), ct);
        return [.. told.Select(t => t.Show(read))];

        async Task<EventRecord> EventAsync(string agentId, long version) =>
            (await log.ReadStreamAsync(StreamNames.Agent(agentId), version, 1, ct))[0].Record;
    }

    private static IResult? ReadOpen(string? text, out bool? isOpen)
    {
        isOpen = null;
        if (text is null)
            return null;
        if (!bool.TryParse(text, out var flag))
            return Problems.Validation("open", "must be true or false");
        isOpen = flag;
        return null;
    }

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

    private static void Command<TCommand>(RouteHandlerBuilder endpoint, string summary)
        where TCommand : AgentCommand => endpoint.IsCommand<TCommand>(Tag, summary);

    /// <summary>A dispute of an agent.</summary>
    private sealed record Disputed(string AgentId, long Version, Dispute Dispute);

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
                ActorAnswer.Of(_raised.Actor),
                Raised.OccurredAt,
                read.Of(OfRaised),
                _answered is null
                    ? null
                    : new DisputeSettled(
                        Of.Dispute.State is DisputeState.Accepted,
                        ActorAnswer.Of(_answered.Actor),
                        Answered!.OccurredAt,
                        read.Of(OfAnswer)
                    )
            );
    }
}

/// <summary>A dispute.</summary>
/// <param name="AgentId">Whose.</param>
/// <param name="Version">Version of the disputed entry.</param>
/// <param name="Type">Its type.</param>
/// <param name="OccurredAt">When it took effect.</param>
/// <param name="State">Where the dispute is.</param>
/// <param name="By">Who raised it.</param>
/// <param name="At">When.</param>
/// <param name="Reason">What is not right.</param>
/// <param name="Answer">The answer; left out while it is open.</param>
public sealed record DisputeItem(
    string AgentId,
    long Version,
    string Type,
    DateTimeOffset OccurredAt,
    DisputeState State,
    ActorAnswer By,
    DateTimeOffset At,
    ReasonAnswer? Reason,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] DisputeSettled? Answer
);

/// <summary>How a dispute was answered.</summary>
/// <param name="Accepted">Whether the agent was right.</param>
/// <param name="By">Who answered.</param>
/// <param name="At">When.</param>
/// <param name="Reason">Why.</param>
public sealed record DisputeSettled(bool Accepted, ActorAnswer By, DateTimeOffset At, ReasonAnswer? Reason);
