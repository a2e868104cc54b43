using System.Collections.Immutable;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Policies;
using static PresenceLedger.Domain.Instants;

namespace PresenceLedger.Domain.WhatIf;

/// <summary>
/// What would have become of an agent. What came from outside is given to the decider again, each at its instant, with the other
/// configuration; what becomes due by itself is decided anew, in the order and at the instants at which it would have been noticed.
/// With the recorded configuration it leads to the recorded events.
/// </summary>
/// <param name="Begin">Index of the first recorded event of the window.</param>
/// <param name="End">Index after the last one.</param>
/// <param name="Events">The events of the window that would have been recorded instead.</param>
/// <param name="Refused">What would have been refused.</param>
public sealed record AgentReplay(int Begin, int End, ImmutableArray<ReplayedEvent> Events, ImmutableArray<RefusedFact> Refused)
{
    /// <summary>Replays a window. It begins with the agent as recorded; all of the agent's events tell what came from outside.</summary>
    /// <param name="agentId">The agent.</param>
    /// <param name="recorded">All events of the agent, those after the window too.</param>
    /// <param name="alternative">What would have been other, from the beginning of the window on.</param>
    /// <param name="from">Where the window begins.</param>
    /// <param name="to">Where it ends; not part of it.</param>
    public static AgentReplay Of(
        string agentId,
        IReadOnlyList<RecordedEvent> recorded,
        Alternative alternative,
        DateTimeOffset from,
        DateTimeOffset to
    ) => new Unfolding(agentId, recorded, alternative, from, to).Run();

    private sealed class Unfolding
    {
        private readonly string _agentId;
        private readonly IReadOnlyList<RecordedEvent> _recorded;
        private readonly Alternative _alternative;
        private readonly DateTimeOffset _from;
        private readonly DateTimeOffset _to;
        private readonly IReadOnlyList<Happening> _happenings;
        private readonly Silences _silences;
        private readonly List<ReplayedEvent> _events = [];
        private readonly List<RefusedFact> _refused = [];

        private Agent _asRecorded;
        private Agent _other;

        // Of the configuration, the newest that anything was decided with.
        private long _version;

        // Index of the happening that is next.
        private int _next;

        public Unfolding(
            string agentId,
            IReadOnlyList<RecordedEvent> recorded,
            Alternative alternative,
            DateTimeOffset from,
            DateTimeOffset to
        )
        {
            (_agentId, _recorded, _alternative, _from, _to) = (agentId, recorded, alternative, from, to);
            _happenings = Happening.Of(recorded);
            _silences = Silences.In(recorded, _happenings, alternative.Recorded);
            _asRecorded = _other = Agent.Unknown(agentId);
        }

        public AgentReplay Run()
        {
            var begin = 0;
            for (; begin < _recorded.Count && _recorded[begin].Event.OccurredAt < _from; begin++)
                _asRecorded = _asRecorded.Evolve(_recorded[begin].Event);
            // Nothing of what would have been other takes effect before the window.
            _other = _asRecorded.IsRegistered
                ? _asRecorded with
                {
                    LastOccurredAt = Later(_asRecorded.LastOccurredAt, _from),
                }
                : _asRecorded;
            _version = _alternative.Other.AsOf(_from).Version;
            while (_next < _happenings.Count && _happenings[_next].End <= begin)
                _next++;
            Configure(_from);

            var end = begin;
            for (; _next < _happenings.Count; _next++)
            {
                var happening = _happenings[_next];
                if (_recorded[end].Event.OccurredAt >= _to)
                    break;
                MoveTo(happening.ConfigurationVersion, happening.At);
                Happen(happening);
                for (; end < happening.End; end++)
                    _asRecorded = _asRecorded.Evolve(_recorded[end].Event);
            }
            var last = _to.AddMilliseconds(-1);
            MoveTo(_alternative.Other.AsOf(last).Version, last);
            Look(last, _version);

            while (end > begin && _recorded[end - 1].Event.OccurredAt >= _to)
                end--;
            return new AgentReplay(begin, end, [.. _events.TakeWhile(e => e.Event.OccurredAt < _to)], [.. _refused.Where(r => r.At < _to)]);
        }

        private void Happen(Happening happening)
        {
            var configuration = _alternative.Other.At(happening.ConfigurationVersion);
            var command = happening.Settings is { } settings
                ? new ConfigureAgent(_ => _alternative.SettingsOf(_agentId, settings, configuration))
                : happening.Command;
            var context = Context(happening.At, configuration, Signs(happening.At, happening.ConfigurationVersion, _next));
            var decision = AgentDecider.Decide(_other, command ?? new SettleDue(), context);
            if (decision.Refusal is { } refusal)
            {
                if (command is not null)
                    _refused.Add(new(happening.At, happening.First, _recorded[happening.First].Event, refusal));
                // Refused or not, somebody came by and saw what was due.
                decision = AgentDecider.Decide(_other, new SettleDue(), context);
            }
            Take(decision.Events, happening.RecordedAt, happening.ConfigurationVersion);
            if (happening.Told is { } told)
                Take(
                    [told with { OccurredAt = Later(happening.At, _other.LastOccurredAt) }],
                    happening.RecordedAt,
                    happening.ConfigurationVersion
                );
        }

        /// <summary>What the configuration went through up to a version: what was due by then was decided with the one before.</summary>
        private void MoveTo(long version, DateTimeOffset until)
        {
            while (_version < version)
            {
                var (before, after) = (_alternative.Other.At(_version), _alternative.Other.At(_version + 1));
                var at = Earlier(after.LastOccurredAt, until);
                if (!ReferenceEquals(before.Profiles, after.Profiles) || !before.Policy.Equals(after.Policy))
                    Look(at, _version);
                _version++;
                Configure(at);
            }
        }

        /// <summary>
        /// Records what has become due, as the service does a moment later. Where the ledger shows that something was noticed only after
        /// this instant, nothing is noticed before, for then it was decided with what came between.
        /// </summary>
        private void Look(DateTimeOffset at, long version)
        {
            if (!_other.IsRegistered || WasNoticedLater(at, version))
                return;
            var context = Context(at, _alternative.Other.At(version), Signs(at, version, _next - 1));
            Take(AgentDecider.Decide(_other, new SettleDue(), context).Events, at, version);
        }

        private bool WasNoticedLater(DateTimeOffset at, long version)
        {
            var others = _asRecorded with { Connections = _asRecorded.Connections.Clear() };
            return DueWork.NextAt(others, _alternative.Recorded.At(version), _alternative.Calendar) <= at
                || _asRecorded.Connections.Keys.Any(id =>
                    _silences.Of(id, _next) is { Noticed: not int.MaxValue } silence && silence.Deadline <= at
                );
        }

        /// <summary>Has the agent's settings be what they would have been, where they are not.</summary>
        private void Configure(DateTimeOffset at)
        {
            var configuration = _alternative.Other.At(_version);
            var settings = _alternative.SettingsOf(_agentId, _asRecorded.Settings, configuration);
            if (!_other.IsRegistered || settings.Equals(_other.Settings))
                return;
            var context = Context(at, configuration, Signs(at, _version, _next - 1));
            Take(AgentDecider.Decide(_other, new ConfigureAgent(_ => settings), context).Events, at, _version);
        }

        private AgentContext Context(DateTimeOffset at, Configuration configuration, Dictionary<string, SignOfLife> signs) =>
            new(at, configuration, signs, _alternative.Calendar);

        private void Take(ImmutableArray<AgentEvent> events, DateTimeOffset recordedAt, long version)
        {
            foreach (var e in events)
            {
                _events.Add(new ReplayedEvent(e, recordedAt, version));
                _other = _other.Evolve(e);
            }
        }

        /// <summary>What is known of the connections.</summary>
        /// <param name="now">The clock.</param>
        /// <param name="version">Version of the configuration.</param>
        /// <param name="noticed">Up to which happening the losses were noticed.</param>
        private Dictionary<string, SignOfLife> Signs(DateTimeOffset now, long version, int noticed)
        {
            var (recorded, other) = (_alternative.Recorded.At(version).Policy, _alternative.Other.At(version));
            var signs = new Dictionary<string, SignOfLife>(_other.Connections.Count, StringComparer.Ordinal);
            foreach (var (id, connection) in _other.Connections)
                signs[id] = SignOf(id, connection, now, noticed, recorded, other);
            return signs;
        }

        /// <summary>
        /// A connection lives where the ledger knows of no silence. A recorded loss is not before it was noticed: until then it was in
        /// doubt. With other times it may be due before the recorded one was; then nobody doubts it.
        /// </summary>
        private SignOfLife SignOf(
            string connectionId,
            Connection connection,
            DateTimeOffset now,
            int noticed,
            Policy recorded,
            Configuration other
        )
        {
            var alive = new SignOfLife(now, Later(now, connection.ClosingAt ?? now) + DueWork.Beyond);
            if (_silences.Of(connectionId, _next) is not { } silence || _next <= silence.After)
                return alive;
            if (silence.Noticed <= noticed)
                return silence.Sign;
            var timesAreTheSame =
                recorded.HeartbeatTimeout == other.Policy.HeartbeatTimeout && recorded.RefreshGrace == other.Policy.RefreshGrace;
            return timesAreTheSame || DueWork.LossOf(connectionId, connection, silence.Sign, other).At >= silence.Deadline
                ? alive
                : silence.Sign;
        }
    }
}
