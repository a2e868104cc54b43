using System.Collections.Immutable;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Domain.Agents;

/// <summary>Why a status stood at an instant.</summary>
/// <param name="Sentences">What is to be said, in order.</param>
/// <param name="Rules">The rules that it rests on, in the order in which they are named.</param>
/// <param name="Unchanging">Which of the events since are named for having changed nothing.</param>
public sealed record Reasoning(IReadOnlyList<Phrase> Sentences, IReadOnlyList<string> Rules, IReadOnlyList<Recorded> Unchanging)
{
    /// <summary>From here on it is told that something was recorded later than it took effect.</summary>
    private static readonly TimeSpan Late = TimeSpan.FromSeconds(1);

    private const int MostConversations = 8;
    private const int MostUnchanging = 3;

    /// <summary>Says why.</summary>
    public static Reasoning Of(Evidence evidence)
    {
        var account = new Account(evidence);
        account.Tell();
        return new([.. account.Sentences], [.. account.Rules], account.Unchanging);
    }

    /// <summary>The answer as it is put together.</summary>
    private sealed class Account(Evidence evidence)
    {
        private readonly Agent _agent = evidence.Agent;

        public List<Phrase> Sentences { get; } = [];

        public List<string> Rules { get; } = [];

        public ImmutableArray<Recorded> Unchanging { get; private set; } = [];

        public void Tell()
        {
            if (!_agent.IsRegistered)
            {
                Say(
                    new Phrase(
                        "why.not-registered",
                        ("at", evidence.At),
                        ("agent", _agent.AgentId),
                        ("registered", evidence.Registration.Event.OccurredAt)
                    ),
                    Domain.Rules.Tim2
                );
                return;
            }

            TellWhatStood();
            if (evidence.Standing is { } standing)
            {
                TellWhy(standing);
                TellWhatElse(standing);
                TellCapacity(standing);
            }
            else
            {
                Say(new Phrase("why.never-signed-in"), Domain.Rules.Tim2);
                TellCommand(evidence.Registration);
            }
            TellConversations();
            TellCatalogue();
            TellMeanwhile();
            TellCorrections();
        }

        private void TellWhatStood()
        {
            var (at, agent, status) = (evidence.At, _agent.AgentId, Name(_agent.Status.StatusId));
            Say(
                evidence.Ended is { Event: PresenceChanged ended }
                    ? new Phrase(
                        "why.stood",
                        ("at", at),
                        ("agent", agent),
                        ("status", status),
                        ("since", _agent.Since),
                        ("until", ended.OccurredAt),
                        ("next", Name(ended.To.StatusId))
                    )
                    : new Phrase("why.stands", ("at", at), ("agent", agent), ("status", status), ("since", _agent.Since))
            );
        }

        /// <summary>By which rule, with which inputs, and who began it.</summary>
        private void TellWhy(CausedChange standing)
        {
            if (evidence.Became is { } became)
            {
                TellChange(became);
                TellCommand(became.Beginning);
                TellChange(standing, what => new Phrase("why.other-origin", ("at", standing.Event.OccurredAt), ("what", what)));
            }
            else
                TellChange(standing);
            TellCommand(standing.Beginning);
            foreach (var lost in standing.Causes.Select(c => c.Event).OfType<ConnectionLost>())
                if (lost.Cause is LossCause.Closed)
                    Say(new Phrase("why.refresh", ("deadline", lost.Deadline)), Domain.Rules.Con6);
                // Beyond its own timeout only a restart of the server lets a silent connection live.
                else if (lost.Deadline > evidence.DecidedWith.After(lost.LastSeenAt, policy => policy.HeartbeatTimeout))
                    Say(new Phrase("why.restart"), Domain.Rules.Con8);
            var late = standing.Change.RecordedAt - standing.Event.OccurredAt;
            if (late >= Late)
                Say(new Phrase("why.late", ("effect", standing.Event.OccurredAt), ("late", late)), Domain.Rules.Tim1);
        }

        private void TellChange(CausedChange change, Func<Phrase, Phrase>? within = null)
        {
            // Setting what stands already changes why it stands (MAN-5).
            string[] rules =
                change.Event is { Rule: Domain.Rules.Man1 } e && e.From.StatusId == e.To.StatusId
                    ? [Domain.Rules.Man1, Domain.Rules.Man5]
                    : [.. change.Causes.Select(c => c.Event.Rule).Prepend(change.Event.Rule).OfType<string>()];
            var what = Explanation.Of(change.Event, change.Followed);
            Say(within?.Invoke(what) ?? what, rules);
        }

        private void TellCommand(Recorded beginning)
        {
            if (beginning.Actor.Kind is not Persona.System)
            {
                var over =
                    beginning.ConnectionId is not { } connection ? Phrase.Nothing
                    : beginning.Client is { } client ? new Phrase("command.over-client", ("connection", connection), ("client", client))
                    : new Phrase("command.over", ("connection", connection));
                Say(
                    new Phrase(
                        "why.command",
                        ("who", Explanation.Who(beginning.Actor, _agent.AgentId)),
                        ("over", over),
                        ("reason", Reason(beginning))
                    )
                );
            }
            else if (beginning.Event is ConnectionLost lost)
                Say(new Phrase("why.silence", ("deadline", lost.Deadline)), Domain.Rules.Con1);
            else if (beginning.Event is CapacityReset)
                Say(new Phrase("why.day-end"), Domain.Rules.Cap7);
            else
                Say(new Phrase("why.by-itself"));
        }

        /// <summary>What would have been otherwise, and how long it stands.</summary>
        private void TellWhatElse(CausedChange standing)
        {
            var to = standing.Event.To;
            if (standing.Followed is AgentSignedIn signedIn)
                TellReturn(standing, signedIn);
            switch (to.Origin)
            {
                case Origin.Connection when evidence.Inputs?.Captured is { } kept:
                    TellAbsence(kept);
                    break;
                case Origin.Notification:
                    Say(new Phrase("why.notification"), Domain.Rules.Not5);
                    TellLimit(standing);
                    break;
                case Origin.Manual when to.Sticky:
                    Say(new Phrase("why.own-word"), Domain.Rules.Man3);
                    break;
                case Origin.Default when to.Sticky:
                    Say(new Phrase("why.default-word"), Domain.Rules.Sgn2);
                    break;
                case Origin.Manual:
                    Say(new Phrase("why.until-work"), Domain.Rules.Man2);
                    break;
                case Origin.Default or Origin.Capacity:
                    Say(new Phrase("why.until-capacity"), Domain.Rules.Cap9);
                    break;
            }
            if (to.Until is { } until)
                Say(new Phrase("why.until", ("until", until)), Domain.Rules.Man6);
        }

        /// <summary>By which policy a notification set the status.</summary>
        private void TellLimit(CausedChange standing)
        {
            var (policy, from) = (evidence.DecidedWith.Policy, ("from", (object)Name(standing.Event.From.StatusId)));
            switch (standing.Event.Rule)
            {
                case Domain.Rules.Not6:
                    Say(new Phrase("why.undelivered-limit", ("limit", policy.UndeliveredLimit), from));
                    break;
                case Domain.Rules.Not1 when policy.MissedLimit > 1:
                    Say(new Phrase("why.missed-limit", ("limit", policy.MissedLimit)), Domain.Rules.Not7);
                    Say(new Phrase("why.missed-policy", from));
                    break;
                case Domain.Rules.Not1:
                    Say(new Phrase("why.missed-policy", from));
                    break;
                case Domain.Rules.Not2:
                    Say(new Phrase("why.rejected-policy", from));
                    break;
            }
        }

        private void TellReturn(CausedChange standing, AgentSignedIn signedIn)
        {
            if (evidence.Inputs is not { } inputs)
                return;
            if (inputs.Captured is { } kept)
            {
                var status = Name(kept.Status.StatusId);
                if (!signedIn.Returned)
                    Say(new Phrase("why.too-late", ("kept", status), ("until", kept.Until)), Domain.Rules.Con5);
                else if (standing.Event.Rule == Domain.Rules.Man6 && kept.Status.Until is { } ended)
                    Say(new Phrase("why.kept-ended", ("kept", status), ("until", ended)), Domain.Rules.Man6);
                else if (standing.Event.Rule == Domain.Rules.Con4)
                    Say(new Phrase("why.restored", ("kept", status), ("since", kept.At), ("until", kept.Until)), Domain.Rules.Con5);
                else
                    Say(new Phrase("why.not-restored", ("kept", status)), Domain.Rules.Con4);
            }
            if (evidence.Restored is { } restored)
            {
                TellChange(restored, what => new Phrase("why.came-about", ("at", restored.Event.OccurredAt), ("what", what)));
                TellCommand(restored.Beginning);
            }
            if (inputs.DefaultStatusId is not { } own)
                return;
            if (standing.Event.Capacity is not null)
                Say(new Phrase("why.default-yields", ("default", Name(own))), Domain.Rules.Sgn2);
            else if (own != standing.Event.To.StatusId)
                Say(
                    new Phrase("why.default-retired", ("default", Name(own)), ("instead", Name(standing.Event.To.StatusId))),
                    Domain.Rules.Cat5
                );
        }

        private void TellAbsence(KeptStatus kept)
        {
            var (status, until) = (Name(kept.Status.StatusId), kept.Until);
            if (evidence.At > until)
                Say(new Phrase("why.could-have-returned", ("kept", status), ("until", until)), Domain.Rules.Con5);
            else if (_agent.Captured is { CapacityMoved: true, Status.Sticky: false })
                Say(new Phrase("why.return-decides", ("kept", status), ("until", until)), Domain.Rules.Con4);
            else
                Say(new Phrase("why.return-restores", ("kept", status), ("until", until)), Domain.Rules.Con4);
            if (kept.Status.Until is { } ends && ends <= until && evidence.At <= until)
                Say(new Phrase("why.return-after", ("kept", status), ("until", ends)), Domain.Rules.Man6);
        }

        /// <summary>What of the rules on capacity is not plain from the numbers.</summary>
        private void TellCapacity(CausedChange standing)
        {
            if (standing.Event is not { To.Origin: Origin.Capacity, Capacity: { } inputs } e)
                return;
            var profiles = inputs.Profiles.Select(p => (p.Blocking, Full: p.Used >= p.Limit)).ToArray();
            var exhausted = e.To.Base is BaseStatus.DoNotDisturb && inputs.OpenSessions <= inputs.MaxOpenSessions;
            var beyond = inputs.UnitsUsed > inputs.UnitsTotal || inputs.Profiles.Any(p => p.Used > p.Limit);
            if (inputs.UnitsTotal is { } total && profiles.Length > 0)
            {
                if (!beyond && (exhausted || inputs.UnitsUsed >= total != CapacityRules.IsExhausted(null, profiles)))
                    Say(new Phrase("why.both"), Domain.Rules.Cap4);
            }
            else if (!beyond && exhausted && profiles.Length > 0)
                Say(profiles.Any(p => p.Blocking) ? new Phrase("why.blocking") : new Phrase("why.all-full"), Domain.Rules.Cap4);
            if (beyond && standing.Followed is AgentConfigured)
                Say(new Phrase("why.lowered"), Domain.Rules.Cap12);

            var takesNothing = inputs.UnitsUsed == 0 && inputs.Profiles.All(p => p.Used == 0);
            if (takesNothing && e.To.Base is BaseStatus.Busy)
                Say(new Phrase("why.takes-nothing"), Domain.Rules.Cap14);
            else if (
                takesNothing
                && !evidence.DecidedWith.Policy.ZeroCapacityWorkSetsBusy
                && _agent.Conversations.Values.Any(c => c.HoldsCapacity)
            )
                Say(new Phrase("why.takes-nothing.ignored"), Domain.Rules.Cap14);

            foreach (var p in inputs.Profiles)
                if (p.Used > 0 && evidence.Configuration.Profiles.GetValueOrDefault(p.ProfileId)?.Reset is ProfileReset.EndOfDay)
                    Say(new Phrase("why.day-count", ("profile", p.ProfileId)), Domain.Rules.Cap7);
        }

        private void TellConversations()
        {
            if (_agent.Conversations.IsEmpty)
                return;
            var open = Phrase.List([.. _agent.Conversations.Take(MostConversations).Select(c => Conversation(c.Key, c.Value))]);
            var rest = _agent.Conversations.Count - MostConversations;
            var values = _agent.Conversations.Values;
            var rules = new List<string>();
            if (_agent.Status.Origin is Origin.Manual)
                rules.Add(Domain.Rules.Man4);
            if (values.Any(c => c.State is ConversationState.Waiting))
                rules.Add(Domain.Rules.Cap7);
            if (values.Any(c => c.State is ConversationState.WrapUp))
                rules.Add(Domain.Rules.Wrp1);
            if (values.Any(c => c.Work.Profiles.Length > 1))
                rules.Add(Domain.Rules.Cap11);
            Say(
                rest > 0 ? new Phrase("why.open.more", ("open", open), ("more", rest)) : new Phrase("why.open", ("open", open)),
                [.. rules]
            );

            foreach (var (id, flag) in Flags.Of(_agent, evidence.Configuration.Policy, evidence.At))
                Say(
                    new Phrase(
                        flag is ConversationFlag.Offer ? "why.offer" : "why.stuck",
                        ("conversation", id),
                        ("since", _agent.Conversations[id].LastActivityAt)
                    ),
                    Domain.Rules.Stk1,
                    Domain.Rules.Stk2
                );
        }

        private Phrase Conversation(string id, Conversation c)
        {
            var takes = new List<Phrase>();
            if (c.Work.Units == 1)
                takes.Add(new Phrase("conversation.unit"));
            else if (c.Work.Units > 0)
                takes.Add(new Phrase("conversation.units", ("units", c.Work.Units)));
            takes.AddRange(
                c.Work.Profiles.Where(_agent.Settings.Profiles.ContainsKey).Select(p => new Phrase("conversation.profile", ("profile", p)))
            );
            if (takes.Count == 0)
                takes.Add(new Phrase("conversation.nothing"));
            var what = ("takes", (object)Phrase.List(takes));
            return c switch
            {
                { State: ConversationState.Assigned } => new Phrase("conversation.assigned", ("conversation", id), what),
                { State: ConversationState.Waiting } => new Phrase("conversation.waiting", ("conversation", id)),
                { State: ConversationState.WrapUp, HoldsCapacity: false } => new Phrase("conversation.wrap-up.free", ("conversation", id)),
                { State: ConversationState.WrapUp, BlockEndsAt: { } ends } => new Phrase(
                    "conversation.wrap-up.until",
                    ("conversation", id),
                    ("until", ends),
                    what
                ),
                { State: ConversationState.WrapUp } => new Phrase("conversation.wrap-up", ("conversation", id), what),
                _ => new Phrase("conversation.active", ("conversation", id), what),
            };
        }

        private void TellCatalogue()
        {
            if (evidence.Configuration.Status(_agent.Status.StatusId) is not { BuiltIn: false } custom)
                return;
            Say(new Phrase("why.base", ("status", Name(custom.Id)), ("base", BaseOf(_agent.Status.Base))), Domain.Rules.Cat4);
            if (custom.Retired)
                Say(new Phrase("why.retired", ("status", Name(custom.Id))), Domain.Rules.Cat5);
        }

        /// <summary>What happened since and changed nothing; the last few of it.</summary>
        private void TellMeanwhile()
        {
            var all = evidence.Meanwhile.Select(r => (Recorded: r, Rule: StaysBy(r.Event))).Where(r => r.Rule is not null).ToArray();
            if (all.Length == 0)
                return;
            var told = all.TakeLast(MostUnchanging).ToArray();
            Unchanging = [.. told.Select(t => t.Recorded)];
            var items = told.Select(t => new Phrase("meanwhile.item", ("fact", Explanation.Fact(t.Recorded.Event)), ("rule", t.Rule!)));
            var list = items.Aggregate((first, last) => new Phrase("meanwhile.both", ("first", first), ("last", last)));
            Say(
                all.Length > told.Length
                    ? new Phrase("why.meanwhile.more", ("list", list), ("more", all.Length - told.Length))
                    : new Phrase("why.meanwhile", ("list", list))
            );
            Note(told.Select(t => t.Rule!));
        }

        /// <summary>The rule by which an event leaves the status as it is; null for one that has nothing to do with it.</summary>
        private string? StaysBy(AgentEvent e) =>
            e switch
            {
                ConnectionOpened or ConnectionClosing or ConnectionLost or ConsultJoined or ConsultLeft or ConsultEnded => e.Rule,
                // Whatever stands: so many are not enough yet.
                ConversationUndelivered x when x.InARow < evidence.Configuration.Policy.UndeliveredLimit => e.Rule,
                ConversationMissed when evidence.Configuration.Policy.MissedLimit is > 1 and var limit && _agent.MissedInARow < limit =>
                    Domain.Rules.Not7,
                ConversationMissed
                or ConversationRejected
                or ConversationUndelivered when !_agent.SignedIn || _agent.Status.IsOwnStickyWord => Domain.Rules.Not3,
                ConversationMissed
                or ConversationRejected
                or ConversationUndelivered when _agent.Status.Origin is not Origin.Notification => e.Rule,
                ConversationActivity => e.Rule,
                ConversationEvent or WrapUpBlockEnded or CapacityReset or AgentConfigured => StaysBy(_agent.Status, e),
                _ => null,
            };

        private string StaysBy(StandingStatus status, AgentEvent e) =>
            status.Origin switch
            {
                _ when !_agent.SignedIn => Domain.Rules.Cap9,
                Origin.Notification => Domain.Rules.Not5,
                Origin.Manual when e is ConversationAssigned => Domain.Rules.Man4,
                Origin.Manual when status.Sticky => Domain.Rules.Man3,
                Origin.Manual => Domain.Rules.Man2,
                _ => Domain.Rules.Cap9,
            };

        private void TellCorrections()
        {
            foreach (var recorded in evidence.Corrections)
            {
                var correction = (PresenceCorrected)recorded.Event;
                Say(
                    new Phrase(
                        "why.corrected",
                        ("at", correction.OccurredAt),
                        ("who", Explanation.Who(recorded.Actor, _agent.AgentId)),
                        ("reason", Reason(recorded)),
                        ("from", correction.From),
                        ("to", correction.To),
                        ("status", Name(correction.StatusId))
                    )
                );
            }
            if (evidence.Corrections.Count > 1)
                Say(new Phrase("why.corrected.last"));
        }

        private static Phrase Reason(Recorded recorded) =>
            (recorded.ReasonCode, recorded.ReasonText) switch
            {
                ({ } code, { } text) => new Phrase("reason.both", ("code", code), ("text", text)),
                ({ } code, null) => new Phrase("reason.code", ("code", code)),
                (null, { } text) => new Phrase("reason.text", ("text", text)),
                _ => Phrase.Nothing,
            };

        private static Phrase BaseOf(BaseStatus status) =>
            status switch
            {
                BaseStatus.Available => new Phrase("base.available"),
                BaseStatus.Busy => new Phrase("base.busy"),
                BaseStatus.DoNotDisturb => new Phrase("base.do-not-disturb"),
                BaseStatus.Away => new Phrase("base.away"),
                _ => new Phrase("base.offline"),
            };

        private static StatusName Name(string statusId) => new(statusId);

        /// <summary>A sentence, with the rules it rests on.</summary>
        private void Say(Phrase what, params string[] rules)
        {
            var named = rules.Distinct(StringComparer.Ordinal).ToArray();
            Sentences.Add(
                named.Length == 0
                    ? new Phrase("sentence", ("what", what))
                    : new Phrase("sentence.by-rule", ("what", what), ("rules", string.Join(", ", named)))
            );
            Note(named);
        }

        private void Note(IEnumerable<string> rules) => Rules.AddRange(rules.Except(Rules, StringComparer.Ordinal).ToArray());
    }
}
