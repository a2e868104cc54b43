using System.Globalization;
using System.Text.RegularExpressions;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Grpc.Core;
using PresenceLedger.Ledger.EventStoreDb.Wire;
using Options = PresenceLedger.Ledger.EventStoreDb.Wire.ReadReq.Types.Options;
using ReadEvent = PresenceLedger.Ledger.EventStoreDb.Wire.ReadResp.Types.ReadEvent;

namespace PresenceLedger.Testing.EventStoreDb;

/// <summary>Reads and appends.</summary>
internal sealed class FakeStreams(FakeNode node) : Streams.StreamsBase
{
    private FakeStore Store => node.Cluster.Store;

    public override async Task Read(ReadReq request, IServerStreamWriter<ReadResp> responseStream, ServerCallContext context)
    {
        var options = request.Options;
        if (!node.Authenticate(context))
            throw Answers.AccessDenied();
        if (options.UuidOption is null)
            throw Answers.Invalid(" `uuidOption` is a required argument of type UUIDOption");
        if (options.CountOptionCase == Options.CountOptionOneofCase.Subscription)
        {
            await new FakeSubscription(node, options, responseStream, context).RunAsync();
            return;
        }

        node.Cluster.CountRead();
        var fault = await node.BeginAsync("read", context);
        if (node.Refusal(context) is { } refusal)
            throw refusal;
        var answers =
            options.StreamOptionCase == Options.StreamOptionOneofCase.Stream
                ? ReadStream(options)
                : await ReadAllAsync(options, context.CancellationToken);
        if (fault == Fault.CutMidAnswer)
            answers = answers.Take(answers.Count / 2).ToList();
        else
            await node.EndAsync(fault, context);
        foreach (var answer in answers)
            await responseStream.WriteAsync(answer, context.CancellationToken);
        if (fault == Fault.CutMidAnswer)
            throw FakeNode.Cut(context);
    }

    public override async Task<AppendResp> Append(IAsyncStreamReader<AppendReq> requestStream, ServerCallContext context)
    {
        var mayWrite = node.Authenticate(context);
        if (!await requestStream.MoveNext() || requestStream.Current.Options is not { } options)
            throw Answers.Unhandled();
        if (!mayWrite)
            throw Answers.AccessDenied();
        var expected = options.ExpectedStreamRevisionCase switch
        {
            AppendReq.Types.Options.ExpectedStreamRevisionOneofCase.Revision => (long)options.Revision,
            AppendReq.Types.Options.ExpectedStreamRevisionOneofCase.NoStream => FakeStore.NoStream,
            AppendReq.Types.Options.ExpectedStreamRevisionOneofCase.Any => FakeStore.Any,
            AppendReq.Types.Options.ExpectedStreamRevisionOneofCase.StreamExists => FakeStore.StreamExists,
            _ => throw Answers.Invalid($"'{options.ExpectedStreamRevisionCase}' is not a valid expected revision"),
        };
        var events = new List<Proposed>();
        var size = 0L;
        while (await requestStream.MoveNext())
        {
            var message = requestStream.Current.ProposedMessage ?? throw Answers.Unhandled();
            foreach (var property in (string[])["type", "content-type"])
                if (!message.Metadata.ContainsKey(property))
                    throw Answers.MetadataMissing(property);
            var proposed = Propose(message.Id, message.Metadata, message.Data, message.CustomMetadata);
            if (proposed.Id == Guid.Empty || proposed.Type.Length == 0)
                throw Answers.Unhandled();
            size += proposed.Size;
            if (size > node.Cluster.MaxAppendSize)
                throw Answers.AppendTooLarge(node.Cluster.MaxAppendSize);
            events.Add(proposed);
        }

        node.Cluster.CountAppend();
        var fault = await node.BeginAsync("append", context);
        if (node.Refusal(context) is { } refusal)
            throw refusal;
        if (!CanForward(node))
            throw Answers.TimedOut("Forwarding timeout");
        var stream = options.StreamIdentifier.StreamName.ToStringUtf8();
        var outcome = Store.Append(stream, expected, events);
        await node.EndAsync(fault, context);
        return outcome.Verdict switch
        {
            Verdict.Success => Success(outcome),
            Verdict.WrongExpectedVersion => WrongExpectedVersion(outcome.Revision, expected),
            _ => throw Answers.StreamDeleted(stream),
        };
    }

    public override Task BatchAppend(
        IAsyncStreamReader<BatchAppendReq> requestStream,
        IServerStreamWriter<BatchAppendResp> responseStream,
        ServerCallContext context
    ) =>
        node.Cluster.SupportsBatchAppend
            ? new FakeBatches(node, requestStream, responseStream, context).RunAsync()
            : throw new RpcException(new Grpc.Core.Status(StatusCode.Unimplemented, "Service is unimplemented."));

    /// <summary>Whether a node leads, or can hand appends on to the one that does.</summary>
    public static bool CanForward(FakeNode node) => node.Cluster.LeadingNode is { IsAlive: true, Gate.IsOpen: true } || node.Leads;

    public static Proposed Propose(UUID id, MapField<string, string> metadata, ByteString data, ByteString custom) =>
        new(Uuids.Read(id), metadata["type"], metadata["content-type"] == "application/json", data, custom);

    /// <summary>The filter of a request; without one everything passes.</summary>
    public static Func<Recorded, bool> Filter(Options options)
    {
        if (options.FilterOptionCase != Options.FilterOptionOneofCase.Filter)
            return _ => true;
        var filter = options.Filter;
        if (filter.WindowCase == Options.Types.FilterOptions.WindowOneofCase.None)
            throw Answers.Invalid("'None' is not a valid window");
        var (expression, subject) = filter.FilterCase switch
        {
            Options.Types.FilterOptions.FilterOneofCase.StreamIdentifier => (
                filter.StreamIdentifier,
                (Func<Recorded, string>)(e => e.Stream)
            ),
            Options.Types.FilterOptions.FilterOneofCase.EventType => (filter.EventType, e => e.Event.Type),
            _ => throw Answers.Invalid("The filter is of no kind"),
        };
        if (expression.Regex.Length > 0)
        {
            var regex = new Regex(expression.Regex, RegexOptions.None, TimeSpan.FromSeconds(1));
            return e => regex.IsMatch(subject(e));
        }
        string[] prefixes = [.. expression.Prefix];
        return e => Array.Exists(prefixes, p => subject(e).StartsWith(p, StringComparison.Ordinal));
    }

    public static ReadResp Event(Recorded e, Options options)
    {
        var recorded = new ReadEvent.Types.RecordedEvent
        {
            Id =
                options.UuidOption.ContentCase == Options.Types.UUIDOption.ContentOneofCase.String
                    ? Uuids.Text(e.Event.Id)
                    : Uuids.Structured(e.Event.Id),
            StreamIdentifier = new StreamIdentifier { StreamName = ByteString.CopyFromUtf8(e.Stream) },
            StreamRevision = (ulong)e.Revision,
            CommitPosition = (ulong)e.At,
            PreparePosition = (ulong)e.At,
            Metadata =
            {
                ["type"] = e.Event.Type,
                ["created"] = e.CreatedTicks.ToString(CultureInfo.InvariantCulture),
                ["content-type"] = e.Event.IsJson ? "application/json" : "application/octet-stream",
            },
            Data = e.Event.Data,
            CustomMetadata = e.Event.Custom,
        };
        return new ReadResp
        {
            Event = new ReadEvent { Event = recorded, CommitPosition = (ulong)e.At },
        };
    }

    private IReadOnlyList<ReadResp> ReadStream(Options options)
    {
        if (options.FilterOptionCase == Options.FilterOptionOneofCase.Filter)
            throw Answers.Invalid("A stream cannot be filtered.");
        var name = options.Stream.StreamIdentifier.StreamName.ToStringUtf8();
        if (Store.IsDeleted(name))
            throw Answers.StreamDeleted(name);
        if (Store.Stream(name) is not { } events)
            return
            [
                new ReadResp { StreamNotFound = new ReadResp.Types.StreamNotFound { StreamIdentifier = options.Stream.StreamIdentifier } },
            ];
        var last = events.Count - 1;
        var backwards = options.ReadDirection == Options.Types.ReadDirection.Backwards;
        var from = options.Stream.RevisionOptionCase switch
        {
            Options.Types.StreamOptions.RevisionOptionOneofCase.Start => 0UL,
            Options.Types.StreamOptions.RevisionOptionOneofCase.End when backwards => (ulong)last,
            Options.Types.StreamOptions.RevisionOptionOneofCase.Revision => options.Stream.Revision,
            _ => throw Answers.Unexpected("ReadStreamResult", "Error"),
        };
        if (options.Count == 0)
            throw Answers.Unexpected("ReadStreamResult", "Error");
        var found = backwards ? events.Where(e => (ulong)e.Revision <= from).Reverse() : events.Where(e => (ulong)e.Revision >= from);
        var answers = found.Take((int)Math.Min(options.Count, int.MaxValue)).Select(e => Event(e, options)).ToList();
        if (options.ControlOption is not { Compatibility: >= 1 })
            return answers;
        // In this order: what was asked for begins after the end, and where the end is.
        if (!backwards && answers.Count == 0 && from != (ulong)last + 1)
            answers.Add(new ReadResp { FirstStreamPosition = (ulong)last + 1 });
        answers.Add(new ReadResp { LastStreamPosition = (ulong)last });
        return answers;
    }

    private async Task<IReadOnlyList<ReadResp>> ReadAllAsync(Options options, CancellationToken ct)
    {
        var filter = Filter(options);
        var result = options.FilterOptionCase == Options.FilterOptionOneofCase.Filter ? "FilteredReadAllResult" : "ReadAllResult";
        Position? from = options.All.AllOptionCase switch
        {
            Options.Types.AllOptions.AllOptionOneofCase.Start => Position.Start,
            Options.Types.AllOptions.AllOptionOneofCase.Position => Position.Of(
                options.All.Position.CommitPosition,
                options.All.Position.PreparePosition
            ),
            _ => null,
        };
        // 2^64-1 is the end, too.
        if (from == Position.None)
            from = null;
        IReadOnlyList<Recorded>? events = [];
        if (options.ReadDirection == Options.Types.ReadDirection.Backwards)
            events = Store.ReadBackwards(from, options.Count, filter);
        else if (from is { } start)
        {
            var page = Store.ReadForwards(start, (int)Math.Min(options.Count, int.MaxValue), int.MaxValue, filter);
            events = page?.Events;
            // It says nothing while it looks.
            await Task.Delay(node.Cluster.Looking(page?.Considered ?? 0), ct);
        }
        return events?.Select(e => Event(e, options)).ToList() ?? throw Answers.Unexpected(result, "InvalidPosition");
    }

    private static AppendResp Success(Outcome outcome)
    {
        var success = new AppendResp.Types.Success();
        if (outcome.Revision < 0)
            success.NoStream = new();
        else
            success.CurrentRevision = (ulong)outcome.Revision;
        if (outcome.At < 0)
            success.NoPosition = new();
        else
            success.Position = new() { CommitPosition = (ulong)outcome.At, PreparePosition = (ulong)outcome.At };
        return new AppendResp { Success = success };
    }

    private static AppendResp WrongExpectedVersion(long current, long expected)
    {
        var wrong = new AppendResp.Types.WrongExpectedVersion();
        if (current < 0)
            wrong.CurrentNoStream = new();
        else
            wrong.CurrentRevision = (ulong)current;
        switch (expected)
        {
            case FakeStore.Any:
                wrong.ExpectedAny = new();
                break;
            case FakeStore.StreamExists:
                wrong.ExpectedStreamExists = new();
                break;
            case FakeStore.NoStream:
                wrong.ExpectedNoStream = new();
                break;
            default:
                wrong.ExpectedRevision = (ulong)expected;
                break;
        }
        return new AppendResp { WrongExpectedVersion = wrong };
    }
}
