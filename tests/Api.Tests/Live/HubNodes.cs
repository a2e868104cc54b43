using PresenceLedger.Testing;

namespace PresenceLedger.Api.Tests.Live;

/// <summary>Two nodes with short timeouts.</summary>
public sealed class HubNodes()
    : TwoNodes(
        new
        {
            heartbeatSeconds = HeartbeatSeconds,
            heartbeatTimeout = HeartbeatTimeout,
            refreshGrace = RefreshGrace,
        }
    )
{
    public const double HeartbeatSeconds = 0.3;
    public const double HeartbeatTimeout = 4;
    public const double RefreshGrace = 1.5;

    /// <summary>A hub connection of an agent to the first node, or to another.</summary>
    internal Task<HubClient> ConnectAsync(string agentId, Uri? node = null, bool beats = true) =>
        HubClient.ConnectAsync(node ?? First.Url, actor: "agent:" + agentId, beats: beats);

    /// <summary>Follows an agent over server-sent events, from after the snapshot.</summary>
    internal async Task<EventStreamClient> FollowAsync(string agentId)
    {
        var stream = await EventStreamClient.OpenAsync(First.Url, "agents=" + agentId);
        await stream.SnapshotAsync();
        return stream;
    }
}

/// <summary>Tests that share the two nodes.</summary>
[CollectionDefinition(Name)]
public sealed class HubNodesCollection : ICollectionFixture<HubNodes>
{
    public const string Name = "two nodes with hubs";
}
