using PresenceLedger.Ledger.EventStoreDb.Wire;
using ReadOptions = PresenceLedger.Ledger.EventStoreDb.Wire.ReadReq.Types.Options;

namespace PresenceLedger.Ledger.EventStoreDb;

/// <summary>What the server is asked to read, in its protocol.</summary>
internal sealed class ReadRequests(RecordedEvents events)
{
    /// <summary>Events of a stream from a version on, upwards.</summary>
    public ReadReq Forwards(string stream, long fromVersion, int count) =>
        Stream(
            ReadOptions.Types.ReadDirection.Forwards,
            new ReadOptions.Types.StreamOptions { StreamIdentifier = events.Stream(stream), Revision = (ulong)fromVersion },
            count
        );

    /// <summary>Events of a stream from a version on, downwards; from the last one on where the version is the highest there can be.</summary>
    public ReadReq Backwards(string stream, long fromVersion, int count)
    {
        var from = new ReadOptions.Types.StreamOptions { StreamIdentifier = events.Stream(stream) };
        if (fromVersion == long.MaxValue)
            from.End = new Empty();
        else
            from.Revision = (ulong)fromVersion;
        return Stream(ReadOptions.Types.ReadDirection.Backwards, from, count);
    }

    /// <summary>The last event of the log, whoever's it is.</summary>
    public static ReadReq End()
    {
        var request = Request(ReadOptions.Types.ReadDirection.Backwards);
        request.Options.All = new ReadOptions.Types.AllOptions { End = new Empty() };
        request.Options.Count = 1;
        return request;
    }

    /// <summary>Events of the ledger from a position on.</summary>
    public ReadReq From(LogPosition position, long count)
    {
        var request = Request(ReadOptions.Types.ReadDirection.Forwards);
        request.Options.All = AllFrom(position);
        request.Options.Count = (ulong)count;
        request.Options.Filter = Filter();
        return request;
    }

    /// <summary>All events of the ledger after a position, those to come among them.</summary>
    public ReadReq SubscriptionTo(LogPosition after)
    {
        var request = Request(ReadOptions.Types.ReadDirection.Forwards);
        request.Options.All = AllFrom(after);
        request.Options.Subscription = new ReadOptions.Types.SubscriptionOptions();
        request.Options.Filter = Filter();
        return request;
    }

    private static ReadReq Stream(ReadOptions.Types.ReadDirection direction, ReadOptions.Types.StreamOptions from, int count)
    {
        var request = Request(direction);
        request.Options.Stream = from;
        request.Options.Count = (ulong)count;
        return request;
    }

    /// <summary>What every read has; of what, how much and by which filter is said besides.</summary>
    private static ReadReq Request(ReadOptions.Types.ReadDirection direction) =>
        new()
        {
            Options = new ReadOptions
            {
                ReadDirection = direction,
                NoFilter = new Empty(),
                UuidOption = new ReadOptions.Types.UUIDOption { String = new Empty() },
                ControlOption = new ReadOptions.Types.ControlOption { Compatibility = 1 },
            },
        };

    private static ReadOptions.Types.AllOptions AllFrom(LogPosition position) =>
        position == LogPosition.Start
            ? new() { Start = new Empty() }
            : new()
            {
                Position = new ReadOptions.Types.Position
                {
                    CommitPosition = unchecked((ulong)position.Number),
                    PreparePosition = unchecked((ulong)position.Prepare),
                },
            };

    private ReadOptions.Types.FilterOptions Filter() =>
        new()
        {
            StreamIdentifier = new ReadOptions.Types.FilterOptions.Types.Expression { Prefix = { events.Prefixes } },
            // So many of others are passed over in one go, and then a subscription is told how far it is.
            Max = 1024,
            CheckpointIntervalMultiplier = 1,
        };
}
