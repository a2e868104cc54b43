using System.Collections.Concurrent;
using System.Threading.Channels;
using Grpc.Core;
using PresenceLedger.Ledger.EventStoreDb.Wire;
using Details = PresenceLedger.Ledger.EventStoreDb.Wire;
using Options = PresenceLedger.Ledger.EventStoreDb.Wire.BatchAppendReq.Types.Options;

namespace PresenceLedger.Testing.EventStoreDb;

/// <summary>One call with any number of appends, each answered by its correlation id.</summary>
internal sealed class FakeBatches(
    FakeNode node,
    IAsyncStreamReader<BatchAppendReq> client,
    IServerStreamWriter<BatchAppendResp> answers,
    ServerCallContext context
)
{
    private readonly Channel<BatchAppendResp> _answers = Channel.CreateUnbounded<BatchAppendResp>();
    private readonly Dictionary<Guid, Pending> _pending = [];
    private readonly ConcurrentBag<Task> _late = [];

    public async Task RunAsync()
    {
        var mayWrite = node.Authenticate(context);
        var receiving = ReceiveAsync(mayWrite);
        // What was answered before an error is sent before it.
        await foreach (var answer in _answers.Reader.ReadAllAsync(context.CancellationToken))
            await answers.WriteAsync(answer, context.CancellationToken);
        await receiving;
    }

    private async Task ReceiveAsync(bool mayWrite)
    {
        Exception? error = null;
        try
        {
            await foreach (var request in client.ReadAllAsync(context.CancellationToken))
                ReceiveOrComplain(request, mayWrite);
            await Task.WhenAll(_late);
        }
        catch (Exception e)
        {
            error = e;
        }
        _answers.Writer.TryComplete(error);
    }

    private void ReceiveOrComplain(BatchAppendReq request, bool mayWrite)
    {
        try
        {
            Receive(request, mayWrite);
        }
        catch (Exception e) when (e is not RpcException)
        {
            var details = new Details.BadRequest { Message = e.Message };
            Answer(request, request.Options?.StreamIdentifier, Answers.Failed(StatusCode.InvalidArgument, details));
        }
    }

    private void Receive(BatchAppendReq request, bool mayWrite)
    {
        var id = Uuids.Read(request.CorrelationId);
        if (request.Options is { } options)
        {
            var error =
                !mayWrite ? Answers.Failed(StatusCode.PermissionDenied, new Details.AccessDenied())
                : options.StreamIdentifier is null
                    ? Answers.Failed(
                        StatusCode.InvalidArgument,
                        new Details.BadRequest { Message = "Required field StreamIdentifier not set." }
                    )
                : TimeLeft(options) <= TimeSpan.Zero ? Answers.Failed(StatusCode.DeadlineExceeded, new Details.Timeout())
                : null;
            if (error is not null)
            {
                Answer(request, options.StreamIdentifier, error);
                return;
            }
            _pending.TryAdd(id, new Pending(options));
        }
        if (!_pending.TryGetValue(id, out var pending))
            return;

        foreach (var message in request.ProposedMessages)
        {
            var proposed = FakeStreams.Propose(message.Id, message.Metadata, message.Data, message.CustomMetadata);
            if (proposed.Id == Guid.Empty || proposed.Type.Length == 0)
                throw new ArgumentException("Empty eventId or eventType provided.");
            pending.Events.Add(proposed);
        }
        if (pending.Events.Sum(e => e.Size) > node.Cluster.MaxAppendSize)
        {
            _pending.Remove(id);
            var details = new Details.MaximumAppendSizeExceeded { MaxAppendSize = node.Cluster.MaxAppendSize };
            Answer(request, pending.Options.StreamIdentifier, Answers.Failed(StatusCode.InvalidArgument, details));
        }
        else if (request.IsFinal)
        {
            _pending.Remove(id);
            Append(request, pending);
        }
    }

    private void Append(BatchAppendReq request, Pending pending)
    {
        node.Cluster.CountAppend();
        var fault = node.Cluster.Faults.Take("append");
        var error = fault switch
        {
            Fault.CutBefore => throw FakeNode.Cut(context),
            Fault.NotLeader or Fault.Unavailable => throw node.Error(fault)!,
            Fault.NotReady => Answers.NotHandled("Server Is Not Ready"),
            Fault.NoLeaderInfo => Answers.NotHandled("No leader info available in response"),
            Fault.Unknown => Answers.Failed(StatusCode.Unknown, new Details.Unknown()),
            Fault.Internal => Answers.Failed(StatusCode.Internal, "Internal error", new Google.Protobuf.WellKnownTypes.Empty()),
            Fault.Aborted => Answers.Failed(StatusCode.DeadlineExceeded, new Details.Timeout()),
            _ => null,
        };
        if (fault == Fault.TimeOut)
        {
            NeverAnswer();
            return;
        }
        if (error is null && node.Refusal(context) is { } refusal)
            throw refusal;
        if (error is null && !FakeStreams.CanForward(node))
            error = Answers.Failed(StatusCode.DeadlineExceeded, new Details.Timeout());
        if (error is not null)
        {
            Answer(request, pending.Options.StreamIdentifier, error);
            return;
        }

        var expected = pending.Options.ExpectedStreamPositionCase switch
        {
            Options.ExpectedStreamPositionOneofCase.StreamPosition => (long)pending.Options.StreamPosition,
            Options.ExpectedStreamPositionOneofCase.NoStream => FakeStore.NoStream,
            Options.ExpectedStreamPositionOneofCase.Any => FakeStore.Any,
            Options.ExpectedStreamPositionOneofCase.StreamExists => FakeStore.StreamExists,
            _ => throw new ArgumentException("The expected position is not set."),
        };
        var outcome = node.Cluster.Store.Append(pending.Options.StreamIdentifier.StreamName.ToStringUtf8(), expected, pending.Events);
        var answer = Answer(request, pending.Options.StreamIdentifier, outcome, expected);
        switch (fault)
        {
            case Fault.CutAfter or Fault.CutMidAnswer:
                throw FakeNode.Cut(context);
            case Fault.TimeOutAfter:
                NeverAnswer();
                break;
            case Fault.Delay:
                _late.Add(AnswerLateAsync(answer));
                break;
            case Fault.DuplicateAnswer:
                _answers.Writer.TryWrite(answer);
                _answers.Writer.TryWrite(answer);
                break;
            default:
                _answers.Writer.TryWrite(answer);
                break;
        }
    }

    private static BatchAppendResp Answer(BatchAppendReq request, StreamIdentifier stream, Outcome outcome, long expected)
    {
        var answer = new BatchAppendResp { CorrelationId = request.CorrelationId, StreamIdentifier = stream };
        if (outcome.Verdict == Verdict.WrongExpectedVersion)
            answer.Error = Answers.WrongExpectedVersion(outcome.Revision, expected);
        else if (outcome.Verdict == Verdict.Deleted)
            answer.Error = Answers.Failed(StatusCode.NotFound, new Details.StreamDeleted { StreamIdentifier = stream });
        else
        {
            answer.Success = new BatchAppendResp.Types.Success();
            if (outcome.Revision < 0)
                answer.Success.NoStream = new();
            else
                answer.Success.CurrentRevision = (ulong)outcome.Revision;
            if (outcome.At < 0)
                answer.Success.NoPosition = new();
            else
                answer.Success.Position = new() { CommitPosition = (ulong)outcome.At, PreparePosition = (ulong)outcome.At };
        }
        return answer;
    }

    private void Answer(BatchAppendReq request, StreamIdentifier? stream, Details.Status error) =>
        _answers.Writer.TryWrite(
            new BatchAppendResp
            {
                CorrelationId = request.CorrelationId,
                StreamIdentifier = stream,
                Error = error,
            }
        );

    private async Task AnswerLateAsync(BatchAppendResp answer)
    {
        await Task.Delay(node.Cluster.Faults.DelayBy, context.CancellationToken);
        _answers.Writer.TryWrite(answer);
    }

    /// <summary>The call stays open for what is never answered.</summary>
    private void NeverAnswer() => _late.Add(Task.Delay(System.Threading.Timeout.InfiniteTimeSpan, context.CancellationToken));

    private static TimeSpan TimeLeft(Options options) =>
        options.DeadlineOptionCase switch
        {
            Options.DeadlineOptionOneofCase.Deadline => options.Deadline.ToTimeSpan(),
            Options.DeadlineOptionOneofCase.Deadline21100 => options.Deadline21100.ToDateTime() - DateTime.UtcNow,
            _ => TimeSpan.MaxValue,
        };

    private sealed record Pending(Options Options)
    {
        public List<Proposed> Events { get; } = [];
    }
}
