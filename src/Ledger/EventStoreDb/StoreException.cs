using System.Globalization;
using System.Net.Sockets;
using System.Security.Authentication;
using Grpc.Core;
using PresenceLedger.Ledger.EventStoreDb.Wire;

namespace PresenceLedger.Ledger.EventStoreDb;

/// <summary>A call to a node failed; says in plain words why, and whether another try may help.</summary>
internal sealed class StoreException : Exception
{
    private StoreException(string message, Exception? inner)
        : base(message, inner) { }

    /// <summary>Another try, perhaps at another node, may go well.</summary>
    public bool Transient { get; private init; }

    /// <summary>Where it was an append: it may have been done all the same.</summary>
    public bool OutcomeUnknown { get; private init; }

    /// <summary>The server has no event that begins at the position asked for.</summary>
    public bool IsInvalidPosition { get; private init; }

    /// <summary>The leader, where the node named one.</summary>
    public NodeAddress? Leader { get; private init; }

    /// <summary>A node that has not answered in time.</summary>
    public static StoreException TimedOut(NodeAddress node, TimeSpan limit) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{node} has not answered within {limit.TotalSeconds:0.###} s"), null)
        {
            Transient = true,
            OutcomeUnknown = true,
        };

    /// <summary>A call whose connection was closed, because something went wrong on it or the service stops.</summary>
    public static StoreException Closed(NodeAddress node) =>
        new($"the connection to {node} was closed", null) { Transient = true, OutcomeUnknown = true };

    /// <summary>Nobody leads, or nobody answers.</summary>
    public static StoreException NoLeader(string message) => new(message, null) { Transient = true };

    /// <summary>What a failed call means.</summary>
    public static StoreException Of(Exception e, NodeAddress node, EventStoreDbSettings settings) =>
        e switch
        {
            StoreException known => known,
            RpcException rpc => Of(rpc, node, settings),
            _ => new($"{node}: {e.Message}", e) { Transient = true, OutcomeUnknown = true },
        };

    /// <summary>What the error of one append of a batch means.</summary>
    public static StoreException Of(Wire.Status error, string stream, NodeAddress node, EventStoreDbSettings settings)
    {
        if (error.Details is { } details)
        {
            if (details.Is(AccessDenied.Descriptor))
                return Denied(node, settings, null);
            if (details.Is(StreamDeleted.Descriptor))
                return Deleted(stream, null);
            if (details.Is(MaximumAppendSizeExceeded.Descriptor))
                return TooLarge(details.Unpack<MaximumAppendSizeExceeded>().MaxAppendSize.ToString(CultureInfo.InvariantCulture), null);
            if (details.Is(MaximumAppendEventSizeExceeded.Descriptor))
                return TooLarge(
                    details.Unpack<MaximumAppendEventSizeExceeded>().MaxAppendEventSize.ToString(CultureInfo.InvariantCulture),
                    null
                );
            if (details.Is(BadRequest.Descriptor))
                return new($"{node} cannot read the append: {details.Unpack<BadRequest>().Message}", null);
            if (details.Is(Wire.Timeout.Descriptor))
                return new($"{node} could not write in time", null) { Transient = true, OutcomeUnknown = true };
        }
        return new($"{node}: {error.Message}", null) { Transient = true, OutcomeUnknown = true };
    }

    private static StoreException Of(RpcException e, NodeAddress node, EventStoreDbSettings settings)
    {
        switch (e.Trailers.GetValue("exception"))
        {
            case "not-leader":
                return new($"{node} does not lead", e)
                {
                    Transient = true,
                    OutcomeUnknown = true,
                    Leader =
                        e.Trailers.GetValue("leader-endpoint-host") is { Length: > 0 } host
                        && int.TryParse(e.Trailers.GetValue("leader-endpoint-port"), CultureInfo.InvariantCulture, out var port)
                            ? new NodeAddress(host, port)
                            : null,
                };
            case "stream-deleted":
                return Deleted(e.Trailers.GetValue("stream-name") ?? "?", e);
            case "access-denied":
                return Denied(node, settings, e);
            case "maximum-append-size-exceeded":
                return TooLarge(e.Trailers.GetValue("maximum-append-size"), e);
            case "maximum-append-event-size-exceeded":
                return TooLarge(e.Trailers.GetValue("maximum-append-event-size"), e);
        }
        return e.StatusCode switch
        {
            StatusCode.Unauthenticated => new(
                settings.User is { } user
                    ? $"{node} does not accept the password of user '{user}'"
                    : $"{node} asks for a user and password; they stand before the nodes: esdb://user:password@…",
                e
            ),
            StatusCode.PermissionDenied => Denied(node, settings, e),
            StatusCode.Unimplemented => new(
                $"{node} does not know this call: it is older than version 21.10, or no EventStoreDB ({e.Status.Detail})",
                e
            ),
            StatusCode.InvalidArgument
            or StatusCode.Unknown
                when e
                    .Status.Detail.Replace(" ", "", StringComparison.Ordinal)
                    .Contains("invalidposition", StringComparison.OrdinalIgnoreCase) => new($"{node}: {e.Status.Detail}", e)
            {
                IsInvalidPosition = true,
            },
            StatusCode.InvalidArgument or StatusCode.ResourceExhausted or StatusCode.OutOfRange => new($"{node}: {e.Status.Detail}", e),
            StatusCode.DeadlineExceeded => new($"{node} has not answered in time", e) { Transient = true, OutcomeUnknown = true },
            _ => new($"{node}: {Reason(e, settings)}", e) { Transient = true, OutcomeUnknown = true },
        };
    }

    /// <summary>A connection that cannot be made shows as unavailable or internal; what is under it says why.</summary>
    private static string Reason(RpcException e, EventStoreDbSettings settings)
    {
        for (var inner = e.InnerException ?? e.Status.DebugException; inner is not null; inner = inner.InnerException)
            switch (inner)
            {
                case AuthenticationException when inner.Message.Contains("frame", StringComparison.OrdinalIgnoreCase):
                    return "it does not speak TLS; where that is meant, say tls=false";
                case AuthenticationException:
                    return "its certificate is not trusted, or it trusts not ours; tlsCaFile names the authority: " + inner.Message;
                case SocketException socket:
                    return socket.Message;
                case HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError } when inner.InnerException is null:
                    return "no TLS connection: " + inner.Message;
                case HttpRequestException
                {
                    HttpRequestError: HttpRequestError.HttpProtocolError
                        or HttpRequestError.InvalidResponse
                        or HttpRequestError.ResponseEnded
                } when !settings.Tls:
                    return "it does not speak plain HTTP/2; where it speaks TLS, leave tls=false out (" + inner.Message + ")";
            }
        return e.Status.Detail;
    }

    private static StoreException Deleted(string stream, Exception? inner) =>
        new($"the stream '{stream}' was deleted on the server; the ledger never deletes, so bring it back from a backup", inner);

    private static StoreException Denied(NodeAddress node, EventStoreDbSettings settings, Exception? inner) =>
        new(
            $"{node} does not let {(settings.User is { } user ? $"user '{user}'" : "a client without a user")} do this; "
                + "the user needs to read $all and to read and write the streams of the ledger",
            inner
        );

    private static StoreException TooLarge(string? limit, Exception? inner) =>
        new($"the events of one append are larger than the server takes ({limit ?? "?"} bytes: max-append-size)", inner);
}
