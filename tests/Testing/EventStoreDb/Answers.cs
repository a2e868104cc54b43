using System.Globalization;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using PresenceLedger.Ledger.EventStoreDb.Wire;
using RpcStatus = PresenceLedger.Ledger.EventStoreDb.Wire.Status;
using Status = Grpc.Core.Status;

namespace PresenceLedger.Testing.EventStoreDb;

/// <summary>The server's errors, in its words: of a call, and of one append of a batch.</summary>
internal static class Answers
{
    public static RpcException NotReady() => new(new Status(StatusCode.Unavailable, "Server Is Not Ready"));

    public static RpcException NoLeaderInfo() => new(new Status(StatusCode.Unknown, "No leader info available in response"));

    public static RpcException NotLeader(Uri leader) =>
        Error(
            StatusCode.NotFound,
            "Leader info available",
            "not-leader",
            ("leader-endpoint-host", leader.Host),
            ("leader-endpoint-port", leader.Port.ToString(CultureInfo.InvariantCulture))
        );

    public static RpcException TimedOut(string what) => new(new Status(StatusCode.Aborted, $"Operation timed out: {what}"));

    public static RpcException AccessDenied() => Error(StatusCode.PermissionDenied, "Access Denied", "access-denied");

    public static RpcException StreamDeleted(string stream) =>
        Error(StatusCode.FailedPrecondition, $"Event stream '{stream}' is deleted.", "stream-deleted", ("stream-name", stream));

    public static RpcException AppendTooLarge(uint limit) =>
        Error(
            StatusCode.InvalidArgument,
            $"Maximum Append Size of {limit} Exceeded.",
            "maximum-append-size-exceeded",
            ("maximum-append-size", limit.ToString(CultureInfo.InvariantCulture))
        );

    public static RpcException MetadataMissing(string property) =>
        Error(
            StatusCode.InvalidArgument,
            $"Required Metadata Property '{property}' is missing",
            "missing-required-metadata-property",
            ("required-metadata-properties", "type,content-type")
        );

    public static RpcException Invalid(string what) => new(new Status(StatusCode.InvalidArgument, what));

    public static RpcException InvalidPosition() => Invalid("Trying to read from an invalid position.");

    public static RpcException Unhandled() => new(new Status(StatusCode.Unknown, "Exception was thrown by handler."));

    public static RpcException Unexpected(string result, string value) =>
        new(new Status(StatusCode.Unknown, $"Unexpected {result}: {value}"));

    /// <summary>What the server does not handle: it gives no code, and nothing in the details.</summary>
    public static RpcStatus NotHandled(string message) =>
        new() { Message = message, Details = Any.Pack(new Google.Protobuf.WellKnownTypes.Empty()) };

    public static RpcStatus Failed(StatusCode code, IMessage details) => Failed(code, details.Descriptor.Name, details);

    public static RpcStatus Failed(StatusCode code, string message, IMessage details) =>
        new()
        {
            Code = (int)code,
            Message = message,
            Details = Any.Pack(details),
        };

    public static RpcStatus WrongExpectedVersion(long current, long expected)
    {
        var details = new WrongExpectedVersion();
        var nothing = new Google.Protobuf.WellKnownTypes.Empty();
        if (current < 0)
            details.CurrentNoStream = nothing;
        else
            details.CurrentStreamRevision = (ulong)current;
        switch (expected)
        {
            case FakeStore.Any:
                details.ExpectedAny = nothing;
                break;
            case FakeStore.StreamExists:
                details.ExpectedStreamExists = nothing;
                break;
            case FakeStore.NoStream:
                details.ExpectedNoStream = nothing;
                break;
            default:
                details.ExpectedStreamPosition = (ulong)expected;
                break;
        }
        return Failed(StatusCode.AlreadyExists, details);
    }

    private static RpcException Error(StatusCode code, string message, string exception, params (string Key, string Value)[] details)
    {
        var trailers = new Metadata { { "exception", exception } };
        foreach (var (key, value) in details)
            trailers.Add(key, value);
        return new(new Status(code, message), trailers);
    }
}
