using System.Collections.Immutable;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Naming;
using PresenceLedger.Domain.Reporting;

namespace PresenceLedger.Contracts;

/// <summary>Sign in, or add a connection.</summary>
public sealed record SignInBody : BodyWithReason
{
    /// <summary>The connection; made up where left out.</summary>
    public string? ConnectionId { get; init; }

    /// <summary>What the client calls itself.</summary>
    public string? Client { get; init; }

    public override IEnumerable<(string, string)> Errors()
    {
        if (ConnectionId is not null && !Identifier.IsValid(ConnectionId))
            yield return ("connectionId", Identifier.Rule);
        if (BodyChecks.Text(Client) is { } error)
            yield return ("client", error);
    }
}

/// <summary>A manual change.</summary>
public sealed record SetPresenceBody : BodyWithReason
{
    /// <summary>The status to set.</summary>
    public string? StatusId { get; init; }

    /// <summary>Until when it stands, at most 24 hours ahead; then capacity decides (MAN-6). Without an end where left out.</summary>
    public DateTimeOffset? Until { get; init; }

    public override IEnumerable<(string, string)> Errors()
    {
        if (!Identifier.IsValid(StatusId))
            yield return ("statusId", Identifier.Rule);
    }
}

/// <summary>What a conversation takes in wrap-up: <c>always-block</c>, <c>dont-block</c>, or <c>custom</c> with 30 to 3600 seconds.</summary>
public sealed record WrapUpBody(WrapUpPolicy Policy, double? Seconds = null);

/// <summary>A conversation to assign.</summary>
public sealed record AssignBody : BodyWithReason
{
    private const int MostProfiles = 50;
    private const int MostUnits = 1_000_000;

    public string? Channel { get; init; }
    public string? Queue { get; init; }
    public string? Workstream { get; init; }

    /// <summary>Capacity units it takes.</summary>
    public int Units { get; init; }

    /// <summary>Capacity profiles it takes an item of.</summary>
    public string[]? Profiles { get; init; }

    /// <summary>What it takes in wrap-up; <c>always-block</c> where left out.</summary>
    public WrapUpBody? WrapUp { get; init; }

    /// <summary>The channel accepts for the agent.</summary>
    public bool AutoAccept { get; init; }

    /// <summary>Who began it; <c>outbound</c> is an attempt of the agent's own, active at once (CAP-10).</summary>
    public Direction? Direction { get; init; }

    /// <summary>When the customer began to wait: at most 5 seconds ahead, for clocks differ a little, and at most a year ago.</summary>
    public DateTimeOffset? CreatedAt { get; init; }

    public override IEnumerable<(string, string)> Errors(DateTimeOffset now)
    {
        foreach (var error in Errors())
            yield return error;
        if (CreatedAt > now + Session.ClockTolerance || CreatedAt < now.AddYears(-1))
            yield return ("createdAt", "must be at most 5 seconds ahead and at most a year ago");
    }

    public override IEnumerable<(string, string)> Errors()
    {
        foreach (var (field, value) in new[] { ("channel", Channel), ("queue", Queue), ("workstream", Workstream) })
            if (value is not null && !Identifier.IsValid(value))
                yield return (field, Identifier.Rule);
        if (Units is < 0 or > MostUnits)
            yield return ("units", "must be 0 to 1000000");
        if (BodyChecks.Ids(Profiles, MostProfiles) is { } profiles)
            yield return ("profiles", profiles);
        if (WrapUp is { Policy: WrapUpPolicy.Custom } custom && custom.Seconds is not (>= 30 and <= 3600))
            yield return ("wrapUp.seconds", "must be 30 to 3600");
        if (WrapUp is { Policy: not WrapUpPolicy.Custom, Seconds: not null })
            yield return ("wrapUp.seconds", "goes with the policy custom only");
    }

    public Work ToWork() =>
        new(
            Channel,
            Queue,
            Workstream,
            Units,
            [.. (Profiles ?? []).Distinct(StringComparer.Ordinal)],
            WrapUp is { } wrapUp ? new WrapUp(wrapUp.Policy, wrapUp.Seconds) : Domain.Agents.WrapUp.Default,
            CreatedAt
        )
        {
            Direction = Direction is Domain.Agents.Direction.Outbound ? Direction : null,
        };
}

/// <summary>Where to transfer to: exactly one of the three.</summary>
public sealed record TransferBody : BodyWithReason
{
    public string? ToAgentId { get; init; }
    public string? ToQueue { get; init; }

    /// <summary>An external number or address.</summary>
    public string? External { get; init; }

    public override IEnumerable<(string, string)> Errors()
    {
        if (new[] { ToAgentId, ToQueue, External }.Count(t => t is not null) != 1)
            yield return ("body", "names exactly one of toAgentId, toQueue, external");
        if (ToAgentId is not null && !Identifier.IsValid(ToAgentId))
            yield return ("toAgentId", Identifier.Rule);
        if (ToQueue is not null && !Identifier.IsValid(ToQueue))
            yield return ("toQueue", Identifier.Rule);
        if (BodyChecks.Text(External) is { } error)
            yield return ("external", error);
    }
}

/// <summary>A forced release needs a reason.</summary>
public sealed record ForceReleaseBody : BodyWithReason
{
    public override IEnumerable<(string, string)> Errors()
    {
        if (string.IsNullOrWhiteSpace(Reason?.Code) && string.IsNullOrWhiteSpace(Reason?.Text))
            yield return ("reason", "is needed: a code, a text, or both");
    }
}

/// <summary>What the status should have been in a stretch of the past; why is needed.</summary>
public sealed record CorrectionBody : BodyWithReason
{
    /// <summary>From when on; at the agent's registration at the earliest.</summary>
    public DateTimeOffset? From { get; init; }

    /// <summary>Until when; now at the latest.</summary>
    public DateTimeOffset? To { get; init; }

    /// <summary>The status that it should have been.</summary>
    public string? StatusId { get; init; }

    public override IEnumerable<(string, string)> Errors()
    {
        if (From is null)
            yield return ("from", "is needed: an RFC 3339 instant");
        if (To is null)
            yield return ("to", "is needed: an RFC 3339 instant");
        if (From >= To)
            yield return ("to", "must be after from");
        if (!Identifier.IsValid(StatusId))
            yield return ("statusId", Identifier.Rule);
        if (string.IsNullOrWhiteSpace(Reason?.Code) && string.IsNullOrWhiteSpace(Reason?.Text))
            yield return ("reason", "is needed: a code, a text, or both");
    }
}

/// <summary>How to take part.</summary>
public sealed record ConsultBody : BodyWithReason
{
    public ConsultMode Mode { get; init; }
}

/// <summary>A skill of an agent.</summary>
public sealed record SkillBody(string Skill, string? Proficiency = null)
{
    /// <summary>The skills of an agent.</summary>
    public static IReadOnlyList<SkillBody> Of(Agent agent) => [.. agent.Settings.Skills.Select(s => new SkillBody(s.Name, s.Proficiency))];
}

/// <summary>A capacity profile of an agent.</summary>
public sealed record AgentProfileBody(string ProfileId, int? CustomLimit = null);

/// <summary>Register an agent or change the settings. What is left out stays as it is; null takes it away.</summary>
public sealed record AgentBody : BodyWithReason
{
    private const int Most = 100;

    /// <summary>The name to show. It is kept in the directory, never in the ledger (WHO-3).</summary>
    public string? DisplayName { get; init; }

    /// <summary>Default presence; <c>available</c> where null.</summary>
    public string? DefaultStatusId { get; init; }

    /// <summary>Total capacity units; null for none.</summary>
    public int? Units { get; init; }
    public AgentProfileBody[]? Profiles { get; init; }
    public string[]? Queues { get; init; }
    public SkillBody[]? Skills { get; init; }

    public override IEnumerable<(string, string)> Errors()
    {
        if (BodyChecks.Text(DisplayName) is { } name)
            yield return ("displayName", name);
        if (DefaultStatusId is not null && !Identifier.IsValid(DefaultStatusId))
            yield return ("defaultStatusId", Identifier.Rule);
        if (Units is < 0 or > 1_000_000)
            yield return ("units", "must be 0 to 1000000");
        if (BodyChecks.Ids(Profiles?.Select(p => p?.ProfileId), Most) is { } profiles)
            yield return ("profiles", profiles);
        else if (Profiles?.Any(p => p.CustomLimit is < 0 or > 1_000_000) == true)
            yield return ("profiles", "must have custom limits of 0 to 1000000, or none");
        if (BodyChecks.Ids(Queues, Most) is { } queues)
            yield return ("queues", queues);
        if (BodyChecks.Ids(Skills?.Select(s => s?.Skill), Most) is { } skills)
            yield return ("skills", skills);
        else if (Skills?.Any(s => BodyChecks.Text(s.Proficiency) is not null) == true)
            yield return ("skills", "must have proficiencies of at most 200 characters");
    }

    public Func<AgentSettings, AgentSettings> ToChange(Predicate<string> has) =>
        present =>
            present with
            {
                DefaultStatusId = has("defaultStatusId") ? DefaultStatusId : present.DefaultStatusId,
                Units = has("units") ? Units : present.Units,
                Profiles = has("profiles")
                    ? (Profiles ?? []).ToImmutableSortedDictionary(p => p.ProfileId, p => p.CustomLimit, StringComparer.Ordinal)
                    : present.Profiles,
                Queues = has("queues") ? [.. Queues ?? []] : present.Queues,
                Skills = has("skills") ? [.. (Skills ?? []).Select(s => new Skill(s.Skill, s.Proficiency))] : present.Skills,
            };
}

/// <summary>Signs of life from a gateway.</summary>
public sealed record HeartbeatsBody : BodyWithReason
{
    public HeartbeatBody[]? Heartbeats { get; init; }

    public override IEnumerable<(string, string)> Errors()
    {
        if (Heartbeats is null)
            yield return ("heartbeats", "is needed");
        else if (Heartbeats.Any(h => h is null || !Identifier.IsValid(h.AgentId) || !Identifier.IsValid(h.ConnectionId)))
            yield return ("heartbeats", "must each name an agentId and a connectionId; each " + Identifier.Rule);
    }
}

/// <summary>A sign of life of one connection.</summary>
public sealed record HeartbeatBody(string AgentId, string ConnectionId);

/// <summary>The connections of a batch that are none (CON-9): their clients sign in again.</summary>
public sealed record HeartbeatsAnswer(IReadOnlyList<HeartbeatBody> Unknown);
