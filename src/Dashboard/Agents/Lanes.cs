using System.Text.Json;

namespace PresenceLedger.Dashboard.Agents;

/// <summary>What a lane of the picture shows.</summary>
public enum LaneKind
{
    Statuses,
    Corrections,
    Conversations,
    Consults,
    Connections,
}

/// <summary>Something that lasted.</summary>
/// <param name="Id">Of the status, the conversation or the connection.</param>
/// <param name="Look">What it looked like: a base, a state of the conversation, a mode.</param>
/// <param name="From">Since when.</param>
/// <param name="To">Until when; null while it lasts.</param>
/// <param name="Version">The entry that it began with; null where that is of another day.</param>
public sealed record Stretch(string Id, string Look, DateTimeOffset From, DateTimeOffset? To, long? Version)
{
    /// <summary>Whether it lasted at an instant; the end is no part of it.</summary>
    public bool Has(DateTimeOffset at) => From <= at && (To is null || at < To);
}

/// <summary>A lane: stretches of a kind, in rows in which none is over another.</summary>
/// <param name="Kind">What it shows.</param>
/// <param name="Rows">The rows.</param>
public sealed record Lane(LaneKind Kind, IReadOnlyList<IReadOnlyList<Stretch>> Rows)
{
    /// <summary>
    /// What stood before a day and what its entries made of it. The ledger holds changes; that something lasted is put together here, by
    /// the same events and nothing else.
    /// </summary>
    /// <param name="from">Beginning of the day.</param>
    /// <param name="before">The state then; null where nobody was registered.</param>
    /// <param name="entries">The entries of the day, oldest first.</param>
    /// <param name="corrections">Corrections that concern it, whenever they were recorded.</param>
    public static IReadOnlyList<Lane> Of(DateTimeOffset from, StateAsOf? before, IEnumerable<Entry> entries, IEnumerable<Entry> corrections)
    {
        var day = new Lasting();
        if (before is not null)
            day.Begin(from, before);
        foreach (var entry in entries)
            day.Follow(entry);
        var corrected = corrections.Where(e => e.Type == "presence-corrected").Select(Corrected).OrderBy(s => s.From);
        return
        [
            new Lane(LaneKind.Statuses, [day.Statuses.All()]),
            new Lane(LaneKind.Corrections, Rowed(corrected.Select(s => (IReadOnlyList<Stretch>)[s]))),
            new Lane(LaneKind.Conversations, Rowed(day.Conversations.Each())),
            new Lane(LaneKind.Consults, Rowed(day.Consults.Each())),
            new Lane(LaneKind.Connections, Rowed(day.Connections.Each())),
        ];
    }

    /// <summary>The least rows in which nothing is over anything else, the first that is free for each.</summary>
    private static List<IReadOnlyList<Stretch>> Rowed(IEnumerable<IReadOnlyList<Stretch>> runs)
    {
        var rows = new List<List<Stretch>>();
        foreach (var run in runs.Where(r => r.Count > 0).OrderBy(r => r[0].From))
            if (rows.Find(row => row[^1].To <= run[0].From) is { } free)
                free.AddRange(run);
            else
                rows.Add([.. run]);
        return [.. rows];
    }

    private static Stretch Corrected(Entry entry)
    {
        var statusId = Text(entry.Data, "statusId");
        return new Stretch(
            statusId,
            StatusNames.LookOf(statusId, Text(entry.Data, "base")),
            entry.Data.GetProperty("from").GetDateTimeOffset(),
            entry.Data.GetProperty("to").GetDateTimeOffset(),
            entry.Version
        );
    }

    private static string Text(JsonElement data, string name) =>
        data.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.String ? value.GetString()! : "";

    /// <summary>What lasts, entry by entry.</summary>
    private sealed class Lasting
    {
        public Runs Statuses { get; } = new();

        public Runs Conversations { get; } = new();

        public Runs Consults { get; } = new();

        public Runs Connections { get; } = new();

        public void Begin(DateTimeOffset from, StateAsOf before)
        {
            var presence = before.Presence;
            Status(presence.StatusId, presence.Base, from, null);
            foreach (var c in presence.Conversations)
                Conversations.Turn(c.ConversationId, c.ConversationId, Look(c.State, c.HoldsCapacity), from, null);
            foreach (var c in presence.Consults)
                Consults.Turn(c.ConversationId, c.ConversationId, c.Mode, from, null);
            foreach (var id in before.State.Connections.Keys)
                Connections.Turn(id, id, "connection", from, null);
        }

        public void Follow(Entry e)
        {
            var conversation = Text(e.Data, "conversationId");
            var connection = Text(e.Data, "connectionId");
            switch (e.Type)
            {
                case "agent-registered":
                    Status("offline", "offline", e.OccurredAt, e.Version);
                    break;
                case "presence-changed" when e.To is { } to:
                    Status(to.StatusId, to.Base, e.OccurredAt, e.Version);
                    break;
                case "agent-signed-in" or "connection-opened":
                    Connections.Turn(connection, connection, "connection", e.OccurredAt, e.Version);
                    break;
                case "connection-lost":
                    Connections.End(connection, e.OccurredAt);
                    break;
                case "agent-signed-out":
                    Connections.EndAll(e.OccurredAt);
                    break;
                case "conversation-assigned":
                    Turn("assigned");
                    break;
                case "conversation-accepted" or "conversation-resumed":
                    Turn("active");
                    break;
                case "conversation-waiting":
                    Turn("waiting");
                    break;
                case "wrap-up-started":
                    Turn(Look("wrap-up", e.Data.GetProperty("holdsCapacity").GetBoolean()));
                    break;
                case "wrap-up-block-ended":
                    Turn("wrap-up-free");
                    break;
                case "conversation-closed"
                or "conversation-abandoned"
                or "conversation-missed"
                or "conversation-undelivered"
                or "conversation-rejected"
                or "conversation-released"
                or "conversation-transferred"
                or "conversation-force-released":
                    Conversations.End(conversation, e.OccurredAt);
                    break;
                case "consult-joined":
                    Consults.Turn(conversation, conversation, Text(e.Data, "mode"), e.OccurredAt, e.Version);
                    break;
                case "consult-left":
                    Consults.End(conversation, e.OccurredAt);
                    break;
                case "consult-ended":
                    Consults.End(conversation, e.Data.GetProperty("endedAt").GetDateTimeOffset());
                    break;
            }

            void Turn(string look)
            {
                // As in the ledger, only what was assigned has a state.
                if (look == "assigned" || Conversations.Has(conversation))
                    Conversations.Turn(conversation, conversation, look, e.OccurredAt, e.Version);
            }
        }

        private void Status(string statusId, string @base, DateTimeOffset at, long? version) =>
            Statuses.Turn("", statusId, StatusNames.LookOf(statusId, @base), at, version);

        private static string Look(string state, bool holdsCapacity) => state == "wrap-up" && !holdsCapacity ? "wrap-up-free" : state;
    }

    /// <summary>Stretches by what they are of; of each at most the last is open.</summary>
    private sealed class Runs
    {
        private readonly List<List<Stretch>> _all = [];
        private readonly Dictionary<string, List<Stretch>> _open = new(StringComparer.Ordinal);

        public void Turn(string key, string id, string look, DateTimeOffset at, long? version)
        {
            if (!_open.TryGetValue(key, out var run))
                _all.Add(_open[key] = run = []);
            else if (run is [.., var last] && last.Id == id && last.Look == look)
                return;
            Close(run, at);
            run.Add(new Stretch(id, look, at, null, version));
        }

        public bool Has(string key) => _open.ContainsKey(key);

        public void End(string key, DateTimeOffset at)
        {
            if (_open.Remove(key, out var run))
                Close(run, at);
        }

        public void EndAll(DateTimeOffset at)
        {
            foreach (var key in _open.Keys.ToArray())
                End(key, at);
        }

        public IEnumerable<IReadOnlyList<Stretch>> Each() => _all;

        public IReadOnlyList<Stretch> All() => [.. _all.SelectMany(run => run)];

        // What took no time stood at no instant.
        private static void Close(List<Stretch> run, DateTimeOffset at)
        {
            if (run is not [.., { To: null } last])
                return;
            run.RemoveAt(run.Count - 1);
            if (last.From < at)
                run.Add(last with { To = at });
        }
    }
}
