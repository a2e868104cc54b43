using Grpc.Core;
using PresenceLedger.Ledger.EventStoreDb.Wire;

namespace PresenceLedger.Testing.EventStoreDb;

/// <summary>Who is in the cluster. A node that was killed is known to be, one that stands still is not.</summary>
internal sealed class FakeGossip(FakeNode node) : Gossip.GossipBase
{
    public override async Task<ClusterInfo> Read(Empty request, ServerCallContext context)
    {
        node.Authenticate(context);
        var fault = await node.BeginAsync("gossip", context);
        var cluster = new ClusterInfo();
        foreach (var member in node.Cluster.Nodes)
            cluster.Members.Add(
                new MemberInfo
                {
                    InstanceId = Uuids.Structured(member.Id),
                    TimeStamp = (DateTime.UtcNow - DateTime.UnixEpoch).Ticks,
                    State = member.Leads ? MemberInfo.Types.VNodeState.Leader : MemberInfo.Types.VNodeState.Follower,
                    IsAlive = member.IsAlive,
                    HttpEndPoint = new EndPoint { Address = member.Address.Host, Port = (uint)member.Address.Port },
                }
            );
        await node.EndAsync(fault, context);
        return cluster;
    }
}

/// <summary>What the server can do.</summary>
internal sealed class FakeServerFeatures(FakeNode node) : ServerFeatures.ServerFeaturesBase
{
    public override async Task<SupportedMethods> GetSupportedMethods(Empty request, ServerCallContext context)
    {
        node.Authenticate(context);
        var fault = await node.BeginAsync("features", context);
        var methods = new SupportedMethods { EventStoreServerVersion = node.Cluster.Version };
        Add("event_store.client.streams.streams", "read", "position", "events");
        Add("event_store.client.streams.streams", "append");
        if (node.Cluster.SupportsBatchAppend)
            Add("event_store.client.streams.streams", "batchappend", "deadline_duration");
        Add("event_store.client.gossip.gossip", "read");
        Add("event_store.client.server_features.serverfeatures", "getsupportedmethods");
        await node.EndAsync(fault, context);
        return methods;

        void Add(string service, string method, params string[] features) =>
            methods.Methods.Add(
                new SupportedMethod
                {
                    ServiceName = service,
                    MethodName = method,
                    Features = { features },
                }
            );
    }
}
