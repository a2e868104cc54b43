using System.Collections.Immutable;
using System.Globalization;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Domain.Tests.WhatIf;
using PresenceLedger.Domain.WhatIf;
using PresenceLedger.Ledger.Calendars;

namespace PresenceLedger.Domain.Tests;

/// <summary>
/// One agent, ana, in virtual time: given what went before, when a command comes, then these events and no others.
/// Times are from the start of the story, which is when ana is registered. Live connections send heartbeats until
/// <see cref="NetworkLost"/>.
/// </summary>
internal sealed class Story(string agentId = "ana")
{
    public static readonly DateTimeOffset Start = new(2026, 1, 5, 8, 0, 0, TimeSpan.Zero);

    private readonly Dictionary<string, SignOfLife> _signs = new(StringComparer.Ordinal);
    private readonly HashSet<string> _silent = new(StringComparer.Ordinal);
    private Decision<AgentEvent>? _decision;

    public Configuration Configuration { get; private set; } = Configuration.Initial;

    public Agent Agent { get; private set; } = Agent.Unknown(agentId);

    public DateTimeOffset Now { get; private set; } = Start;

    public List<AgentEvent> Recorded { get; } = [];

    /// <summary>The same as a ledger would have it.</summary>
    public List<RecordedEvent> Ledger { get; } = [];

    /// <summary>What was configured, in order.</summary>
    public List<ConfigurationEvent> ConfigurationLedger { get; } = [];

    public IReadOnlyDictionary<string, SignOfLife> Signs => _signs;

    public Story Policy(Func<Policy, Policy> change) => Configured(new ChangePolicy(change(Configuration.Policy)));

    public Story Status(string id, BaseStatus @base) => Configured(new DefineStatus(id, id, id, @base, null));

    public Story Retired(string id) => Configured(new RetireStatus(id));

    public Story Profile(string id, int limit, bool blocking = false, ProfileReset reset = ProfileReset.Immediate) =>
        Configured(new SetCapacityProfile(new CapacityProfile(id, id, limit, blocking, reset)));

    public Story Configured(ConfigurationCommand command)
    {
        var decision = ConfigurationDecider.Decide(Configuration, command, Now);
        Assert.Null(decision.Refusal);
        ConfigurationLedger.AddRange(decision.Events);
        Configuration = decision.Events.Aggregate(Configuration, (c, e) => c.Evolve(e));
        return this;
    }

    /// <summary>Registers ana with these settings; profiles as <c>voice</c>, or <c>voice:2</c> for a custom limit.</summary>
    public Story Ana(int? units = null, string? @default = null, params string[] profiles) =>
        Given(new ConfigureAgent(_ => Settings(units, @default, profiles)));

    public static AgentSettings Settings(int? units = null, string? @default = null, params string[] profiles) =>
        AgentSettings.None with
        {
            Units = units,
            DefaultStatusId = @default,
            Profiles = profiles
                .Select(p => p.Split(':'))
                .ToImmutableSortedDictionary(
                    p => p[0],
                    p => p.Length > 1 ? int.Parse(p[1], CultureInfo.InvariantCulture) : (int?)null,
                    StringComparer.Ordinal
                ),
        };

    /// <summary>The clock shows this, also where that is earlier than before.</summary>
    public Story At(string time) => AtInstant(Start + TimeSpan.Parse(time, CultureInfo.InvariantCulture));

    public Story AtInstant(DateTimeOffset instant)
    {
        Now = instant;
        foreach (var (id, connection) in Agent.Connections)
            if (connection.ClosingAt is null && !_silent.Contains(id))
                _signs[id] = new SignOfLife(Now, Now);
        return this;
    }

    /// <summary>The last sign of life of the connection is now.</summary>
    public Story NetworkLost(string connection = "main")
    {
        _signs[connection] = new SignOfLife(Now, Now);
        _silent.Add(connection);
        return this;
    }

    /// <summary>One heartbeat of a connection that is silent or closing.</summary>
    public Story Heartbeat(string connection = "main")
    {
        _signs[connection] = new SignOfLife(Now, Now);
        return this;
    }

    /// <summary>The server restarts: every connection gets a full timeout from now (CON-8).</summary>
    public Story ServerRestarted()
    {
        foreach (var id in Agent.Connections.Keys)
            _signs[id] = new SignOfLife(_signs.TryGetValue(id, out var sign) ? sign.LastSeenAt : Agent.Connections[id].OpenedAt, Now);
        return this;
    }

    public Story Given(params AgentCommand[] commands)
    {
        foreach (var command in commands)
        {
            When(command);
            Assert.Null(_decision!.Refusal);
        }
        return this;
    }

    public Story When(AgentCommand command)
    {
        if (command is SignIn signIn)
            _silent.Remove(signIn.ConnectionId);
        _decision = AgentDecider.Decide(Agent, command, new AgentContext(Now, Configuration, _signs, TzdbCalendar.Instance));
        Agent = _decision.Events.Aggregate(Agent, (a, e) => a.Evolve(e));
        Recorded.AddRange(_decision.Events);
        Ledger.AddRange(RecordedEvents.Of(_decision, Now, Configuration));
        return this;
    }

    /// <summary>Exactly these events, each as <see cref="Line"/> writes it.</summary>
    public Story Then(params string[] events)
    {
        Assert.Null(_decision!.Refusal);
        Assert.Equal(events, _decision.Events.Select(Line));
        return this;
    }

    public Story ThenNothing() => Then();

    public Story ThenAccepted()
    {
        Assert.Null(_decision!.Refusal);
        return this;
    }

    public Story ThenRefused(string code)
    {
        Assert.Equal(code, _decision!.Refusal?.Code);
        Assert.Empty(_decision.Events);
        return this;
    }

    /// <summary>How many of the events became due by themselves.</summary>
    public Story WithDue(int events)
    {
        Assert.Equal(events, _decision!.Due);
        return this;
    }

    public Story Stands(string statusId, Origin? origin = null, string? rule = null, string? since = null)
    {
        Assert.Equal(statusId, Agent.Status.StatusId);
        if (origin is not null)
            Assert.Equal(origin, Agent.Status.Origin);
        if (rule is not null)
            Assert.Equal(rule, Agent.Rule);
        if (since is not null)
            Assert.Equal(since, Time(Agent.Since));
        return this;
    }

    public Story And(Action<Agent> check)
    {
        check(Agent);
        return this;
    }

    public T Last<T>()
        where T : AgentEvent => Recorded.OfType<T>().Last();

    /// <summary>Time, name, what it is about, and the rule; a change of presence as <c>from -> to, origin, rule</c>.</summary>
    public static string Line(AgentEvent e) =>
        e switch
        {
            PresenceChanged p => $"{Time(p.OccurredAt)} {p.From.StatusId} -> {p.To.StatusId}, {p.To.Origin}, {p.Rule}",
            _ => string.Join(' ', new[] { Time(e.OccurredAt), e.GetType().Name, About(e), e.Rule }.Where(part => part is not null)),
        };

    private static string? About(AgentEvent e) =>
        e switch
        {
            ConversationEvent c => c.ConversationId,
            WrapUpBlockEnded w => w.ConversationId,
            AgentSignedIn { Returned: true } s => $"{s.ConnectionId} returned",
            AgentSignedIn s => s.ConnectionId,
            ConnectionOpened o => o.ConnectionId,
            ConnectionClosing c => c.ConnectionId,
            ConnectionLost l => $"{l.ConnectionId} {l.Cause}",
            ConsultJoined j => j.ConversationId,
            ConsultLeft l => l.ConversationId,
            ConsultEnded x => x.ConversationId,
            CapacityReset r => r.ProfileId,
            _ => null,
        };

    public static string Time(DateTimeOffset instant)
    {
        var time = instant - Start;
        return time.Milliseconds == 0 && time.Microseconds == 0
            ? time.ToString("c", CultureInfo.InvariantCulture)
            : time.ToString(@"hh\:mm\:ss\.FFFFFFF", CultureInfo.InvariantCulture);
    }
}
