using System.Collections.Immutable;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Calendars;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.InMemory;
using PresenceLedger.Ledger.Reasons;
using YamlDotNet.RepresentationModel;

namespace PresenceLedger.Scenarios;

/// <summary>What a step led to, for people.</summary>
/// <param name="At">From the start of the scenario.</param>
/// <param name="What">What was done.</param>
/// <param name="Led">Status and rule of each agent the step is about.</param>
/// <param name="Failures">Expectations that do not hold; empty where all do.</param>
public sealed record StepOutcome(TimeSpan At, string What, string Led, IReadOnlyList<string> Failures);

/// <summary>
/// Runs one scenario in virtual time, through the same streams as the service, over a log in memory. Whatever becomes due
/// between two steps is settled in the order of its due time, as the service's worker does.
/// </summary>
public sealed class ScenarioRun : IDisposable
{
    private static readonly string[] Described = ["do", "agent", "conversation", "status", "profile", "connection", "to"];

    private readonly Scenario _scenario;
    private readonly Policy _policy;
    private readonly VirtualClock _clock;
    private readonly VirtualSigns _signs = new();
    private readonly InMemoryLog _log = new();
    private readonly InMemoryReasonTexts _texts = new();
    private readonly ConfigurationStream _configuration;
    private readonly AgentStreams _agents;
    private readonly SortedDictionary<string, Agent> _known = new(StringComparer.Ordinal);
    private int _commands;

    private ScenarioRun(Scenario scenario, Policy policy)
    {
        (_scenario, _policy) = (scenario, policy);
        _clock = new VirtualClock(scenario.Start);
        _configuration = new ConfigurationStream(_log, _texts, _clock, NullLogger<ConfigurationStream>.Instance);
        _agents = new AgentStreams(_log, new NoKeptStates(), _signs, _configuration, _texts, TzdbCalendar.Instance, _clock);
    }

    public void Dispose()
    {
        _agents.Dispose();
        _configuration.Dispose();
    }

    /// <summary>Runs a scenario; the outcome of each step, and of its durations at the end.</summary>
    /// <exception cref="ScenarioException">It cannot be run as it is written.</exception>
    public static async Task<IReadOnlyList<StepOutcome>> RunAsync(Scenario scenario) => (await RecordAsync(scenario)).Steps;

    /// <summary>Runs a scenario; the outcome of each step, and what it leaves: the log and the texts of reasons.</summary>
    /// <param name="scenario">The scenario.</param>
    /// <param name="policy">The policy where the scenario itself says nothing; the one out of the box where left out.</param>
    /// <exception cref="ScenarioException">It cannot be run as it is written.</exception>
    public static async Task<(IReadOnlyList<StepOutcome> Steps, ILog Log, IReasonTexts Texts)> RecordAsync(
        Scenario scenario,
        Policy? policy = null
    )
    {
        using var run = new ScenarioRun(scenario, policy ?? new Policy());
        try
        {
            scenario.Check();
            await run.PrepareAsync();
            var outcomes = new List<StepOutcome>();
            foreach (var node in scenario.Root.Sequence("steps"))
                outcomes.Add(await run.StepAsync(node as YamlMappingNode ?? throw node.Wrong("a step is a mapping")));
            if (await run.EndAsync() is { } end)
                outcomes.Add(end);
            return (outcomes, run._log, run._texts);
        }
        catch (ScenarioException e)
        {
            throw new ScenarioException($"{scenario.File}: {scenario.Name}: {e.Message}");
        }
    }

    private DateTimeOffset Now => _clock.GetUtcNow();

    private async Task PrepareAsync()
    {
        if (_scenario.Root.Map("policy") is { } policy)
            await ConfigureAsync(new ChangePolicy(Policies.Read(policy, _policy)));
        else if (_policy != new Policy())
            await ConfigureAsync(new ChangePolicy(_policy));
        foreach (var (id, node) in Entries("statuses"))
            await ConfigureAsync(ReadStatus(id, node));
        foreach (var (id, node) in Entries("profiles"))
            await ConfigureAsync(new SetCapacityProfile(Capacities.ReadProfile(id, node)));
        foreach (var (id, node) in Entries("agents"))
            if (await OnAgentAsync(id, new ConfigureAgent(s => Capacities.Read(node, s)), AdministratorOf(null)) is { } refused)
                throw new ScenarioException($"agent '{id}' cannot be registered: {refused.Detail}");

        async Task ConfigureAsync(ConfigurationCommand command)
        {
            if (await OnConfigurationAsync(command, AdministratorOf(null)) is { } refused)
                throw new ScenarioException(refused.Detail);
        }
    }

    private IEnumerable<(string Id, YamlMappingNode Node)> Entries(string section) =>
        _scenario
            .Root.Map(section)
            ?.Children.Select(c =>
                (
                    c.Key.Scalar(),
                    c.Value as YamlMappingNode
                        ?? (c.Value is YamlScalarNode { Value: null or "" } ? [] : throw c.Value.Wrong("a mapping is expected"))
                )
            )
        ?? [];

    private async Task<StepOutcome> StepAsync(YamlMappingNode step)
    {
        var at = (step.Node("at") ?? throw step.Wrong("a step needs 'at'")).Clock();
        if (_scenario.Start + at < Now)
            throw step.Wrong("steps are in order of 'at'");
        await SettleUntilAsync(_scenario.Start + at);
        _clock.MoveTo(_scenario.Start + at);

        var before = _log.Count;
        var refusal = await DoAsync(step);
        var failures = new List<string>();
        var error = step.Text("error");
        if (refusal?.Code != error)
            failures.Add(
                error is null
                    ? $"refused with {refusal!.Code}: {refusal.Detail}"
                    : $"expected the error {error}, got {refusal?.Code ?? "none"}"
            );
        if (refusal is not null && _log.Count != before)
            failures.Add("a refused command recorded something");

        await SettleUntilAsync(Now);
        if (step.Map("expect") is { } expect)
            foreach (var (agentId, expected) in expect.Children)
                failures.AddRange(await ExpectAsync(agentId.Scalar(), expected));

        var about = step.Map("expect")?.Children.Keys.Select(k => k.Scalar()) ?? [];
        if (step.Text("agent") is { } one && _known.ContainsKey(one))
            about = about.Prepend(one);
        var led = string.Join(", ", about.Distinct(StringComparer.Ordinal).Select(id => Show(Known(id, step))));
        return new StepOutcome(at, Describe(step, refusal), led, failures);
    }

    private async Task<StepOutcome?> EndAsync()
    {
        var durations = _scenario.Root.Map("durations");
        if (_scenario.Root.Node("end") is not { } endNode)
            return durations is null ? null : throw durations.Wrong("'durations' needs 'end'");
        var end = _scenario.Start + endNode.Clock();
        if (end < Now)
            throw endNode.Wrong("'end' is before the last step");
        await SettleUntilAsync(end);
        _clock.MoveTo(end);
        var failures = new List<string>();
        foreach (var (agentId, expected) in durations?.Children.ToArray() ?? [])
            failures.AddRange(
                await DurationsAsync(agentId.Scalar(), expected as YamlMappingNode ?? throw expected.Wrong("a mapping is expected"), end)
            );
        return new StepOutcome(endNode.Clock(), "end", "", failures);
    }

    private async Task<Refusal?> DoAsync(YamlMappingNode step)
    {
        var verb = step.Text("do") ?? throw step.Wrong("a step needs 'do'");
        switch (verb)
        {
            case "tick":
                return null;
            case "restart":
                _signs.Restart(Now);
                return null;
            case "policy":
                return await OnConfigurationAsync(
                    new ChangePolicy(Policies.Read(step, _configuration.Current.Policy)),
                    AdministratorOf(step)
                );
            case "retire-status":
                return await OnConfigurationAsync(new RetireStatus(Needed(step, "status")), AdministratorOf(step));
            case "define-status":
                return await OnConfigurationAsync(ReadStatus(Needed(step, "status"), step), AdministratorOf(step));
            case "define-profile":
                return await OnConfigurationAsync(
                    new SetCapacityProfile(Capacities.ReadProfile(Needed(step, "profile"), step)),
                    AdministratorOf(step)
                );
            case "reset-capacity":
                return await ResetCapacityAsync(Needed(step, "profile"), step);
        }

        var agentId = Needed(step, "agent");
        var connection = step.Text("connection") ?? "main";
        switch (verb)
        {
            case "lose-network":
                if (!Known(agentId, step).Connections.TryGetValue(connection, out var losing))
                    return Refusal.ConnectionUnknown(agentId, connection);
                _signs.Silence(agentId, connection, losing, Now);
                return null;
            case "heartbeat":
                if (!Known(agentId, step).Connections.ContainsKey(connection))
                    return Refusal.ConnectionUnknown(agentId, connection);
                _signs.Heard(agentId, connection, Now);
                return null;
            case "configure" when !_known.ContainsKey(agentId):
                return Permissions.Check<ConfigureAgent>(ActorOf(step, Persona.Administrator), agentId) ?? Refusal.AgentUnknown(agentId);
            case "sign-in":
                var refusal = await OnAgentAsync(agentId, new SignIn(connection, null), ActorOf(step, Persona.Agent));
                if (refusal is null)
                    _signs.Heard(agentId, connection, Now);
                return refusal;
        }
        var (command, persona) = Command(verb, step, agentId, connection);
        return await OnAgentAsync(agentId, command, ActorOf(step, persona), step.Text("reason"));
    }

    private (AgentCommand Command, Persona By) Command(string verb, YamlMappingNode step, string agentId, string connection)
    {
        string Conversation() => Needed(step, "conversation");
        (AgentCommand, Persona) Move(ConversationVerb v, Persona by = Persona.Service) => (new MoveConversation(Conversation(), v), by);
        return verb switch
        {
            "sign-out" => (new SignOut(), Persona.Agent),
            "close-connection" => (new CloseConnection(connection), Persona.Agent),
            "set" => (
                new SetPresence(Needed(step, "status"), step.Node("until") is { } until ? _scenario.Start + until.Clock() : null),
                Persona.Agent
            ),
            "reset" => (new ResetPresence(), Persona.Agent),
            "assign" => (new AssignConversation(Conversation(), ReadWork(step), step.Node("autoAccept")?.Flag() ?? false), Persona.Service),
            "accept" => Move(ConversationVerb.Accept, Persona.Agent),
            "reject" => Move(ConversationVerb.Reject, Persona.Agent),
            "miss" => Move(ConversationVerb.Miss),
            "undelivered" => Move(ConversationVerb.Undelivered),
            "wait" => Move(ConversationVerb.Wait),
            "resume" => Move(ConversationVerb.Resume),
            "wrap-up" => Move(ConversationVerb.WrapUp),
            "close" => Move(ConversationVerb.Close),
            "release" => Move(ConversationVerb.Release),
            "activity" => Move(ConversationVerb.Activity),
            "transfer" => (
                step.Text("to") is { } to
                    ? new TransferConversation(Conversation(), to, null, null)
                    : new TransferConversation(Conversation(), null, step.Text("queue") ?? "queue", null),
                Persona.Service
            ),
            "force-release" => (new ForceReleaseConversation(Conversation()), Persona.Supervisor),
            "join-consult" => (
                new JoinConsult(Conversation(), step.Node("mode")?.Enumeration<ConsultMode>() ?? ConsultMode.Consult),
                Persona.Agent
            ),
            "leave-consult" => (new LeaveConsult(Conversation()), Persona.Agent),
            "configure" => (new ConfigureAgent(s => Capacities.Read(step, s)), Persona.Administrator),
            _ => throw step.Wrong($"'{verb}' is not a verb of scenarios"),
        };
    }

    private async Task<Refusal?> ResetCapacityAsync(string profileId, YamlMappingNode step)
    {
        if (Permissions.CheckReset(AdministratorOf(step), _configuration.Current, profileId) is { } refused)
            return refused;
        foreach (
            var agent in _known
                .Values.Where(a => a.Settings.Profiles.ContainsKey(profileId) || a.DayCounts.ContainsKey(profileId))
                .ToArray()
        )
            if (await OnAgentAsync(agent.AgentId, new ResetCapacity(profileId), AdministratorOf(step)) is { } refusal)
                return refusal;
        return null;
    }

    /// <summary>Fires what becomes due up to an instant, soonest first, at its own time.</summary>
    private async Task SettleUntilAsync(DateTimeOffset until)
    {
        while (true)
        {
            var next = _known
                .Values.Select(agent =>
                    (
                        agent.AgentId,
                        At: DueWork
                            .Of(agent, _configuration.Current, _signs.Of(agent, _configuration.Current, until), TzdbCalendar.Instance)
                            .Select(d => (DateTimeOffset?)d.At)
                            .FirstOrDefault()
                    )
                )
                .Where(d => d.At <= until)
                .OrderBy(d => d.At)
                .ThenBy(d => d.AgentId, StringComparer.Ordinal)
                .FirstOrDefault();
            if (next.AgentId is null)
                return;
            _clock.MoveTo(next.At!.Value);
            await OnAgentAsync(next.AgentId, new SettleDue(), Actor.Ledger);
        }
    }

    private async Task<Refusal?> OnAgentAsync(string agentId, AgentCommand command, Actor actor, string? reason = null)
    {
        var envelope = Envelope(actor) with { Reason = reason is null ? null : new Reason(null, reason) };
        var outcome = await _agents.HandleAsync(agentId, command, envelope, answer: null, CancellationToken.None);
        switch (outcome)
        {
            case AgentAccepted accepted:
                _known[agentId] = accepted.Agent;
                if (command is TransferConversation { ToAgentId: { } to })
                    _known[to] = await _agents.KnownAsync(to, CancellationToken.None);
                return null;
            case CommandOutcome.Refused refused:
                return refused.Refusal;
            default:
                throw new InvalidOperationException($"{outcome} does not come up in scenarios.");
        }
    }

    private async Task<Refusal?> OnConfigurationAsync(ConfigurationCommand command, Actor actor)
    {
        var outcome = await _configuration.HandleAsync(command, Envelope(actor), answer: null, CancellationToken.None);
        return (outcome as CommandOutcome.Refused)?.Refusal;
    }

    /// <summary>Ids in order, so that a scenario gives the same ledger every time.</summary>
    private CommandEnvelope Envelope(Actor actor)
    {
        var id = new Guid(++_commands, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0]);
        return new CommandEnvelope(actor, id, id.ToString("N"));
    }

    private static Actor AdministratorOf(YamlMappingNode? step) =>
        step?.Text("by") is { } by ? ReadActor(by, null) : new Actor(Persona.Administrator, "scenario");

    /// <summary>Who does it: <c>by</c> as KIND:ID, as the agent's own id or a supervisor's; else who usually does.</summary>
    private static Actor ActorOf(YamlMappingNode step, Persona usual)
    {
        var agentId = Needed(step, "agent");
        return step.Text("by") is { } by ? ReadActor(by, agentId)
            : usual is Persona.Agent ? new Actor(Persona.Agent, agentId)
            : new Actor(usual, "scenario");
    }

    private static Actor ReadActor(string by, string? agentId)
    {
        var colon = by.IndexOf(':', StringComparison.Ordinal);
        if (colon > 0 && Enum.TryParse<Persona>(by[..colon], ignoreCase: true, out var persona))
            return new Actor(persona, by[(colon + 1)..]);
        return by == agentId ? new Actor(Persona.Agent, by) : new Actor(Persona.Supervisor, by);
    }

    private Agent Known(string agentId, YamlNode node) =>
        _known.TryGetValue(agentId, out var agent) ? agent : throw node.Wrong($"there is no agent '{agentId}'");

    private async Task<IEnumerable<string>> ExpectAsync(string agentId, YamlNode expected)
    {
        var agent = Known(agentId, expected);
        if (expected is YamlScalarNode scalar)
            return Same(agentId, "status", scalar.Scalar(), agent.Status.StatusId);
        var failures = new List<string>();
        foreach (var (key, value) in (expected as YamlMappingNode ?? throw expected.Wrong("a status or a mapping is expected")).Children)
            failures.AddRange(Same(agentId, key.Scalar(), Expected(key.Scalar(), value), await ActualAsync(agent, key, value)));
        return failures;
    }

    private string Expected(string key, YamlNode value) =>
        key switch
        {
            "since" => FromStart(_scenario.Start + value.Clock()),
            "until" => value.Scalar() is "none" ? "none" : FromStart(_scenario.Start + value.Clock()),
            "flags" => string.Join(
                ", ",
                List(value).Select(c => c.Scalar()).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)
            ),
            "sticky" or "signedIn" => value.Flag() ? "true" : "false",
            "diagnostics" => string.Join(", ", List(value).Select(c => c.Scalar())),
            _ => value.Scalar(),
        };

    private static YamlSequenceNode List(YamlNode value) => value as YamlSequenceNode ?? throw value.Wrong("a list is expected");

    private async Task<string> ActualAsync(Agent agent, YamlNode key, YamlNode value)
    {
        var culture = CultureInfo.InvariantCulture;
        switch (key.Scalar())
        {
            case "status":
                return agent.Status.StatusId;
            case "base":
                return Kebab(agent.Status.Base);
            case "origin":
                return Kebab(agent.Status.Origin);
            case "sticky":
                return agent.Status.Sticky ? "true" : "false";
            case "rule":
                return agent.Rule ?? "";
            case "since":
                return FromStart(agent.Since);
            case "until":
                return agent.Status.Until is { } until ? FromStart(until) : "none";
            case "flags":
                var flags = Flags.Of(agent, _configuration.Current.Policy, Now).Select(f => f.Flag);
                if (ConflictsOf(agent).Length > 0)
                    flags = flags.Append(ConversationFlag.Conflict);
                return string.Join(", ", flags.Select(Kebab).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
            case "signedIn":
                return agent.SignedIn ? "true" : "false";
            case "unitsUsed":
                return agent.UnitsUsed.ToString(culture);
            case "openConversations":
                return agent.Conversations.Count.ToString(culture);
            case "connections":
                return agent.Connections.Count.ToString(culture);
            case "events":
                return (agent.Version + 1).ToString(culture);
            case "lastEvent":
                var last = await _log.ReadStreamBackwardsAsync(StreamNames.Agent(agent.AgentId), long.MaxValue, 1, CancellationToken.None);
                return WireNames.Short(last[0].Record.Type);
            case "actor":
                var events = await _log.ReadStreamBackwardsAsync(
                    StreamNames.Agent(agent.AgentId),
                    long.MaxValue,
                    int.MaxValue,
                    CancellationToken.None
                );
                var change = events.FirstOrDefault(e => WireNames.Short(e.Record.Type) == "presence-changed");
                return change is null ? "" : LedgerJson.Read<EventMetadata>(change.Record.Metadata).Actor.ToString();
            case "diagnostics":
                var failing = Prerequisites
                    .Of(agent, _configuration.Current, _signs.Of(agent, _configuration.Current, Now), ConflictsOf(agent), id => id, Now)
                    .Where(p => !p.Passes);
                return string.Join(", ", failing.Select(p => p.Check));
            case var other:
                throw value.Wrong($"'{other}' cannot be expected");
        }
    }

    private ImmutableArray<Conflict> ConflictsOf(Agent agent) => Flags.Conflicts(_known.Values).GetValueOrDefault(agent.AgentId, []);

    private string FromStart(DateTimeOffset instant) => ScenarioCommand.Clock(instant - _scenario.Start);

    private static IEnumerable<string> Same(string agentId, string what, string expected, string actual) =>
        expected == actual
            ? []
            :
            [
                $"{agentId}: expected {what} {(expected.Length == 0 ? "(none)" : expected)}, got {(actual.Length == 0 ? "(none)" : actual)}",
            ];

    private async Task<IEnumerable<string>> DurationsAsync(string agentId, YamlMappingNode expected, DateTimeOffset end)
    {
        Known(agentId, expected);
        var seconds = new SortedDictionary<string, decimal>(StringComparer.Ordinal);
        var status = StandingStatus.NotConnected.StatusId;
        var since = _scenario.Start;
        foreach (var stored in await _log.ReadStreamAsync(StreamNames.Agent(agentId), 0, int.MaxValue, CancellationToken.None))
            if (WireNames.Read(stored.Record) is PresenceChanged changed)
            {
                Add(changed.OccurredAt);
                status = changed.To.StatusId;
                since = changed.OccurredAt;
            }
        Add(end);

        var failures = new List<string>();
        foreach (var id in seconds.Keys.Union(expected.Children.Keys.Select(k => k.Scalar()), StringComparer.Ordinal))
        {
            var actual = seconds.GetValueOrDefault(id);
            var wanted = expected.Node(id) is { } node ? (decimal)node.Number() : 0;
            if (actual != wanted)
                failures.Add(string.Create(CultureInfo.InvariantCulture, $"{agentId}: expected {wanted} s {id}, got {actual} s"));
        }
        // TIM-2: whatever was expected, the statuses of an agent partition time.
        if (seconds.Values.Sum() != (decimal)(end - _scenario.Start).TotalSeconds)
            failures.Add($"{agentId}: the durations do not add up to the end");
        return failures;

        void Add(DateTimeOffset until)
        {
            if (until > since)
                seconds[status] = seconds.GetValueOrDefault(status) + (decimal)(until - since).Ticks / TimeSpan.TicksPerSecond;
        }
    }

    private static Work ReadWork(YamlMappingNode step)
    {
        var wrapUp = WrapUp.Default;
        if (step.Node("wrapUp") is { } node)
            wrapUp = node.Scalar() switch
            {
                "always-block" => WrapUp.Default,
                "dont-block" => new WrapUp(WrapUpPolicy.DontBlock),
                _ => new WrapUp(WrapUpPolicy.Custom, node.Number()),
            };
        return new Work(
            step.Text("channel"),
            step.Text("queue"),
            null,
            step.Node("units")?.Whole() ?? 0,
            [.. step.Sequence("profiles").Select(p => p.Scalar()).Distinct(StringComparer.Ordinal)],
            wrapUp,
            null
        )
        {
            Direction = step.Node("direction")?.Enumeration<Direction>() is Direction.Outbound ? Direction.Outbound : null,
        };
    }

    private static DefineStatus ReadStatus(string id, YamlMappingNode node) =>
        new(
            id,
            node.Text("name") ?? node.Text("text") ?? id,
            node.Text("text") ?? id,
            (node.Node("base") ?? throw node.Wrong("a status needs 'base'")).Enumeration<BaseStatus>(),
            node.Text("description")
        );

    private static string Needed(YamlMappingNode step, string key) => step.Text(key) ?? throw step.Wrong($"this step needs '{key}'");

    private static string Kebab<TEnum>(TEnum value)
        where TEnum : struct, Enum => System.Text.Json.JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString());

    private static string Show(Agent agent) => $"{agent.AgentId}: {agent.Status.StatusId} ({agent.Rule ?? "registered"})";

    private static string Describe(YamlMappingNode step, Refusal? refusal)
    {
        var words = Described.Select(k => step.Text(k)).OfType<string>();
        return string.Join(' ', words) + (refusal is null ? "" : $" → {refusal.Code}");
    }
}
