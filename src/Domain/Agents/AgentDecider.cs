using System.Collections.Immutable;
using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Statuses;
using static PresenceLedger.Domain.Instants;

namespace PresenceLedger.Domain.Agents;

/// <summary>
/// Decides commands on one agent. Pure: the same state, command and context give the same events. What has become due by
/// itself is decided first, each thing at the instant at which it was due, so that it does not matter when somebody notices.
/// Commands that repeat what already holds are no-ops (CAP-13, MAN-5).
/// </summary>
public static class AgentDecider
{
    /// <summary>How often at most a sign of life of a conversation becomes an event (STK-1).</summary>
    public static readonly TimeSpan ActivityInterval = TimeSpan.FromMinutes(1);

    /// <summary>How far ahead a manual change may say until when it stands (MAN-6).</summary>
    public static readonly TimeSpan LongestUntil = TimeSpan.FromHours(24);

    /// <summary>The events of a command, those that were due before it first, or why it is refused.</summary>
    public static Decision<AgentEvent> Decide(Agent agent, AgentCommand command, AgentContext context)
    {
        var unfolding = new Unfolding(
            agent,
            context with
            {
                Now = context.Now.ToMillisecond(),
                NoticedAt = context.NoticedAt.ToMillisecond(),
            }
        );
        unfolding.Settle();
        var due = unfolding.Events.Count;
        var refusal = unfolding.Handle(command);
        return refusal is null ? new([.. unfolding.Events], null) { Due = due } : new([], refusal);
    }

    /// <summary>The state as it unfolds within one decision.</summary>
    private sealed class Unfolding(Agent agent, AgentContext context)
    {
        private readonly Configuration _configuration = context.Configuration;
        private Agent _agent = agent;
        private DateTimeOffset _at = Later(context.Now, agent.LastOccurredAt);

        public List<AgentEvent> Events { get; } = [];

        private DateTimeOffset Now => Later(context.Now, _agent.LastOccurredAt);

        /// <summary>Version of the event recorded last: what a change of presence follows from.</summary>
        private long Latest => _agent.Version;

        public void Settle()
        {
            while (
                DueWork.Of(_agent, _configuration, context.SignsOfLife, context.Calendar).FirstOrDefault() is { } due
                && due.At <= context.Now
                && _agent.IsRegistered
            )
            {
                _at = Later(due.At, _agent.LastOccurredAt);
                switch (due)
                {
                    case DueWork.WrapUpEnd end:
                        Record(new WrapUpBlockEnded(end.ConversationId, end.At, context.NoticedAt) { Rule = Rules.Wrp3 });
                        CapacityDecides(Latest);
                        break;
                    case DueWork.DayEnd end:
                        GiveBack(end.ProfileId, _agent.DayCounts[end.ProfileId].Items);
                        break;
                    case DueWork.ManualEnd:
                        ByCapacity(_agent.ChangedBy, Rules.Man6);
                        break;
                    case DueWork.ConsultEnd end:
                        Record(new ConsultEnded(end.ConversationId, end.EndedAt) { Rule = Rules.Cns2 });
                        break;
                    case DueWork.Loss loss:
                        Lose(loss);
                        break;
                }
            }
            _at = Now;
        }

        public Refusal? Handle(AgentCommand command)
        {
            // What makes no sense is refused before anything is looked up.
            if (command is SetPresence { Until: { } until } && (until <= context.Now || until > context.Now + LongestUntil))
                return new(RefusalCodes.Validation, "A manual status can stand until an instant ahead, at most 24 hours from now (MAN-6).")
                {
                    Field = "until",
                };
            if (!_agent.IsRegistered && command is not ConfigureAgent)
                return Refusal.AgentUnknown(_agent.AgentId);
            if (!_agent.SignedIn && NeedsSignIn(command))
                return new(RefusalCodes.AgentNotSignedIn, $"Agent '{_agent.AgentId}' is not signed in (SGN-6). Sign in first.");

            return command switch
            {
                ConfigureAgent c => Configure(c),
                SignIn c => Arrive(c),
                SignOut => Depart(),
                CloseConnection c => Close(c),
                SetPresence c => Set(c),
                ResetPresence => Reset(),
                AssignConversation c => Assign(c),
                MoveConversation c => Move(c),
                TransferConversation c => Transfer(c),
                HandOver c => LetGo(c),
                ForceReleaseConversation c => OnConversation(
                    c.ConversationId,
                    _ => End(new ConversationForceReleased(c.ConversationId) { Rule = Rules.Stk2 })
                ),
                CorrectPresence c => Correct(c),
                DisputeEntry c => Raise(c),
                AnswerDispute c => Answer(c),
                ErasePerson => Erase(),
                JoinConsult c => Join(c),
                LeaveConsult c => Leave(c),
                ResetCapacity c => ResetDay(c),
                SettleDue => null,
                _ => throw new InvalidOperationException($"Unknown agent command {command.GetType().Name}."),
            };
        }

        /// <summary>SGN-6.</summary>
        private static bool NeedsSignIn(AgentCommand command) =>
            command is SignOut or SetPresence or ResetPresence or JoinConsult or MoveConversation { Verb: ConversationVerb.Accept };

        private Refusal? Configure(ConfigureAgent c)
        {
            var settings = c.Change(_agent.Settings);
            if (settings.Units < 0 || settings.Profiles.Values.Any(limit => limit < 0))
                return new(RefusalCodes.Validation, "Units and custom limits cannot be negative.") { Field = "units" };
            var unfit = settings.DefaultStatusId is { } id && id != _agent.Settings.DefaultStatusId ? Selectable(id) : null;
            if (unfit is { Code: RefusalCodes.StatusUnknown })
                return unfit;
            if (settings.Profiles.Keys.FirstOrDefault(id => !_configuration.Profiles.ContainsKey(id)) is { } unknown)
                return Refusal.ProfileUnknown(unknown);
            if (unfit is not null)
                return unfit;

            if (!_agent.IsRegistered)
            {
                Record(new AgentRegistered(settings));
                return null;
            }
            if (settings.Equals(_agent.Settings))
                return null;
            var capacityChanges = !settings.SameCapacity(_agent.Settings);
            Record(new AgentConfigured(settings));
            if (capacityChanges)
                CapacityDecides(Latest);
            return null;
        }

        private Refusal? Arrive(SignIn c)
        {
            if (_agent.Connections.TryGetValue(c.ConnectionId, out var connection))
            {
                if (connection.ClosingAt is not null)
                    Record(new ConnectionOpened(c.ConnectionId, c.Client) { Rule = Rules.Con6 });
                return null;
            }
            if (_agent.SignedIn)
            {
                Record(new ConnectionOpened(c.ConnectionId, c.Client) { Rule = Rules.Sgn3 });
                return null;
            }

            var captured = _agent.Captured is { } stood && _at <= _configuration.RestoreUntil(stood.At) ? stood : null;
            Record(new AgentSignedIn(c.ConnectionId, c.Client, Returned: captured is not null));
            if (captured is null)
                BeginPresence(Latest);
            else if (captured.Status.Until <= _at)
                ByCapacity(Latest, Rules.Man6);
            else if (captured.Status.Sticky || !captured.CapacityMoved)
                Change(captured.Status, Rules.Con4, Latest);
            else
                ByCapacity(Latest, rule: null);
            return null;
        }

        /// <summary>SGN-1, SGN-2; a default that was retired since counts as available (CAT-5).</summary>
        private void BeginPresence(long follows)
        {
            var status =
                _agent.Settings.DefaultStatusId is { } id && _configuration.Status(id) is { Retired: false } configured
                    ? configured
                    : BuiltInStatuses.Available;
            var standing = new StandingStatus(status.Id, status.Base, Origin.Default);
            if (_agent.Conversations.IsEmpty)
                Change(standing, Rules.Sgn1, follows);
            else if (standing.Sticky)
                Change(standing, Rules.Sgn2, follows);
            else
                ByCapacity(follows, Rules.Sgn2);
        }

        private Refusal? Depart()
        {
            Record(new AgentSignedOut { Rule = Rules.Sgn4 });
            Change(StandingStatus.NotConnected, Rules.Sgn4, Latest);
            return null;
        }

        private Refusal? Close(CloseConnection c)
        {
            if (!_agent.Connections.TryGetValue(c.ConnectionId, out var connection))
                return Refusal.ConnectionUnknown(_agent.AgentId, c.ConnectionId);
            if (!IsClosing(c.ConnectionId, connection))
                Record(new ConnectionClosing(c.ConnectionId) { Rule = Rules.Con1 });
            return null;
        }

        /// <summary>It said that it closes, and nothing since gave it a timeout again.</summary>
        private bool IsClosing(string connectionId, Connection connection) =>
            DueWork.LossOf(connectionId, connection, context.SignsOfLife, _configuration).Cause is LossCause.Closed;

        private void Lose(DueWork.Loss loss)
        {
            var last = _agent.Connections.Count == 1;
            Record(
                new ConnectionLost(loss.ConnectionId, loss.Cause, loss.LastSeenAt, loss.At, context.NoticedAt, last)
                {
                    Rule = last ? Rules.Con3 : Rules.Con2,
                }
            );
            if (last)
                Change(StandingStatus.NotConnected, Rules.Con3, Latest);
        }

        private Refusal? Set(SetPresence c)
        {
            if (Selectable(c.StatusId) is { } refusal)
                return refusal;
            var status = new StandingStatus(c.StatusId, _configuration.Statuses[c.StatusId].Base, Origin.Manual)
            {
                Until = c.Until?.ToMillisecond(),
            };
            Change(status, Rules.Man1, follows: null);
            return null;
        }

        private Refusal? Selectable(string statusId) =>
            _configuration.Status(statusId) switch
            {
                null => Refusal.StatusUnknown(statusId),
                { Retired: true } => new(RefusalCodes.StatusRetired, $"Status '{statusId}' is retired (CAT-5). Choose another."),
                var status when status.Id == BuiltInStatuses.Inactive.Id => new(
                    RefusalCodes.StatusNotSelectable,
                    "Status 'inactive' is set by the system alone (CAT-3). Choose another."
                ),
                _ => null,
            };

        /// <summary>Any status that there is, also one that cannot be chosen now: it may have been the one at the time.</summary>
        private Refusal? Correct(CorrectPresence c)
        {
            if (_configuration.Status(c.StatusId) is not { } status)
                return Refusal.StatusUnknown(c.StatusId);
            var (from, to) = (c.From.ToMillisecond(), c.To.ToMillisecond());
            if (from >= to)
                return new(RefusalCodes.Validation, "A correction begins before it ends.") { Field = "to" };
            if (to > _at)
                return new(RefusalCodes.Validation, "A correction is of the past: it ends now at the latest.") { Field = "to" };
            if (from < _agent.RegisteredAt)
                return new(RefusalCodes.Validation, "A correction begins at the agent's registration at the earliest.") { Field = "from" };
            Record(new PresenceCorrected(from, to, status.Id, status.Base));
            return null;
        }

        private Refusal? Raise(DisputeEntry c)
        {
            if (c.Version < 0 || c.Version > _agent.Version)
                return new(
                    RefusalCodes.EntryUnknown,
                    $"Agent '{_agent.AgentId}' has no entry of version {c.Version}; the last one is {_agent.Version}."
                );
            if (IsOpen(c.Version))
                return new(RefusalCodes.DisputeOpen, $"Entry {c.Version} is disputed already; the dispute awaits its answer.");
            if (_agent.Disputes?.Values.Count(d => d.State is DisputeState.Open) >= Dispute.MostOpen)
                return new(
                    RefusalCodes.TooManyDisputes,
                    $"{Dispute.MostOpen} disputes of agent '{_agent.AgentId}' await their answers; no more can be open at a time."
                );
            Record(new EntryDisputed(c.Version));
            return null;
        }

        private Refusal? Answer(AnswerDispute c)
        {
            if (!IsOpen(c.Version))
                return new(RefusalCodes.DisputeUnknown, $"Entry {c.Version} has no dispute that awaits an answer.");
            Record(new DisputeAnswered(c.Version, c.Accepted));
            return null;
        }

        private bool IsOpen(long version) =>
            _agent.Disputes is not null && _agent.Disputes.TryGetValue(version, out var dispute) && dispute.State is DisputeState.Open;

        /// <summary>Recorded each time: what was said or named since goes with it.</summary>
        private Refusal? Erase()
        {
            if (_agent.SignedIn)
                return new(RefusalCodes.AgentSignedIn, $"Agent '{_agent.AgentId}' is signed in. Sign out first.");
            Record(new PersonErased());
            return null;
        }

        private Refusal? Reset()
        {
            if (_agent.Status.Origin is not Origin.Notification)
                return new(
                    RefusalCodes.NothingToReset,
                    "Reset ends a status that a missed, rejected or undelivered notification set (NOT-4); none stands."
                );
            ByCapacity(follows: null, Rules.Not4);
            return null;
        }

        private Refusal? Assign(AssignConversation c)
        {
            if (!c.Work.IsPossible())
                return new(
                    RefusalCodes.Validation,
                    "Units cannot be negative, and a custom wrap-up block takes 30 to 3600 seconds (WRP-1)."
                );
            if (c.Work.Profiles.FirstOrDefault(id => !_configuration.Profiles.ContainsKey(id)) is { } unknown)
                return Refusal.ProfileUnknown(unknown);
            if (_agent.Conversations.ContainsKey(c.ConversationId))
                return null;
            ImmutableArray<string> dayProfiles =
            [
                .. c
                    .Work.Profiles.Distinct(StringComparer.Ordinal)
                    .Where(id => _agent.Settings.Profiles.ContainsKey(id) && _configuration.Profiles[id].Reset is ProfileReset.EndOfDay),
            ];
            Record(
                new ConversationAssigned(c.ConversationId, c.Work, dayProfiles, c.FromAgentId)
                {
                    Rule = c.FromAgentId is null ? Rules.Cap7 : Rules.Trf1,
                }
            );
            if (c.AutoAccept || c.Work.IsOutbound)
            {
                Record(new ConversationAccepted(c.ConversationId, Automatic: true, c.Work.Direction) { Rule = Rules.Cap10 });
                CapacityDecides(Latest);
            }
            else if (CapacityRules.Decide(_agent, _configuration).Rule is Rules.Cap5 or Rules.Cap6)
            {
                CapacityDecides(Latest);
            }
            return null;
        }

        private Refusal? Move(MoveConversation c) =>
            OnConversation(
                c.ConversationId,
                conversation =>
                    (c.Verb, conversation.State) switch
                    {
                        (ConversationVerb.Accept, ConversationState.Active) => null,
                        (ConversationVerb.Accept, ConversationState.Assigned) => Decided(
                            new ConversationAccepted(c.ConversationId, Automatic: false)
                        ),
                        (ConversationVerb.Miss, ConversationState.Assigned) => Notified(
                            new ConversationMissed(c.ConversationId) { Rule = Rules.Not1 },
                            _configuration.Policy.MissedNotificationSetsInactive
                                && _agent.MissedInARow + 1 >= _configuration.Policy.MissedLimit,
                            BuiltInStatuses.Inactive
                        ),
                        (ConversationVerb.Undelivered, ConversationState.Assigned) => Notified(
                            new ConversationUndelivered(c.ConversationId, _agent.UndeliveredInARow + 1) { Rule = Rules.Not6 },
                            _configuration.Policy.UndeliveredLimit is > 0 and var limit && _agent.UndeliveredInARow + 1 >= limit,
                            BuiltInStatuses.Inactive
                        ),
                        (ConversationVerb.Reject, ConversationState.Assigned) => Notified(
                            new ConversationRejected(c.ConversationId) { Rule = Rules.Not2 },
                            _configuration.Policy.RejectedNotificationSetsDoNotDisturb,
                            BuiltInStatuses.DoNotDisturb
                        ),
                        (ConversationVerb.Accept or ConversationVerb.Miss or ConversationVerb.Undelivered or ConversationVerb.Reject, _) =>
                            new(
                                RefusalCodes.ConversationNotAssigned,
                                $"Conversation '{c.ConversationId}' is not awaiting acceptance (CAP-13); it is {Name(conversation.State)}."
                            ),
                        (ConversationVerb.Wait, ConversationState.Active) => Decided(
                            new ConversationWaiting(c.ConversationId) { Rule = Rules.Cap7 }
                        ),
                        (ConversationVerb.WrapUp, ConversationState.Active) => WrapUp(c.ConversationId, conversation.Work.WrapUp),
                        (ConversationVerb.Wait or ConversationVerb.WrapUp, _) => new(
                            RefusalCodes.ConversationNotActive,
                            $"Conversation '{c.ConversationId}' is not active (CAP-13); it is {Name(conversation.State)}."
                        ),
                        (ConversationVerb.Resume, ConversationState.Waiting) => Decided(
                            new ConversationResumed(c.ConversationId) { Rule = Rules.Cap7 }
                        ),
                        (ConversationVerb.Resume, _) => new(
                            RefusalCodes.ConversationNotWaiting,
                            $"Conversation '{c.ConversationId}' is not waiting (CAP-13); it is {Name(conversation.State)}."
                        ),
                        (ConversationVerb.Close, ConversationState.Assigned) => End(
                            new ConversationAbandoned(c.ConversationId) { Rule = Rules.Who2 }
                        ),
                        (ConversationVerb.Close, ConversationState.WrapUp) => End(
                            new ConversationClosed(c.ConversationId) { Rule = Rules.Wrp2 }
                        ),
                        (ConversationVerb.Close, _) => End(new ConversationClosed(c.ConversationId) { Rule = Rules.Cap7 }),
                        (ConversationVerb.Release, _) => End(new ConversationReleased(c.ConversationId) { Rule = Rules.Cap7 }),
                        (ConversationVerb.Activity, _) => Activity(c.ConversationId, conversation),
                        _ => throw new InvalidOperationException($"Unknown verb {c.Verb}."),
                    }
            );

        private Refusal? OnConversation(string conversationId, Func<Conversation, Refusal?> act) =>
            _agent.Conversations.TryGetValue(conversationId, out var conversation)
                ? act(conversation)
                : new(
                    RefusalCodes.ConversationUnknown,
                    $"Conversation '{conversationId}' is not open with agent '{_agent.AgentId}'; it was never assigned, or it ended."
                );

        /// <summary>One of the occasions at which capacity decides (CAP-9).</summary>
        private Refusal? Decided(AgentEvent e)
        {
            Record(e);
            CapacityDecides(Latest);
            return null;
        }

        private Refusal? End(ConversationEnded e) => Decided(e);

        /// <summary>
        /// NOT-1, NOT-2, NOT-6 with NOT-3. Capacity is given back and does not decide here: missed, rejected and undelivered are not
        /// among the occasions of CAP-9.
        /// </summary>
        private Refusal? Notified(ConversationEnded e, bool setsStatus, Status status)
        {
            Record(e);
            if (setsStatus && _agent.SignedIn && !_agent.Status.IsOwnStickyWord)
                Change(new StandingStatus(status.Id, status.Base, Origin.Notification), e.Rule!, Latest);
            return null;
        }

        private Refusal? WrapUp(string conversationId, WrapUp wrapUp)
        {
            DateTimeOffset? endsAt = wrapUp is { Policy: WrapUpPolicy.Custom, Seconds: { } seconds }
                ? _at.AddSeconds(seconds).ToMillisecond()
                : null;
            return Decided(new WrapUpStarted(conversationId, wrapUp.Policy is not WrapUpPolicy.DontBlock, endsAt) { Rule = Rules.Wrp1 });
        }

        private Refusal? Activity(string conversationId, Conversation conversation)
        {
            if (_at - conversation.LastActivityAt >= ActivityInterval)
                Record(new ConversationActivity(conversationId) { Rule = Rules.Stk1 });
            return null;
        }

        private Refusal? Transfer(TransferConversation c) =>
            OnConversation(
                c.ConversationId,
                _ =>
                    c.ToAgentId == _agent.AgentId
                        ? new(RefusalCodes.Validation, "A conversation cannot be transferred to the agent who has it. Name another agent.")
                        {
                            Field = "toAgentId",
                        }
                        : End(
                            new ConversationTransferred(c.ConversationId, c.ToAgentId, c.ToQueue, c.External)
                            {
                                Rule = c.ToAgentId is null ? Rules.Trf2 : Rules.Trf1,
                            }
                        )
            );

        private Refusal? LetGo(HandOver c) =>
            _agent.Conversations.TryGetValue(c.ConversationId, out var conversation) && conversation.AssignedAt <= c.At
                ? End(new ConversationTransferred(c.ConversationId, c.ToAgentId, null, null) { Rule = Rules.Trf1 })
                : null;

        private Refusal? Join(JoinConsult c)
        {
            if (!_agent.Consults.ContainsKey(c.ConversationId))
                Record(new ConsultJoined(c.ConversationId, c.Mode) { Rule = Rules.Cns1 });
            return null;
        }

        private Refusal? Leave(LeaveConsult c)
        {
            if (!_agent.Consults.ContainsKey(c.ConversationId))
                return new(
                    RefusalCodes.ConsultUnknown,
                    $"Agent '{_agent.AgentId}' takes part in no consult of conversation '{c.ConversationId}' (CNS-1)."
                );
            Record(new ConsultLeft(c.ConversationId) { Rule = Rules.Cns1 });
            return null;
        }

        /// <summary>
        /// Capacity decides at a reset even where nothing had been counted (CAP-9); then the reset is recorded only if the
        /// status changes by it. Of a profile that the agent has no more, only the count goes.
        /// </summary>
        private Refusal? ResetDay(ResetCapacity c)
        {
            if (_configuration.Profiles.GetValueOrDefault(c.ProfileId) is not { } profile)
                return Refusal.ProfileUnknown(c.ProfileId);
            var counted = _agent.DayCounts.GetValueOrDefault(c.ProfileId)?.Items ?? 0;
            var occasion = profile.Reset is ProfileReset.EndOfDay && _agent.Settings.Profiles.ContainsKey(c.ProfileId);
            if (counted > 0 || (occasion && CapacityWouldChange()))
                GiveBack(c.ProfileId, counted);
            return null;
        }

        private void GiveBack(string profileId, int counted)
        {
            Record(new CapacityReset(profileId, counted) { Rule = Rules.Cap7 });
            if (_agent.Settings.Profiles.ContainsKey(profileId))
                CapacityDecides(Latest);
        }

        private bool CapacityWouldChange() =>
            _agent.SignedIn && !_agent.Status.Sticky && CapacityRules.Decide(_agent, _configuration).Status.Id != _agent.Status.StatusId;

        /// <summary>CAP-9: nothing while not signed in or sticky; the status that already stands is no event.</summary>
        private void CapacityDecides(long follows)
        {
            if (CapacityWouldChange())
                ByCapacity(follows, rule: null);
        }

        private void ByCapacity(long? follows, string? rule)
        {
            var verdict = CapacityRules.Decide(_agent, _configuration);
            var to = new StandingStatus(verdict.Status.Id, verdict.Status.Base, Origin.Capacity);
            Change(to, rule ?? verdict.Rule, follows, verdict.Inputs);
        }

        /// <summary>What already stands, with its origin and until the same instant, is no event (MAN-5).</summary>
        private void Change(StandingStatus to, string rule, long? follows, CapacityInputs? inputs = null)
        {
            if (to != _agent.Status)
                Record(new PresenceChanged(_agent.Status, to, follows, inputs) { Rule = rule });
        }

        private void Record(AgentEvent e)
        {
            var dated = e with { OccurredAt = _at };
            Events.Add(dated);
            _agent = _agent.Evolve(dated);
        }

        private static string Name(ConversationState state) =>
            state switch
            {
                ConversationState.Assigned => "awaiting acceptance",
                ConversationState.Active => "active",
                ConversationState.Waiting => "waiting",
                _ => "in wrap-up",
            };
    }
}
