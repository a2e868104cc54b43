using System.Collections.Immutable;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger.Calendars;

namespace PresenceLedger.Domain.Tests.Properties;

/// <summary>One decision: what stood, what was asked, what it led to.</summary>
internal sealed record Turn(Agent Before, AgentCommand Command, AgentContext Context, Decision<AgentEvent> Decision, Agent After);

/// <summary>
/// A few agents who live through the steps of a history, in virtual time. Their connections send heartbeats until they fall
/// silent or close.
/// </summary>
internal sealed class World
{
    private readonly Dictionary<(string AgentId, string ConnectionId), SignOfLife> _signs = [];
    private readonly HashSet<(string AgentId, string ConnectionId)> _silent = [];
    private readonly Action<Turn> _watch;

    private World(Action<Turn> watch) => _watch = watch;

    public Configuration Configuration { get; private set; } = Configuration.Initial;

    /// <summary>What was configured, in order.</summary>
    public List<ConfigurationEvent> ConfigurationEvents { get; } = [];

    public DateTimeOffset Now { get; private set; } = Story.Start;

    public Dictionary<string, Agent> Agents { get; } = Histories.AgentIds.ToDictionary(id => id, Agent.Unknown, StringComparer.Ordinal);

    public Dictionary<string, List<AgentEvent>> Streams { get; } =
        Histories.AgentIds.ToDictionary(id => id, _ => new List<AgentEvent>(), StringComparer.Ordinal);

    /// <summary>Runs a history; every decision is shown to <paramref name="watch"/>.</summary>
    public static World Run(ImmutableArray<Step> history, Action<Turn>? watch = null)
    {
        var world = new World(watch ?? (_ => { }));
        foreach (var step in history)
            world.Take(step);
        return world;
    }

    public AgentContext ContextOf(string agentId) =>
        new(
            Now,
            Configuration,
            _signs.Where(s => s.Key.AgentId == agentId).ToDictionary(s => s.Key.ConnectionId, s => s.Value, StringComparer.Ordinal),
            TzdbCalendar.Instance
        );

    private void Take(Step step)
    {
        Now = Now.AddMilliseconds(step.Milliseconds);
        foreach (var agent in Agents.Values)
        foreach (var (id, connection) in agent.Connections)
            if (connection.ClosingAt is null && !_silent.Contains((agent.AgentId, id)))
                _signs[(agent.AgentId, id)] = new SignOfLife(Now, Now);
        switch (step.Happening)
        {
            case Happening.Asked asked:
                Ask(
                    step.AgentId,
                    asked.Command is SetPresence { Until: { } until } set ? set with { Until = Now + (until - Story.Start) } : asked.Command
                );
                break;
            case Happening.Configured configured:
                Configure(configured.Command);
                break;
            case Happening.Heartbeat heartbeat when Agents[step.AgentId].Connections.ContainsKey(heartbeat.ConnectionId):
                _signs[(step.AgentId, heartbeat.ConnectionId)] = new SignOfLife(Now, Now);
                break;
            case Happening.Silence silence:
                _silent.Add((step.AgentId, silence.ConnectionId));
                break;
            case Happening.Restart:
                foreach (var (key, sign) in _signs.ToList())
                    _signs[key] = sign with { CountsFrom = Now };
                break;
        }
    }

    private void Ask(string agentId, AgentCommand command)
    {
        var before = Agents[agentId];
        var context = ContextOf(agentId);
        var decision = AgentDecider.Decide(before, command, context);
        var after = decision.Events.Aggregate(before, (agent, e) => agent.Evolve(e));
        Agents[agentId] = after;
        Streams[agentId].AddRange(decision.Events);
        _watch(new Turn(before, command, context, decision, after));
        if (decision.Refusal is not null)
            return;

        foreach (var change in decision.Events.OfType<PresenceChanged>())
            Configure(new UseStatus(change.To.StatusId));
        if (command is SignIn signIn)
        {
            _signs[(agentId, signIn.ConnectionId)] = new SignOfLife(Now, Now);
            _silent.Remove((agentId, signIn.ConnectionId));
        }
        if (command is TransferConversation { ToAgentId: { } to } transfer)
            Ask(
                to,
                new AssignConversation(
                    transfer.ConversationId,
                    before.Conversations[transfer.ConversationId].Work.HandedOn(),
                    FromAgentId: agentId
                )
            );
    }

    private void Configure(ConfigurationCommand command)
    {
        var decision = ConfigurationDecider.Decide(Configuration, command, Now);
        ConfigurationEvents.AddRange(decision.Events);
        Configuration = decision.Events.Aggregate(Configuration, (c, e) => c.Evolve(e));
    }
}
