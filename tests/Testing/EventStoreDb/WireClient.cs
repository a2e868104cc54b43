using System.Net.Security;
using System.Runtime.CompilerServices;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using PresenceLedger.Ledger.EventStoreDb.Wire;
using Options = PresenceLedger.Ledger.EventStoreDb.Wire.ReadReq.Types.Options;

namespace PresenceLedger.Testing.EventStoreDb;

/// <summary>An event as it came over the wire.</summary>
public sealed record WireEvent(Guid Id, string Stream, long Revision, ulong Commit, ulong Prepare, string Data);

/// <summary>A message of a subscription: its kind, by the name of the protocol, and the place or the event that it has.</summary>
public sealed record WireMessage(string Kind, ulong Commit = 0, ulong Prepare = 0, WireEvent? Event = null);

/// <summary>
/// The answer to one append: the revision and the place, the actual revision (-1 where there is no stream) where another was expected,
/// or another error of a batch, as "code message (type of the details)".
/// </summary>
public sealed record WireAnswer(long? Revision, ulong? At = null, long? Actual = null, string? Error = null);

/// <summary>
/// A bare client of the wire contract: it has one channel, retries nothing and says what came. For tests of the fake, and for looking
/// at a real server.
/// </summary>
public sealed class WireClient : IDisposable
{
    public const long NoStream = FakeStore.NoStream;
    public const long Any = FakeStore.Any;
    public const long StreamExists = FakeStore.StreamExists;

    private readonly GrpcChannel _channel;
    private readonly Streams.StreamsClient _streams;
    private readonly Metadata _headers = [];

    public WireClient(Uri address, bool requiresLeader = false, string? credentials = null, string? authorityFile = null)
    {
        var handler = new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(5) };
        if (authorityFile is not null)
        {
            var authority = new X509Certificate2Collection();
            authority.ImportFromPemFile(authorityFile);
            var policy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
            };
            policy.CustomTrustStore.AddRange(authority);
            handler.SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = policy };
        }
        _channel = GrpcChannel.ForAddress(address, new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true });
        _streams = new(_channel);
        if (requiresLeader)
            _headers.Add("requires-leader", "true");
        if (credentials is not null)
            _headers.Add("authorization", "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(credentials)));
    }

    /// <summary>Appends events, all with the same body, in a call of its own.</summary>
    public async Task<WireAnswer> AppendAsync(
        string stream,
        long expected,
        IEnumerable<Guid> ids,
        string body = "{}",
        DateTime? deadline = null
    )
    {
        using var call = _streams.Append(_headers, deadline);
        var options = new AppendReq.Types.Options { StreamIdentifier = Name(stream) };
        switch (expected)
        {
            case NoStream:
                options.NoStream = new();
                break;
            case Any:
                options.Any = new();
                break;
            case StreamExists:
                options.StreamExists = new();
                break;
            default:
                options.Revision = (ulong)expected;
                break;
        }
        try
        {
            await call.RequestStream.WriteAsync(new AppendReq { Options = options });
            foreach (var id in ids)
            {
                var message = new AppendReq.Types.ProposedMessage { Id = Uuids.Text(id), Data = ByteString.CopyFromUtf8(body) };
                message.Metadata.Add("type", "tested");
                message.Metadata.Add("content-type", "application/json");
                await call.RequestStream.WriteAsync(new AppendReq { ProposedMessage = message });
            }
            await call.RequestStream.CompleteAsync();
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException or IOException)
        {
            // The server may have answered before it heard everything, or be gone; the answer tells.
        }
        var answer = await call;
        return answer.Success is { } success
            ? new WireAnswer((long)success.CurrentRevision, success.Position?.CommitPosition)
            : new WireAnswer(
                null,
                Actual: answer.WrongExpectedVersion.HasCurrentRevision ? (long)answer.WrongExpectedVersion.CurrentRevision : -1
            );
    }

    /// <summary>Opens a call for appends in batches.</summary>
    public WireBatches OpenBatches(CancellationToken ct = default) => new(_streams.BatchAppend(_headers, cancellationToken: ct));

    /// <summary>Reads a stream, from a revision or from its start or end; nothing where there is no such stream.</summary>
    public async Task<IReadOnlyList<WireEvent>?> ReadStreamAsync(
        string stream,
        long? from = null,
        bool backwards = false,
        ulong count = 1000
    )
    {
        var options = new Options.Types.StreamOptions { StreamIdentifier = Name(stream) };
        if (from is { } revision)
            options.Revision = (ulong)revision;
        else if (backwards)
            options.End = new();
        else
            options.Start = new();
        return await ReadAsync(
            new Options
            {
                Stream = options,
                Count = count,
                NoFilter = new(),
            },
            backwards
        );
    }

    /// <summary>Reads $all, from a place or from its start or end, all of it or what begins with a prefix.</summary>
    public async Task<IReadOnlyList<WireEvent>> ReadAllAsync(
        (ulong Commit, ulong Prepare)? from = null,
        bool backwards = false,
        ulong count = 1000,
        string? prefix = null
    ) => await ReadAsync(Filtered(new Options { All = From(from, backwards), Count = count }, prefix, 1), backwards) ?? [];

    /// <summary>Subscribes to $all after a place, or from its start or end.</summary>
    public async IAsyncEnumerable<WireMessage> SubscribeAsync(
        (ulong Commit, ulong Prepare)? after = null,
        bool fromEnd = false,
        string? prefix = null,
        uint multiplier = 1,
        [EnumeratorCancellation] CancellationToken ct = default
    )
    {
        var options = Filtered(new Options { All = From(after, fromEnd), Subscription = new() }, prefix, multiplier);
        options.UuidOption = new Options.Types.UUIDOption { String = new() };
        using var call = _streams.Read(new ReadReq { Options = options }, _headers, cancellationToken: ct);
        await foreach (var message in call.ResponseStream.ReadAllAsync(ct))
            yield return message.ContentCase switch
            {
                ReadResp.ContentOneofCase.Event => new WireMessage("Event", Event: Event(message.Event)),
                ReadResp.ContentOneofCase.Checkpoint => new WireMessage(
                    "Checkpoint",
                    message.Checkpoint.CommitPosition,
                    message.Checkpoint.PreparePosition
                ),
                var kind => new WireMessage(kind.ToString()),
            };
    }

    /// <summary>The members of the cluster, as "port state" with " dead" where one is not alive.</summary>
    public async Task<IReadOnlyList<string>> GossipAsync(DateTime? deadline = null)
    {
        var members = (await new Gossip.GossipClient(_channel).ReadAsync(new Empty(), _headers, deadline)).Members;
        return [.. members.Select(m => $"{m.HttpEndPoint.Port} {m.State}{(m.IsAlive ? "" : " dead")}")];
    }

    /// <summary>The methods that the server says it has, by their names.</summary>
    public async Task<IReadOnlyList<string>> MethodsAsync()
    {
        var features = await new ServerFeatures.ServerFeaturesClient(_channel).GetSupportedMethodsAsync(new Empty(), _headers);
        return [.. features.Methods.Select(m => m.MethodName)];
    }

    public void Dispose() => _channel.Dispose();

    internal static StreamIdentifier Name(string stream) => new() { StreamName = ByteString.CopyFromUtf8(stream) };

    private async Task<IReadOnlyList<WireEvent>?> ReadAsync(Options options, bool backwards)
    {
        options.ReadDirection = backwards ? Options.Types.ReadDirection.Backwards : Options.Types.ReadDirection.Forwards;
        options.UuidOption = new Options.Types.UUIDOption { String = new() };
        using var call = _streams.Read(new ReadReq { Options = options }, _headers);
        var events = new List<WireEvent>();
        await foreach (var message in call.ResponseStream.ReadAllAsync())
        {
            if (message.ContentCase == ReadResp.ContentOneofCase.StreamNotFound)
                return null;
            events.Add(Event(message.Event));
        }
        return events;
    }

    private static Options.Types.AllOptions From((ulong Commit, ulong Prepare)? place, bool fromEnd)
    {
        var options = new Options.Types.AllOptions();
        if (place is { } at)
            options.Position = new() { CommitPosition = at.Commit, PreparePosition = at.Prepare };
        else if (fromEnd)
            options.End = new();
        else
            options.Start = new();
        return options;
    }

    private static Options Filtered(Options options, string? prefix, uint multiplier)
    {
        if (prefix is null)
            options.NoFilter = new();
        else
            options.Filter = new()
            {
                StreamIdentifier = new() { Prefix = { prefix } },
                Count = new(),
                CheckpointIntervalMultiplier = multiplier,
            };
        return options;
    }

    private static WireEvent Event(ReadResp.Types.ReadEvent read)
    {
        var e = read.Event;
        var stream = e.StreamIdentifier.StreamName.ToStringUtf8();
        return new(Uuids.Read(e.Id), stream, (long)e.StreamRevision, e.CommitPosition, e.PreparePosition, e.Data.ToStringUtf8());
    }
}

/// <summary>A call for appends in batches: what is sent, and the answers as they come.</summary>
public sealed class WireBatches : IDisposable
{
    private readonly AsyncDuplexStreamingCall<BatchAppendReq, BatchAppendResp> _call;

    internal WireBatches(AsyncDuplexStreamingCall<BatchAppendReq, BatchAppendResp> call) => _call = call;

    /// <summary>Sends one append, whole, and returns its correlation id.</summary>
    public async Task<Guid> SendAsync(string stream, long expected, IEnumerable<Guid> ids, string body = "{}")
    {
        var correlation = Guid.NewGuid();
        var options = new BatchAppendReq.Types.Options { StreamIdentifier = WireClient.Name(stream) };
        switch (expected)
        {
            case WireClient.NoStream:
                options.NoStream = new();
                break;
            case WireClient.Any:
                options.Any = new();
                break;
            case WireClient.StreamExists:
                options.StreamExists = new();
                break;
            default:
                options.StreamPosition = (ulong)expected;
                break;
        }
        var request = new BatchAppendReq
        {
            CorrelationId = Uuids.Text(correlation),
            Options = options,
            IsFinal = true,
        };
        foreach (var id in ids)
        {
            var message = new BatchAppendReq.Types.ProposedMessage { Id = Uuids.Text(id), Data = ByteString.CopyFromUtf8(body) };
            message.Metadata.Add("type", "tested");
            message.Metadata.Add("content-type", "application/json");
            request.ProposedMessages.Add(message);
        }
        await _call.RequestStream.WriteAsync(request);
        return correlation;
    }

    /// <summary>The next answer, whichever append it is to.</summary>
    public async Task<(Guid Correlation, WireAnswer Answer)> NextAsync()
    {
        if (!await _call.ResponseStream.MoveNext(CancellationToken.None))
            throw new InvalidOperationException("The server ended the call.");
        var answer = _call.ResponseStream.Current;
        var to = Uuids.Read(answer.CorrelationId);
        if (answer.Success is { } success)
            return (to, new WireAnswer((long)success.CurrentRevision, success.Position?.CommitPosition));
        if (answer.Error.Details.TryUnpack<WrongExpectedVersion>(out var wrong))
            return (to, new WireAnswer(null, Actual: wrong.HasCurrentStreamRevision ? (long)wrong.CurrentStreamRevision : -1));
        var kind = answer.Error.Details.TypeUrl.Split('/')[^1];
        return (to, new WireAnswer(null, Error: $"{answer.Error.Code} {answer.Error.Message} ({kind})"));
    }

    /// <summary>Sends one append and takes the next answer.</summary>
    public async Task<WireAnswer> AppendAsync(string stream, long expected, IEnumerable<Guid> ids, string body = "{}")
    {
        await SendAsync(stream, expected, ids, body);
        return (await NextAsync()).Answer;
    }

    public void Dispose() => _call.Dispose();
}
