using System.Text.Json;
using System.Text.Json.Nodes;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Projections.CurrentPresence;
using PresenceLedger.Projections.Facts;
using PresenceLedger.Projections.States;

namespace PresenceLedger.Projections.Divergences;

/// <summary>A state that something keeps of an agent, as a document: what the service makes of it when it reads it.</summary>
/// <param name="Model">Who keeps it.</param>
/// <param name="Version">The version that it is of.</param>
/// <param name="Document">It; a text that says why where it cannot be read.</param>
internal sealed record Kept(string Model, long Version, JsonNode? Document)
{
    /// <summary>The member of a row of the current presence that has the document.</summary>
    public const string Data = "data";

    /// <summary>The member of that document that has the last change of presence.</summary>
    public const string LastChangeOfData = "lastChange";

    /// <summary>A row of the current presence.</summary>
    public static Kept Presence(long version, string @base, string statusId, bool signedIn, string data) =>
        Of(
            PresenceModel.ModelName,
            version,
            () => PresenceRow(version, @base, statusId, signedIn, LedgerJson.Read<PresenceDocument>(data))
        );

    /// <summary>What goes on with an agent, of the facts.</summary>
    public static Kept Facts(
        long version,
        DateTimeOffset registeredAt,
        string @base,
        string statusId,
        bool signedIn,
        int openSessions,
        string state
    ) =>
        Of(
            FactsModel.ModelName,
            version,
            () => FactsRow(version, registeredAt, @base, statusId, signedIn, openSessions, LedgerJson.Read<OpenFacts>(state))
        );

    /// <summary>A state on the way.</summary>
    public static Kept State(long version, DateTimeOffset occurredAt, DateTimeOffset knownAt, byte[] hash, string state) =>
        Of(StatesModel.ModelName, version, () => StateRow(occurredAt, knownAt, hash, LedgerJson.Read<Agent>(state)));

    /// <summary>What a node has in memory, or a snapshot.</summary>
    public static Kept Of(string model, AgentSnapshot snapshot) =>
        new(model, snapshot.Agent.Version, HashedState(snapshot.Hash, snapshot.Agent));

    /// <summary>What it is to be.</summary>
    /// <param name="state">The state after the event of its version.</param>
    /// <param name="lastChange">The last change of presence by then.</param>
    /// <param name="open">What goes on by then; null where that was not folded, and the state in it is compared alone.</param>
    public JsonNode Expected(PastState state, LastChange? lastChange, OpenFacts? open)
    {
        var agent = state.Agent;
        switch (Model)
        {
            case PresenceModel.ModelName:
                var document = PresenceDocument.Of(agent, lastChange);
                return PresenceRow(agent.Version, document.Base, document.StatusId, document.SignedIn, document);
            case FactsModel.ModelName:
                return open is null
                    ? StateOfFacts(agent.Version, Words.Of(agent.Status.Base), agent.Status.StatusId, agent.SignedIn, Node(agent))
                    : FactsRow(
                        agent.Version,
                        open.Registered.At,
                        Words.Of(open.Status.Base),
                        open.Status.StatusId,
                        agent.SignedIn,
                        open.Sessions.Count,
                        open
                    );
            case StatesModel.ModelName:
                return StateRow(agent.LastOccurredAt, state.KnownAt, state.Hash, agent);
            default:
                return HashedState(state.Hash, agent);
        }
    }

    private static Kept Of(string model, long version, Func<JsonNode> read)
    {
        try
        {
            return new Kept(model, version, read());
        }
        catch (JsonException e)
        {
            return new Kept(model, version, JsonValue.Create("not to be read: " + e.Message));
        }
    }

    // Members are called as the columns are. People's words may be erased (WHO-3), and are not compared.
    private static JsonObject PresenceRow(long version, string @base, string statusId, bool signedIn, PresenceDocument document) =>
        new()
        {
            ["version"] = version,
            ["base"] = @base,
            ["status_id"] = statusId,
            ["signed_in"] = signedIn,
            [Data] = JsonNode.Parse(
                ReadSide.Write(document with { LastChange = document.LastChange is { } last ? last with { Reason = null } : null })
            ),
        };

    private static JsonObject FactsRow(
        long version,
        DateTimeOffset registeredAt,
        string @base,
        string statusId,
        bool signedIn,
        int openSessions,
        OpenFacts open
    )
    {
        var setBy = open.SetBy is { Reason: { } reason } by ? by with { Reason = reason with { Text = null } } : open.SetBy;
        return new()
        {
            ["version"] = version,
            ["registered_at"] = Instant.Format(registeredAt),
            ["base"] = @base,
            ["status_id"] = statusId,
            ["signed_in"] = signedIn,
            ["open_sessions"] = openSessions,
            ["state"] = JsonSerializer.SerializeToNode(open with { SetBy = setBy }, LedgerJson.Options),
        };
    }

    private static JsonObject StateOfFacts(long version, string? @base, string? statusId, bool? signedIn, JsonNode? agent) =>
        new()
        {
            ["version"] = version,
            ["base"] = @base,
            ["status_id"] = statusId,
            ["signed_in"] = signedIn,
            ["state"] = new JsonObject { ["agent"] = agent },
        };

    /// <summary>Of the row of facts what the state alone gives.</summary>
    public Kept WithStateAlone() =>
        Model == FactsModel.ModelName && Document is JsonObject row
            ? this with
            {
                Document = StateOfFacts(
                    Version,
                    (string?)row["base"],
                    (string?)row["status_id"],
                    (bool?)row["signed_in"],
                    row["state"]?["agent"]?.DeepClone()
                ),
            }
            : this;

    private static JsonObject StateRow(DateTimeOffset occurredAt, DateTimeOffset knownAt, byte[] hash, Agent agent) =>
        new()
        {
            ["occurred_at"] = Instant.Format(occurredAt),
            ["known_at"] = Instant.Format(knownAt),
            ["hash"] = Convert.ToHexStringLower(hash),
            ["state"] = Node(agent),
        };

    private static JsonObject HashedState(byte[] hash, Agent agent) =>
        new() { ["hash"] = Convert.ToHexStringLower(hash), ["state"] = Node(agent) };

    private static JsonNode? Node(Agent agent) => JsonSerializer.SerializeToNode(agent, LedgerJson.Options);
}
