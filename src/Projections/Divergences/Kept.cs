using System.Text.Json;
using System.Text.Json.Nodes;
using Npgsql;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Projections.Divergences;

/// <summary>A state that something keeps of an agent, as a document: what the service makes of it when it reads it.</summary>
/// <param name="Model">Who keeps it.</param>
/// <param name="Version">The version that it is of.</param>
/// <param name="Document">It; a text that says why where it cannot be read.</param>
internal sealed record Kept(string Model, long Version, JsonNode? Document)
{
    /// <summary>The columns of a row of what goes on now, from the fourth of a query on.</summary>
    public const string AgentColumns =
        "a.base, a.status_id, a.signed_in, a.disputing, a.queues, a.skills, a.profiles, a.registered_at, a.open_sessions, a.state::text";

    /// <summary>A row of what goes on now.</summary>
    public static Kept OfAgent(long version, NpgsqlDataReader row)
    {
        var columns = Columns(
            version,
            row.GetString(3),
            row.GetString(4),
            row.GetBoolean(5),
            row.GetBoolean(6),
            row.GetFieldValue<string[]>(7),
            row.GetFieldValue<string[]>(8),
            row.GetFieldValue<string[]>(9)
        );
        var (registeredAt, openSessions, state) = (row.GetFieldValue<DateTimeOffset>(10), row.GetInt32(11), row.GetString(12));
        return Of(Divergence.Presence, version, () => AgentRow(columns, registeredAt, openSessions, LedgerJson.Read<OpenFacts>(state)));
    }

    /// <summary>The columns of a row of a state on the way, from the fourth of a query on.</summary>
    public const string StateColumns = "a.occurred_at, a.known_at, a.hash, a.state::text";

    /// <summary>A row of a state on the way.</summary>
    public static Kept OfState(long version, NpgsqlDataReader row)
    {
        var (occurredAt, knownAt) = (row.GetFieldValue<DateTimeOffset>(3), row.GetFieldValue<DateTimeOffset>(4));
        var (hash, state) = (row.GetFieldValue<byte[]>(5), row.GetString(6));
        return Of(Divergence.States, version, () => StateRow(occurredAt, knownAt, hash, LedgerJson.Read<Agent>(state)));
    }

    /// <summary>What a node has in memory.</summary>
    public static Kept Of(string model, KeptState cached) => new(model, cached.Agent.Version, HashedState(cached.Hash, cached.Agent));

    /// <summary>What it is to be.</summary>
    /// <param name="state">The state after the event of its version.</param>
    /// <param name="open">What goes on by then; null where that was not folded, and the state in it is compared alone.</param>
    public JsonNode Expected(PastState state, OpenFacts? open) =>
        Model switch
        {
            Divergence.Presence when open is null => StateOfAgentRow(ColumnsOf(state.Agent), Node(state.Agent)),
            Divergence.Presence => AgentRow(ColumnsOf(state.Agent), open.Registered.At, open.Sessions.Count, open),
            Divergence.States => StateRow(state.Agent.LastOccurredAt, state.KnownAt, state.Hash, state.Agent),
            _ => HashedState(state.Hash, state.Agent),
        };

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

    // Members are called as the columns are.
    private static JsonObject Columns(
        long version,
        string @base,
        string statusId,
        bool signedIn,
        bool disputing,
        IEnumerable<string> queues,
        IEnumerable<string> skills,
        IEnumerable<string> profiles
    ) =>
        new()
        {
            ["version"] = version,
            ["base"] = @base,
            ["status_id"] = statusId,
            ["signed_in"] = signedIn,
            ["disputing"] = disputing,
            ["queues"] = JsonSerializer.SerializeToNode(queues),
            ["skills"] = JsonSerializer.SerializeToNode(skills),
            ["profiles"] = JsonSerializer.SerializeToNode(profiles),
        };

    private static JsonObject ColumnsOf(Agent agent) =>
        Columns(
            agent.Version,
            Words.Of(agent.Status.Base),
            agent.Status.StatusId,
            agent.SignedIn,
            agent.Disputes is not null,
            agent.Settings.Queues,
            AgentTable.SkillsOf(agent),
            AgentTable.ProfilesOf(agent)
        );

    private static JsonObject AgentRow(JsonObject columns, DateTimeOffset registeredAt, int openSessions, OpenFacts open)
    {
        // People's words may be erased (WHO-3), and are not compared.
        var setBy = open.SetBy is { Reason: { } reason } by ? by with { Reason = reason with { Text = null } } : open.SetBy;
        columns["registered_at"] = Instant.Format(registeredAt);
        columns["open_sessions"] = openSessions;
        columns["state"] = JsonSerializer.SerializeToNode(open with { SetBy = setBy }, LedgerJson.Options);
        return columns;
    }

    private static JsonObject StateOfAgentRow(JsonObject columns, JsonNode? agent)
    {
        columns["state"] = new JsonObject { ["agent"] = agent };
        return columns;
    }

    /// <summary>Of the row of what goes on now what the state alone gives.</summary>
    public Kept WithStateAlone()
    {
        if (Model != Divergence.Presence || Document is not JsonObject row)
            return this;
        var columns = (JsonObject)row.DeepClone();
        columns.Remove("registered_at");
        columns.Remove("open_sessions");
        return this with { Document = StateOfAgentRow(columns, row["state"]?["agent"]?.DeepClone()) };
    }

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
