using System.Collections.Concurrent;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Queries.WhatIf;

/// <summary>The facts of one agent, folded from events as those of the reports are.</summary>
/// <param name="agentId">The agent.</param>
public sealed class FoldedFacts(string agentId)
{
    private static readonly ConcurrentDictionary<string, string> Envelopes = new(StringComparer.Ordinal);

    private readonly string _stream = StreamNames.Agent(agentId);
    private readonly ClosedFacts _closed = new();
    private FactsFold? _fold;
    private OpenFacts? _open;

    /// <summary>One more event.</summary>
    public void Add(AgentEvent e, DateTimeOffset recordedAt, Configuration configuration)
    {
        if (_fold is null || !ReferenceEquals(_fold.Configuration, configuration))
            _fold = new FactsFold(configuration);
        var version = (_open?.Agent.Version ?? -1) + 1;
        // Of the envelope, facts have but the rule and the actor; here nobody asks for the actor.
        var envelope = Envelopes.GetOrAdd(
            e.Rule ?? "",
            rule => LedgerJson.Write(new EventMetadata(Actor.Ledger, Guid.Empty, "", -1, rule.Length == 0 ? null : rule))
        );
        var record = new EventRecord(_stream, version, Guid.Empty, WireNames.Of(e), "", envelope, e.OccurredAt, recordedAt, []);
        _open = _fold.Apply(_open, record, e, _closed);
    }

    /// <summary>What goes on, to be gone on with in another way; what ended is left behind.</summary>
    public FoldedFacts GoOn() => new(agentId) { _fold = _fold, _open = _open };

    /// <summary>The facts; null where the agent was not registered.</summary>
    public AgentFacts? Facts =>
        _open is not { } open
            ? null
            : new AgentFacts
            {
                AgentId = agentId,
                Registered = open.Registered,
                Statuses = [.. _closed.Statuses.Select(f => f.Fact), open.Status],
                Logins = open.Login is { } login ? [.. _closed.Logins.Select(f => f.Fact), login] : [.. _closed.Logins.Select(f => f.Fact)],
                Sessions =
                [
                    .. _closed
                        .Sessions.Select(f => f.Fact)
                        .Concat(open.Sessions.Values)
                        .OrderBy(s => s.Assigned.At)
                        .ThenBy(s => s.Assigned.Version),
                ],
                Participations = [.. _closed.Participations.Select(f => f.Fact), .. open.Participations.Values],
                Capacity = [.. _closed.Capacity.Select(f => f.Fact), open.Capacity],
                Queues = [.. _closed.Queues.Select(f => f.Fact), open.Queues],
            };
}
