using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace PresenceLedger.Testing.EventStoreDb;

/// <summary>One node: it listens, and knows how its requests may go wrong.</summary>
internal sealed class FakeNode : IAsyncDisposable
{
    private readonly ConcurrentDictionary<Line, bool> _lines = new();

    // Keeps the port for this node while nobody listens on it: connections are refused then.
    private readonly Socket _port = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private WebApplication? _server;

    public FakeNode(FakeEventStore cluster)
    {
        Cluster = cluster;
        _port.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        _port.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var port = ((IPEndPoint)_port.LocalEndPoint!).Port;
        Address = new Uri($"{(cluster.Authority is null ? "http" : "https")}://127.0.0.1:{port}");
    }

    public FakeEventStore Cluster { get; }

    public Guid Id { get; } = Guid.CreateVersion7();

    public Uri Address { get; }

    /// <summary>Shut while the node is frozen.</summary>
    public Gate Gate { get; } = new();

    public bool IsAlive => _server is not null;

    public bool Leads => Cluster.LeadingNode == this;

    public async Task StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Listen(IPAddress.Loopback, Address.Port, Listen);
        });
        builder.Services.AddGrpc(grpc => grpc.MaxReceiveMessageSize = null);
        builder.Services.AddSingleton(this);
        var server = builder.Build();
        server.MapGrpcService<FakeStreams>();
        server.MapGrpcService<FakeGossip>();
        server.MapGrpcService<FakeServerFeatures>();
        await server.StartAsync();
        _server = server;
    }

    public async Task KillAsync()
    {
        if (Interlocked.Exchange(ref _server, null) is not { } server)
            return;
        foreach (var line in _lines.Keys)
            line.Cut();
        // Nothing is brought to an end in peace.
        await server.StopAsync(new CancellationToken(true));
        await server.DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        Gate.Open();
        _port.Dispose();
    }

    /// <summary>Whether the caller is somebody: nobody may ask who is in the cluster, but not read or write.</summary>
    /// <exception cref="RpcException">The credentials are wrong.</exception>
    public bool Authenticate(ServerCallContext context)
    {
        if (Cluster.Credentials is not { } credentials)
            return true;
        var header = context.RequestHeaders.GetValue("authorization");
        if (header is null)
            return false;
        var expected = Convert.ToBase64String(Encoding.UTF8.GetBytes(credentials));
        if (AuthenticationHeaderValue.TryParse(header, out var given) && given is { Scheme: "Basic" } && given.Parameter == expected)
            return true;
        throw new RpcException(new Status(StatusCode.Unauthenticated, "Unauthenticated"));
    }

    /// <summary>The error where only the leader is to answer and this node does not lead.</summary>
    public RpcException? Refusal(ServerCallContext context) =>
        !Leads && bool.TryParse(context.RequestHeaders.GetValue("requires-leader"), out var required) && required
            ? Answers.NotLeader(Cluster.LeadingNode.Address)
            : null;

    /// <summary>Takes what is to go wrong with a request. Where nothing is to be done, it goes wrong here.</summary>
    public async Task<Fault> BeginAsync(string method, ServerCallContext context)
    {
        var fault = Cluster.Faults.Take(method);
        if (fault == Fault.CutBefore)
            throw Cut(context);
        if (fault == Fault.TimeOut)
            await Task.Delay(Timeout.InfiniteTimeSpan, context.CancellationToken);
        return Error(fault) is { } error ? throw error : fault;
    }

    /// <summary>What is to go wrong now that the request is done.</summary>
    public async Task EndAsync(Fault fault, ServerCallContext context)
    {
        if (fault is Fault.CutAfter or Fault.CutMidAnswer)
            throw Cut(context);
        if (fault == Fault.TimeOutAfter)
            await Task.Delay(Timeout.InfiniteTimeSpan, context.CancellationToken);
        if (fault == Fault.Delay)
            await Task.Delay(Cluster.Faults.DelayBy, context.CancellationToken);
    }

    /// <summary>The error that a fault is for a whole call.</summary>
    public RpcException? Error(Fault fault) =>
        fault switch
        {
            Fault.NotLeader => Answers.NotLeader(Cluster.LeadingNode.Address),
            Fault.NoLeaderInfo => Answers.NoLeaderInfo(),
            Fault.NotReady => Answers.NotReady(),
            Fault.Unknown => Answers.Unhandled(),
            Fault.Internal => new RpcException(new Status(StatusCode.Internal, "Internal error")),
            Fault.Unavailable => new RpcException(new Status(StatusCode.Unavailable, "Server Is Too Busy")),
            Fault.Aborted => Answers.TimedOut("Prepare phase timeout."),
            _ => null,
        };

    /// <summary>Breaks the connection of a call, and with it all calls that share it.</summary>
    public static RpcException Cut(ServerCallContext context)
    {
        context.GetHttpContext().Features.Get<Line>()!.Cut();
        return new RpcException(new Status(StatusCode.Cancelled, "The connection was cut."));
    }

    private void Listen(ListenOptions listen)
    {
        listen.Protocols = HttpProtocols.Http2;
        listen.Use(next =>
            async connection =>
            {
                var line = new Line(connection, Gate);
                connection.Transport = line;
                connection.Features.Set(line);
                _lines[line] = true;
                try
                {
                    await next(connection);
                }
                finally
                {
                    _lines.TryRemove(line, out _);
                }
            }
        );
        if (Cluster.Authority is { } authority)
            listen.UseHttps(authority.Certificate);
    }
}
