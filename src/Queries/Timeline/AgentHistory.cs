using System.Globalization;
using System.Text.Json;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Queries.Timeline;

/// <summary>An event of an agent as the audit reads it.</summary>
/// <param name="Stored">As it is stored.</param>
/// <param name="Event">What it says.</param>
/// <param name="Metadata">Where it came from.</param>
public sealed record AuditedEvent(StoredEvent Stored, AgentEvent Event, EventMetadata Metadata)
{
    public long Version => Stored.Record.Version;

    /// <summary>The reason that was given; whatever is shown of it is taken from here.</summary>
    public ReasonAnswer? Reason { get; init; }

    /// <summary>The one place where the audit takes events apart.</summary>
    public static AuditedEvent Of(StoredEvent stored)
    {
        var metadata = LedgerJson.Read<EventMetadata>(stored.Record.Metadata);
        return new(stored, ((AgentEvent)WireNames.ReadData(stored.Record)) with { Rule = metadata.Rule }, metadata);
    }

    /// <summary>As the timeline shows it.</summary>
    /// <param name="explanation">The sentence.</param>
    /// <param name="inputs">What it was decided with, where it is a change of presence.</param>
    /// <param name="causes">What it comes from, nearest first.</param>
    public TimelineEntry ToEntry(string explanation, DecisionInputs? inputs, IReadOnlyList<AuditedEvent> causes)
    {
        var record = Stored.Record;
        var changed = Event as PresenceChanged;
        return new TimelineEntry(
            record.Version,
            Stored.Position.ToString(),
            record.EventId,
            WireNames.Short(record.Type),
            record.OccurredAt,
            record.RecordedAt,
            Metadata.Actor,
            Metadata.CausationId,
            Metadata.CorrelationId,
            Metadata.Client,
            Metadata.ConnectionId,
            Metadata.PolicyVersion,
            Reason,
            StandingStatusAnswer.Of(changed?.From),
            StandingStatusAnswer.Of(changed?.To),
            Metadata.Rule,
            explanation,
            InputsAnswer.Of(inputs, Metadata.PolicyVersion),
            new CausesAnswer([.. causes.Select(c => c.Version)], (causes.Count == 0 ? this : causes[^1]).ToCommand()),
            JsonElement.Parse(record.Data),
            Convert.ToHexStringLower(record.Hash)
        );
    }

    /// <summary>The command that it is of; null where nobody asked for it and its time had come.</summary>
    private CommandAnswer? ToCommand() =>
        Metadata.Actor.Kind is Persona.System
            ? null
            : new(Metadata.Actor, Metadata.CausationId, Metadata.CorrelationId, Metadata.Client, Metadata.ConnectionId, Reason);

    /// <summary>As an explanation needs it.</summary>
    public Recorded ToRecorded() =>
        new(Version, Event, Stored.Record.RecordedAt, Metadata.Actor, Metadata.Client, Metadata.ConnectionId, Reason?.Code, Reason?.Text);
}

/// <summary>The stream of an agent, for as long as one question about it is answered: what was read is not read again.</summary>
public sealed class AgentHistory(ILog log, Reasons reasons, string agentId, CancellationToken ct)
{
    /// <summary>Most of what an event comes from is right before it.</summary>
    private const int FewBefore = 32;
    private const int MostBefore = 1000;

    private readonly string _stream = StreamNames.Agent(agentId);
    private readonly Dictionary<long, AuditedEvent> _read = [];

    public string AgentId => agentId;

    /// <summary>Up to <paramref name="count"/> events from a version on.</summary>
    public async Task<IReadOnlyList<AuditedEvent>> ForwardsAsync(long from, int count) =>
        await KeepAsync(await log.ReadStreamAsync(_stream, from, count, ct));

    /// <summary>Those of up to <paramref name="count"/> events from a version on whose type is wanted, and the version of the last of all.</summary>
    public async Task<(IReadOnlyList<AuditedEvent> Events, long? Last)> ForwardsAsync(long from, int count, Predicate<string> type)
    {
        var page = await log.ReadStreamAsync(_stream, from, count, ct);
        return (await KeepAsync([.. page.Where(e => type(e.Record.Type))]), page.Count == 0 ? null : page[^1].Record.Version);
    }

    /// <summary>Up to <paramref name="count"/> events from a version on, downwards.</summary>
    public async Task<IReadOnlyList<AuditedEvent>> BackwardsAsync(long from, int count) =>
        await KeepAsync(await log.ReadStreamBackwardsAsync(_stream, from, count, ct));

    /// <summary>The newest event before a version for which something holds; null where there is none.</summary>
    public async Task<AuditedEvent?> LastBeforeAsync(long version, Func<long, AgentEvent, bool> holds)
    {
        var count = FewBefore;
        while (--version >= 0)
        {
            if (!_read.TryGetValue(version, out var e))
            {
                var page = await BackwardsAsync(version, count);
                e = page is [var newest, ..] && newest.Version == version ? newest : throw Missing(version);
                count = Math.Min(2 * count, MostBefore);
            }
            if (holds(version, e.Event))
                return e;
        }
        return null;
    }

    /// <summary>What an event comes from, nearest first, back to what a command asked for or time brought about.</summary>
    public async Task<IReadOnlyList<AuditedEvent>> CausesOfAsync(AuditedEvent e)
    {
        var causes = new List<AuditedEvent>();
        while (Cause.Of(e.Event) is { } isIt && await LastBeforeAsync(e.Version, isIt) is { } cause)
        {
            causes.Add(cause);
            e = cause;
        }
        return causes;
    }

    /// <summary>The state of the agent after a later version.</summary>
    public async Task<Agent> EvolveAsync(Agent agent, long version)
    {
        while (agent.Version < version)
        {
            if (!_read.TryGetValue(agent.Version + 1, out var e))
            {
                var page = await ForwardsAsync(agent.Version + 1, (int)Math.Min(MostBefore, version - agent.Version));
                e = page is [var next, ..] && next.Version == agent.Version + 1 ? next : throw Missing(agent.Version + 1);
            }
            agent = agent.Evolve(e.Event);
        }
        return agent;
    }

    private InvalidDataException Missing(long version) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{_stream}@{version} is missing."));

    private async Task<IReadOnlyList<AuditedEvent>> KeepAsync(IReadOnlyList<StoredEvent> page)
    {
        var read = page.Where(e => !_read.ContainsKey(e.Record.Version)).Select(AuditedEvent.Of).ToArray();
        var texts = await reasons.ReadAsync(read.Select(Given), ct);
        foreach (var e in read)
            _read[e.Version] = e with { Reason = texts.Of(Given(e)) };
        return [.. page.Select(e => _read[e.Record.Version])];

        GivenReason Given(AuditedEvent e) => new(agentId, e.Metadata.Reason, e.Stored.Record.OccurredAt);
    }
}
