using System.Collections.Frozen;
using System.Text.Json;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Seals;

namespace PresenceLedger.Ledger.Events;

/// <summary>
/// The names of events in storage, in one table: names of classes never reach it. A changed shape gets a new version here, and
/// the old one an upcast in <see cref="Read"/>.
/// </summary>
public static class WireNames
{
    private static readonly FrozenDictionary<Type, string> NameOf = new Dictionary<Type, string>
    {
        [typeof(AgentRegistered)] = "agent-registered.v1",
        [typeof(AgentConfigured)] = "agent-configured.v1",
        [typeof(AgentSignedIn)] = "agent-signed-in.v1",
        [typeof(AgentSignedOut)] = "agent-signed-out.v1",
        [typeof(ConnectionOpened)] = "connection-opened.v1",
        [typeof(ConnectionClosing)] = "connection-closing.v1",
        [typeof(ConnectionLost)] = "connection-lost.v1",
        [typeof(PresenceChanged)] = "presence-changed.v1",
        [typeof(ConversationAssigned)] = "conversation-assigned.v1",
        [typeof(ConversationAccepted)] = "conversation-accepted.v1",
        [typeof(ConversationWaiting)] = "conversation-waiting.v1",
        [typeof(ConversationResumed)] = "conversation-resumed.v1",
        [typeof(WrapUpStarted)] = "wrap-up-started.v1",
        [typeof(WrapUpBlockEnded)] = "wrap-up-block-ended.v1",
        [typeof(ConversationActivity)] = "conversation-activity.v1",
        [typeof(ConversationClosed)] = "conversation-closed.v1",
        [typeof(ConversationAbandoned)] = "conversation-abandoned.v1",
        [typeof(ConversationMissed)] = "conversation-missed.v1",
        [typeof(ConversationRejected)] = "conversation-rejected.v1",
        [typeof(ConversationReleased)] = "conversation-released.v1",
        [typeof(ConversationTransferred)] = "conversation-transferred.v1",
        [typeof(ConversationForceReleased)] = "conversation-force-released.v1",
        [typeof(ConsultJoined)] = "consult-joined.v1",
        [typeof(ConsultLeft)] = "consult-left.v1",
        [typeof(ConsultEnded)] = "consult-ended.v1",
        [typeof(CapacityReset)] = "capacity-reset.v1",
        [typeof(PresenceCorrected)] = "presence-corrected.v1",
        [typeof(EntryDisputed)] = "entry-disputed.v1",
        [typeof(DisputeAnswered)] = "dispute-answered.v1",
        [typeof(PersonErased)] = "person-erased.v1",
        [typeof(AuditRead)] = "audit-read.v1",
        [typeof(StatusDefined)] = "status-defined.v1",
        [typeof(StatusChanged)] = "status-changed.v1",
        [typeof(StatusRetired)] = "status-retired.v1",
        [typeof(StatusUsed)] = "status-used.v1",
        [typeof(CapacityProfileSet)] = "capacity-profile-set.v1",
        [typeof(PolicyChanged)] = "policy-changed.v1",
        [typeof(SealingKeyIntroduced)] = "sealing-key-introduced.v1",
        [typeof(SealingKeyRetired)] = "sealing-key-retired.v1",
        [typeof(LedgerSealed)] = "ledger-sealed.v1",
        [typeof(RestoreAccepted)] = "restore-accepted.v1",
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<string, Type> TypeOf = NameOf.ToFrozenDictionary(
        pair => pair.Value,
        pair => pair.Key,
        StringComparer.Ordinal
    );

    /// <summary>Every event type with its wire name.</summary>
    public static IEnumerable<KeyValuePair<Type, string>> All => NameOf;

    /// <summary>The wire name of an event.</summary>
    public static string Of(LedgerEvent e) => NameOf[e.GetType()];

    /// <summary>The wire name of a type of events.</summary>
    public static string OfType<TEvent>()
        where TEvent : LedgerEvent => NameOf[typeof(TEvent)];

    /// <summary>A wire name without its version, as the API and the timeline show it.</summary>
    public static string Short(string wireName) => wireName[..wireName.LastIndexOf('.')];

    /// <summary>The data of an event as JSON.</summary>
    public static string Write(LedgerEvent e) => JsonSerializer.Serialize(e, e.GetType(), LedgerJson.Options);

    /// <summary>The event of a record: its data, with when and by which rule from the envelope.</summary>
    /// <exception cref="InvalidDataException">The type is unknown, or the data is not of that type.</exception>
    public static LedgerEvent Read(EventRecord record) =>
        ReadData(record) with
        {
            Rule = LedgerJson.Read<EventMetadata>(record.Metadata).Rule,
        };

    /// <summary>The event of a record without its rule: most of what reading costs is the envelope.</summary>
    /// <exception cref="InvalidDataException">The type is unknown, or the data is not of that type.</exception>
    public static LedgerEvent ReadData(EventRecord record)
    {
        if (!TypeOf.TryGetValue(record.Type, out var type))
            throw new InvalidDataException($"{record.Stream}@{record.Version}: event type '{record.Type}' is unknown to this version.");
        try
        {
            var data =
                (LedgerEvent?)JsonSerializer.Deserialize(record.Data, type, LedgerJson.Options)
                ?? throw new JsonException("An event cannot be null.");
            return data with { OccurredAt = record.OccurredAt };
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{record.Stream}@{record.Version}: the data of '{record.Type}' cannot be read.", e);
        }
    }
}
