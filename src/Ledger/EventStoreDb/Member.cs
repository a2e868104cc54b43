using System.Globalization;
using System.Net.Security;
using System.Runtime.CompilerServices;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Grpc.Core;
using Grpc.Net.Client;
using PresenceLedger.Ledger.EventStoreDb.Wire;

namespace PresenceLedger.Ledger.EventStoreDb;

/// <summary>A node of the cluster, and the connection to it. Once something went wrong on it, it is closed, and a new one is made.</summary>
internal sealed class Member : IDisposable
{
    private const int LargestMessage = 64 * 1024 * 1024;

    private readonly EventStoreDbSettings _settings;
    private readonly GrpcChannel _channel;
    private readonly Streams.StreamsClient _streams;
    private readonly Metadata _toLeader;
    private readonly Metadata _toAny;
    private readonly CancellationTokenSource _closing = new();
    private readonly Lock _lock = new();
    private BatchAppender? _batch;

    public Member(NodeAddress address, EventStoreDbSettings settings)
    {
        Address = address;
        _settings = settings;
        _toLeader = Headers(settings, atLeader: true);
        _toAny = Headers(settings, atLeader: false);
        Closed = _closing.Token;
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            ConnectTimeout = settings.GossipTimeout,
            KeepAlivePingDelay = settings.KeepAliveInterval,
            KeepAlivePingTimeout = settings.KeepAliveTimeout,
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.Always,
            PooledConnectionIdleTimeout = System.Threading.Timeout.InfiniteTimeSpan,
            EnableMultipleHttp2Connections = true,
        };
        if (settings.Tls)
            handler.SslOptions = Trust(settings);
        _channel = GrpcChannel.ForAddress(
            new UriBuilder(settings.Tls ? "https" : "http", address.Host, address.Port).Uri,
            new GrpcChannelOptions
            {
                HttpHandler = handler,
                DisposeHttpClient = true,
                MaxReceiveMessageSize = LargestMessage,
            }
        );
        _streams = new Streams.StreamsClient(_channel);
    }

    public NodeAddress Address { get; }

    /// <summary>Cancelled once the connection is closed.</summary>
    public CancellationToken Closed { get; }

    /// <summary>The server's version; null before it was asked.</summary>
    public string? Version { get; private set; }

    /// <summary>Whether a subscription says when it has caught up, as it does from 23.10 on.</summary>
    public bool SaysCaughtUp { get; private set; } = true;

    /// <summary>Whether it was found that its log is no older than what was read before.</summary>
    public bool IsChecked { get; set; }

    private bool TakesBatches { get; set; }

    /// <summary>Asks what the server can do; that it answers says that it is there.</summary>
    public async Task GreetAsync(CancellationToken ct)
    {
        var known = await CallAsync(
            options => new ServerFeatures.ServerFeaturesClient(_channel).GetSupportedMethodsAsync(new Empty(), options),
            _settings.GossipTimeout,
            ct
        );
        Version = known.EventStoreServerVersion;
        SaysCaughtUp =
            Version.Split('.') is not [var major, var minor, ..]
            || !int.TryParse(major, CultureInfo.InvariantCulture, out var year)
            || !int.TryParse(minor, CultureInfo.InvariantCulture, out var month)
            || (year, month).CompareTo((23, 10)) >= 0;
        TakesBatches = known.Methods.Any(m => m.ServiceName == "event_store.client.streams.streams" && m.MethodName == "batchappend");
    }

    /// <summary>Who is in the cluster, as this node sees it.</summary>
    public async Task<IReadOnlyList<MemberInfo>> GossipAsync(CancellationToken ct) =>
        (
            await CallAsync(options => new Gossip.GossipClient(_channel).ReadAsync(new Empty(), options), _settings.GossipTimeout, ct)
        ).Members;

    /// <summary>Sends an append and waits for its answer, for no longer than the deadline.</summary>
    public Task<BatchAppendResp> AppendAsync(BatchAppendReq request, CancellationToken ct) =>
        TakesBatches ? Batch().AppendAsync(request, ct) : AppendAloneAsync(request, ct);

    /// <summary>The answers to a read, as they come; a server that stands still for longer than the deadline has failed.</summary>
    public IAsyncEnumerable<ReadResp> ReadAsync(ReadReq request, CancellationToken ct) =>
        ReadAsync(request, atLeader: true, endless: false, ct);

    /// <summary>
    /// A subscription of the leader's, for reading up to the end of the log: a server that says nothing for longer than the deadline has
    /// failed. While it passes over what is not asked for, it tells how far it is.
    /// </summary>
    public IAsyncEnumerable<ReadResp> CatchUpAsync(ReadReq request, CancellationToken ct) =>
        ReadAsync(request, atLeader: true, endless: false, ct);

    /// <summary>A subscription: what comes in, until it breaks. Only the first answer has to come in time.</summary>
    public IAsyncEnumerable<ReadResp> SubscribeAsync(ReadReq request, CancellationToken ct) =>
        ReadAsync(request, atLeader: false, endless: true, ct);

    /// <inheritdoc />
    public void Dispose()
    {
        lock (_lock)
        {
            if (_closing.IsCancellationRequested)
                return;
            _closing.Cancel();
        }
        _batch?.Dispose();
        _channel.Dispose();
        _closing.Dispose();
    }

    private async IAsyncEnumerable<ReadResp> ReadAsync(
        ReadReq request,
        bool atLeader,
        bool endless,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct, Closed);
        using var call = Guard(() => _streams.Read(request, Options(atLeader, limit.Token)));
        for (var first = true; await MoveNextAsync(call, limit, first || !endless, ct); first = false)
            yield return call.ResponseStream.Current;
    }

    /// <summary>The next answer. The call has the limit as its own; a clock for it runs only while an answer is waited for.</summary>
    private async ValueTask<bool> MoveNextAsync(
        AsyncServerStreamingCall<ReadResp> call,
        CancellationTokenSource limit,
        bool inTime,
        CancellationToken ct
    )
    {
        try
        {
            var next = call.ResponseStream.MoveNext(CancellationToken.None);
            if (next.IsCompleted || !inTime)
                return await next;
            limit.CancelAfter(_settings.Deadline);
            var moved = await next;
            limit.CancelAfter(System.Threading.Timeout.InfiniteTimeSpan);
            return moved;
        }
        catch (Exception e) when (IsFailure(e))
        {
            throw Failure(e, limit.Token, ct);
        }
    }

    private async Task<T> CallAsync<T>(Func<CallOptions, AsyncUnaryCall<T>> call, TimeSpan atMost, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct, Closed);
        limit.CancelAfter(atMost);
        try
        {
            return await call(Options(atLeader: false, limit.Token));
        }
        catch (Exception e) when (IsFailure(e))
        {
            throw Failure(e, limit.Token, ct, atMost);
        }
    }

    /// <summary>An append by a call of its own, for a server that does not say that it takes batches.</summary>
    private async Task<BatchAppendResp> AppendAloneAsync(BatchAppendReq request, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Closed, ct);
        limit.CancelAfter(_settings.Deadline);
        try
        {
            using var call = _streams.Append(Options(atLeader: true, limit.Token));
            var options = new AppendReq.Types.Options { StreamIdentifier = request.Options.StreamIdentifier };
            if (request.Options.ExpectedStreamPositionCase is BatchAppendReq.Types.Options.ExpectedStreamPositionOneofCase.NoStream)
                options.NoStream = new Empty();
            else
                options.Revision = request.Options.StreamPosition;
            await call.RequestStream.WriteAsync(new AppendReq { Options = options }, limit.Token);
            foreach (var e in request.ProposedMessages)
                await call.RequestStream.WriteAsync(
                    new AppendReq
                    {
                        ProposedMessage = new AppendReq.Types.ProposedMessage
                        {
                            Id = e.Id,
                            Metadata = { e.Metadata },
                            Data = e.Data,
                            CustomMetadata = e.CustomMetadata,
                        },
                    },
                    limit.Token
                );
            await call.RequestStream.CompleteAsync();
            return Answer(await call.ResponseAsync);
        }
        catch (Exception e) when (IsFailure(e))
        {
            throw Failure(e, limit.Token, ct);
        }
    }

    /// <summary>The answer as a batch would have it.</summary>
    private static BatchAppendResp Answer(AppendResp answer)
    {
        if (answer.ResultCase is AppendResp.ResultOneofCase.WrongExpectedVersion)
            return new BatchAppendResp
            {
                Error = new Wire.Status { Details = Google.Protobuf.WellKnownTypes.Any.Pack(new WrongExpectedVersion()) },
            };
        var success = new BatchAppendResp.Types.Success { CurrentRevision = answer.Success.CurrentRevision };
        if (answer.Success.Position is { } position)
            success.Position = new AllStreamPosition
            {
                CommitPosition = position.CommitPosition,
                PreparePosition = position.PreparePosition,
            };
        return new BatchAppendResp { Success = success };
    }

    private BatchAppender Batch()
    {
        lock (_lock)
            return _batch ??= Guard(() => new BatchAppender(_streams.BatchAppend(Options(atLeader: true, Closed)), Address, _settings));
    }

    private T Guard<T>(Func<T> begin)
    {
        try
        {
            return begin();
        }
        catch (ObjectDisposedException)
        {
            throw StoreException.Closed(Address);
        }
    }

    private CallOptions Options(bool atLeader, CancellationToken ct) => new(atLeader ? _toLeader : _toAny, cancellationToken: ct);

    /// <summary>The same for every call of a kind, so they are made once.</summary>
    private static Metadata Headers(EventStoreDbSettings settings, bool atLeader)
    {
        var headers = new Metadata { { "connection-name", settings.ConnectionName } };
        if (atLeader)
            headers.Add("requires-leader", "true");
        if (settings.User is { } user)
            headers.Add("authorization", "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(user + ":" + settings.Password)));
        return headers;
    }

    private StoreException Failure(Exception e, CancellationToken limited, CancellationToken ct, TimeSpan? atMost = null)
    {
        ct.ThrowIfCancellationRequested();
        return Closed.IsCancellationRequested ? StoreException.Closed(Address)
            : limited.IsCancellationRequested ? StoreException.TimedOut(Address, atMost ?? _settings.Deadline)
            : StoreException.Of(e, Address, _settings);
    }

    private static bool IsFailure(Exception e) =>
        e is RpcException or OperationCanceledException or ObjectDisposedException or InvalidOperationException or IOException;

    private static SslClientAuthenticationOptions Trust(EventStoreDbSettings settings)
    {
        if (!settings.VerifyCertificate)
#pragma warning disable CA5359, MA0039 // Asked for: tlsVerifyCert=false.
            return new() { RemoteCertificateValidationCallback = (_, _, _, _) => true };
#pragma warning restore CA5359, MA0039
        if (settings.AuthorityFile is not { } file)
            return new();
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.ImportFromPemFile(file);
        return new() { CertificateChainPolicy = policy };
    }
}
