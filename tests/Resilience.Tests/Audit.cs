using System.Text.Json;
using System.Text.Json.Nodes;
using Npgsql;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Resilience.Tests;

/// <summary>Looks at the ledger itself, beside the service.</summary>
public static class Audit
{
    private static readonly string[] RuleCodes =
    [
        "agent-unknown",
        "agent-not-signed-in",
        "nothing-to-reset",
        "conversation-unknown",
        "conversation-not-assigned",
        "conversation-not-active",
        "conversation-not-waiting",
        // A transfer to the agent who has it.
        "validation",
    ];

    /// <summary>Every acknowledged event is recorded exactly once, and nothing else is amiss.</summary>
    public static void AssertSound(IReadOnlyList<EventRecord> records, Load load)
    {
        Assert.Empty(load.Faults);
        Assert.Empty(load.Refusals.Keys.Except(RuleCodes));

        Assert.Equal(records.Count, records.Select(r => r.EventId).Distinct().Count());
        var recorded = records.ToDictionary(r => r.EventId);
        foreach (var acknowledged in load.Events)
        {
            Assert.True(recorded.TryGetValue(acknowledged.EventId, out var record), $"{acknowledged} is lost");
            Assert.Equal((StreamNames.Agent(acknowledged.AgentId), acknowledged.Version), (record.Stream, record.Version));
        }

        // A key whose command was sent again must not have been recorded twice: one command is one cause, and every cause of a
        // client was acknowledged under a key of its own. What became due by itself has causes of the ledger.
        var keys = new Dictionary<Guid, string>();
        foreach (var acknowledged in load.Events)
            if (OwnCause(recorded[acknowledged.EventId]) is { } cause)
                keys[cause] = acknowledged.Key;
        Assert.Equal(keys.Count, keys.Values.Distinct(StringComparer.Ordinal).Count());
        var unexplained = records
            .Where(r => StreamNames.AgentId(r.Stream) is not null)
            .Select(OwnCause)
            .OfType<Guid>()
            .Where(c => !keys.ContainsKey(c))
            .Distinct()
            .ToArray();
        Assert.Empty(unexplained);

        foreach (var stream in records.GroupBy(r => r.Stream, StringComparer.Ordinal))
        {
            var previous = HashChain.Genesis;
            var version = 0L;
            foreach (var record in stream)
            {
                Assert.Equal(version++, record.Version);
                Assert.True(HashChain.Holds(previous, record), $"the chain of {stream.Key} breaks at {record.Version}");
                previous = record.Hash;
            }
        }
    }

    /// <summary>Waits until the projection has everything, then compares it with what the log gives.</summary>
    public static async Task AssertProjectedAsync(NpgsqlDataSource database, IReadOnlyList<EventRecord> records)
    {
        var expected = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var stream in records.GroupBy(r => r.Stream, StringComparer.Ordinal))
            if (StreamNames.AgentId(stream.Key) is { } agentId)
                expected[agentId] = LedgerJson.Write(
                    stream.Aggregate(Agent.Unknown(agentId), (agent, r) => agent.Evolve((AgentEvent)WireNames.Read(r)))
                );

        var actual = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var tries = 0; tries < 300; tries++)
        {
            actual.Clear();
            await using var command = database.CreateCommand("select agent_id, state #>> '{agent}' from presence_v3.agent");
            await using (var reader = await command.ExecuteReaderAsync())
                while (await reader.ReadAsync())
                    actual[reader.GetString(0)] = reader.GetString(1);
            if (actual.Count == expected.Count && actual.All(a => VersionOf(a.Value) == VersionOf(expected[a.Key])))
                break;
            await Task.Delay(100);
        }
        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), actual.Keys.Order(StringComparer.Ordinal));
        foreach (var (agentId, state) in expected)
            Assert.True(
                JsonNode.DeepEquals(JsonNode.Parse(state), JsonNode.Parse(actual[agentId])),
                $"{agentId}\n{state}\n{actual[agentId]}"
            );
    }

    /// <summary>Everything in the ledger, each stream in order.</summary>
    public static async Task<List<EventRecord>> ReadAsync(NpgsqlDataSource database)
    {
        await using var command = database.CreateCommand(
            """
            select stream, version, event_id, type, data::text, metadata::text, occurred_at, recorded_at, hash
            from ledger.event order by stream, version
            """
        );
        var records = new List<EventRecord>();
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
            records.Add(
                new EventRecord(
                    reader.GetString(0),
                    reader.GetInt64(1),
                    reader.GetGuid(2),
                    reader.GetString(3),
                    reader.GetString(4),
                    reader.GetString(5),
                    reader.GetFieldValue<DateTimeOffset>(6),
                    reader.GetFieldValue<DateTimeOffset>(7),
                    reader.GetFieldValue<byte[]>(8)
                )
            );
        return records;
    }

    /// <summary>Everything in the ledger, each stream in order, wherever the log is.</summary>
    public static async Task<List<EventRecord>> ReadAsync(ILog log)
    {
        var (records, position) = (new List<EventRecord>(), LogPosition.Start);
        while (await log.ReadAllAsync(position, 1000, CancellationToken.None) is { Count: > 0 } page)
        {
            records.AddRange(page.Select(e => e.Record));
            position = page[^1].Position;
        }
        return records;
    }

    private static long VersionOf(string state) => JsonElement.Parse(state).GetProperty("version").GetInt64();

    /// <summary>The command that caused an event; null where it became due by itself.</summary>
    private static Guid? OwnCause(EventRecord record)
    {
        var metadata = LedgerJson.Read<EventMetadata>(record.Metadata);
        return metadata.Actor.Kind is Persona.System ? null : metadata.CausationId;
    }
}
