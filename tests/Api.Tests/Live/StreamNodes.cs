using System.Text.Json;
using PresenceLedger.Testing;

namespace PresenceLedger.Api.Tests.Live;

/// <summary>Two nodes whose streams beat twice a second, and whose agents stay though nobody beats for them.</summary>
public sealed class StreamNodes() : TwoNodes(new { heartbeatSeconds = 0.5, heartbeatTimeout = 3600 })
{
    /// <summary>An agent that is signed in, and known to be.</summary>
    public async Task<string> SignedInAsync(object? settings = null) => await KnownAsync(await First.SignedInAsync(settings));

    /// <summary>Follows on the first node, from after the snapshot.</summary>
    public async Task<EventStreamClient> FollowAsync(string query, bool narrow = false)
    {
        var stream = await EventStreamClient.OpenAsync(First.Url, query, narrow: narrow);
        await stream.SnapshotAsync();
        return stream;
    }

    /// <summary>What is pushed of an agent by the contract: each change of the presence, and the last event of each command.</summary>
    public async Task<string[]> ChangesAsync(string agentId)
    {
        var timeline = await TimelineAsync(agentId);
        return
        [
            .. timeline
                .Where((e, n) => Text(e, "type") == "presence-changed" || n + 1 == timeline.Length || Cause(e) != Cause(timeline[n + 1]))
                .Select(e => $"{Text(e, "position")} {Text(e, "type")} {Version(e)} {Text(e, "occurredAt")}"),
        ];

        static string Cause(JsonElement e) => Text(e, "causationId");
    }

    /// <summary>Reads some changes, as <see cref="ChangesAsync"/> has them.</summary>
    public static async Task<string[]> ReadAsync(EventStreamClient stream, int count)
    {
        var read = new string[count];
        for (var n = 0; n < count; n++)
        {
            var change = await stream.NextAsync("change");
            Assert.Equal(Text(change.Data, "position"), change.Id);
            read[n] = $"{change.Id} {Text(change.Data, "type")} {Version(change.Data)} {Text(change.Data, "occurredAt")}";
        }
        return read;
    }

    /// <summary>What queries and changes both show of a presence.</summary>
    public static string[] Shown(JsonElement presence) =>
        [
            .. presence
                .EnumerateObject()
                .Where(p => p.Name is not ("asOf" or "position" or "type" or "occurredAt"))
                .Select(p => p.ToString()),
        ];
}

/// <summary>Tests that share the two nodes.</summary>
[CollectionDefinition(Name)]
public sealed class StreamNodesCollection : ICollectionFixture<StreamNodes>
{
    public const string Name = "two nodes with streams";
}
