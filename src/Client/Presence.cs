namespace PresenceLedger.Client;

/// <summary>The presence of an agent. Words of fixed sets are strings, so that a newer service may say new ones.</summary>
public sealed record Presence
{
    public string AgentId { get; init; } = "";

    /// <summary>Version of the agent's last event; what <see cref="CommandOptions.IfMatch"/> compares.</summary>
    public long Version { get; init; }

    /// <summary>The status, such as <c>available</c> or one of the catalogue's own.</summary>
    public string StatusId { get; init; } = "";

    /// <summary>The status as it is shown.</summary>
    public string StatusText { get; init; } = "";

    /// <summary><c>available</c>, <c>busy</c>, <c>do-not-disturb</c>, <c>away</c> or <c>offline</c>.</summary>
    public string Base { get; init; } = "";

    /// <summary>Why it stands: <c>manual</c>, <c>default</c>, <c>capacity</c>, <c>notification</c> or <c>connection</c>.</summary>
    public string Origin { get; init; } = "";

    /// <summary>The rule of the last change, such as <c>CAP-3</c>; null before the first.</summary>
    public string? Rule { get; init; }

    /// <summary>Capacity does not change it.</summary>
    public bool Sticky { get; init; }

    /// <summary>Since when the status stands.</summary>
    public DateTimeOffset Since { get; init; }

    /// <summary>Until when it stands, where it was set by hand with an end; then capacity decides. Null elsewhere.</summary>
    public DateTimeOffset? Until { get; init; }

    public bool SignedIn { get; init; }

    /// <summary>How many connections live.</summary>
    public int Connections { get; init; }

    public Capacity Capacity { get; init; } = new();

    /// <summary>Open conversations, the first assigned first.</summary>
    public IReadOnlyList<Conversation> Conversations { get; init; } = [];

    /// <summary>Consults and monitors that are on.</summary>
    public IReadOnlyList<Consult> Consults { get; init; } = [];

    /// <summary>Up to which instant the answer to a query is complete; null elsewhere.</summary>
    public DateTimeOffset? AsOf { get; init; }
}

/// <summary>Capacity in use.</summary>
public sealed record Capacity
{
    /// <summary>Null where no units are configured.</summary>
    public CapacityUnits? Units { get; init; }

    public IReadOnlyList<CapacityProfile> Profiles { get; init; } = [];
}

/// <summary>Capacity units; <paramref name="Available"/> is negative where more is assigned than there is.</summary>
public sealed record CapacityUnits(int Total, int Used, int Available);

/// <summary>One capacity profile of the agent, in items.</summary>
/// <param name="ProfileId">The profile.</param>
/// <param name="Limit">How many it takes.</param>
/// <param name="Used">How many it has.</param>
/// <param name="Available">The rest; negative where more is assigned than there is.</param>
/// <param name="Blocking">At its limit the agent gets no other work either.</param>
/// <param name="CustomLimit">The limit is the agent's own.</param>
public sealed record CapacityProfile(string ProfileId, int Limit, int Used, int Available, bool Blocking, bool CustomLimit);

/// <summary>An open conversation.</summary>
public sealed record Conversation
{
    public string ConversationId { get; init; } = "";

    /// <summary><c>assigned</c> (awaiting acceptance), <c>active</c>, <c>waiting</c> or <c>wrap-up</c>.</summary>
    public string State { get; init; } = "";

    public string? Channel { get; init; }

    public string? Queue { get; init; }

    public string? Workstream { get; init; }

    /// <summary>Capacity units it takes.</summary>
    public int Units { get; init; }

    /// <summary>Capacity profiles it takes an item of.</summary>
    public IReadOnlyList<string> Profiles { get; init; } = [];

    /// <summary>It takes capacity now.</summary>
    public bool HoldsCapacity { get; init; }

    /// <summary>Since when it is in its state.</summary>
    public DateTimeOffset Since { get; init; }

    public DateTimeOffset AssignedAt { get; init; }

    /// <summary>When a wrap-up stops taking capacity by itself; null where it does not.</summary>
    public DateTimeOffset? WrapUpBlockEndsAt { get; init; }

    /// <summary><c>inbound</c> or <c>outbound</c>.</summary>
    public string Direction { get; init; } = "inbound";
}

/// <summary>A consult or monitor that is on.</summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="Mode"><c>consult</c> or <c>monitor</c>.</param>
/// <param name="Since">When the agent joined.</param>
public sealed record Consult(string ConversationId, string Mode, DateTimeOffset Since);
