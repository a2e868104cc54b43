using Grpc.Core;

namespace PresenceLedger.Testing.EventStoreDb;

/// <summary>A place in the log. An event is where it begins, by both numbers; "after" an event is where it ends, and prepare is 0 then.</summary>
internal readonly record struct Position(long Commit, long Prepare) : IComparable<Position>
{
    /// <summary>Before everything; on the wire this is 2^64-1, which clients read as "the end".</summary>
    public static readonly Position None = new(-1, -1);

    public static readonly Position Start = new(0, 0);

    public static Position Of(ulong commit, ulong prepare)
    {
        // The server's own type refuses these with an exception that nobody catches.
        if (commit < prepare || commit is > long.MaxValue and < ulong.MaxValue || prepare is > long.MaxValue and < ulong.MaxValue)
            throw new RpcException(new Status(StatusCode.Unknown, "Exception was thrown by handler."));
        return new(unchecked((long)commit), unchecked((long)prepare));
    }

    public ulong WireCommit => unchecked((ulong)Commit);

    public ulong WirePrepare => unchecked((ulong)Prepare);

    public int CompareTo(Position other) => Commit == other.Commit ? Prepare.CompareTo(other.Prepare) : Commit.CompareTo(other.Commit);

    public static bool operator <(Position a, Position b) => a.CompareTo(b) < 0;

    public static bool operator >(Position a, Position b) => a.CompareTo(b) > 0;

    public static bool operator <=(Position a, Position b) => a.CompareTo(b) <= 0;

    public static bool operator >=(Position a, Position b) => a.CompareTo(b) >= 0;
}
