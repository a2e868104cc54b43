using System.Collections.Concurrent;
using System.Threading.Channels;
using Grpc.Core;
using PresenceLedger.Ledger.EventStoreDb.Wire;

namespace PresenceLedger.Ledger.EventStoreDb;

/// <summary>
/// Appends over one call in both directions: many under way at once, each with an answer of its own. The call keeps no deadline
/// by itself, so every append has its own; what was under way when the call broke may or may not be written.
/// </summary>
internal sealed class BatchAppender : IDisposable
{
    private readonly AsyncDuplexStreamingCall<BatchAppendReq, BatchAppendResp> _call;
    private readonly NodeAddress _node;
    private readonly EventStoreDbSettings _settings;
    private readonly ConcurrentDictionary<string, TaskCompletionSource<BatchAppendResp>> _waiting = new(StringComparer.Ordinal);
    private readonly Channel<BatchAppendReq> _queue = Channel.CreateUnbounded<BatchAppendReq>(new() { SingleReader = true });
    private volatile StoreException? _broken;

    public BatchAppender(AsyncDuplexStreamingCall<BatchAppendReq, BatchAppendResp> call, NodeAddress node, EventStoreDbSettings settings)
    {
        _call = call;
        _node = node;
        _settings = settings;
        _ = RunAsync(SendAsync);
        _ = RunAsync(ReceiveAsync);
    }

    /// <summary>Sends an append; the answer to it.</summary>
    /// <exception cref="StoreException">There was none in time, or the call broke.</exception>
    /// <exception cref="OperationCanceledException">The caller waits no longer; it may have been written.</exception>
    public async Task<BatchAppendResp> AppendAsync(BatchAppendReq request, CancellationToken ct)
    {
        var id = request.CorrelationId.String;
        var waiting = new TaskCompletionSource<BatchAppendResp>(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiting[id] = waiting;
        try
        {
            // Looked at after the append is in the list: who breaks the call answers all that are.
            if (_broken is { } broken)
                throw broken;
            _queue.Writer.TryWrite(request);
            return await waiting.Task.WaitAsync(_settings.Deadline, ct);
        }
        catch (TimeoutException)
        {
            throw StoreException.TimedOut(_node, _settings.Deadline);
        }
        finally
        {
            _waiting.TryRemove(id, out _);
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        Break(StoreException.Closed(_node));
        _call.Dispose();
    }

    private async Task RunAsync(Func<Task> work)
    {
        try
        {
            await work();
            Break(new IOException("the server ended the call"));
        }
        catch (Exception e)
        {
            Break(e);
        }
    }

    private async Task SendAsync()
    {
        await Task.Yield();
        while (await _queue.Reader.WaitToReadAsync())
        while (_queue.Reader.TryRead(out var request))
        {
            // What waits behind it goes out in the same packet.
            _call.RequestStream.WriteOptions = _queue.Reader.TryPeek(out _) ? new WriteOptions(WriteFlags.BufferHint) : null;
            await _call.RequestStream.WriteAsync(request);
        }
    }

    private async Task ReceiveAsync()
    {
        await Task.Yield();
        await foreach (var answer in _call.ResponseStream.ReadAllAsync())
            // An answer that nobody waits for came too late, or twice.
            if (_waiting.TryGetValue(Id(answer.CorrelationId), out var waiting))
                waiting.TrySetResult(answer);
    }

    /// <summary>The server answers with the form of id it likes.</summary>
    private static string Id(UUID id) =>
        id.ValueCase is UUID.ValueOneofCase.Structured
            ? new Guid(
                (uint)(id.Structured.MostSignificantBits >> 32),
                (ushort)(id.Structured.MostSignificantBits >> 16),
                (ushort)id.Structured.MostSignificantBits,
                (byte)(id.Structured.LeastSignificantBits >> 56),
                (byte)(id.Structured.LeastSignificantBits >> 48),
                (byte)(id.Structured.LeastSignificantBits >> 40),
                (byte)(id.Structured.LeastSignificantBits >> 32),
                (byte)(id.Structured.LeastSignificantBits >> 24),
                (byte)(id.Structured.LeastSignificantBits >> 16),
                (byte)(id.Structured.LeastSignificantBits >> 8),
                (byte)id.Structured.LeastSignificantBits
            ).ToString("D")
            : id.String;

    private void Break(Exception e)
    {
        _broken ??= StoreException.Of(e, _node, _settings);
        _queue.Writer.TryComplete();
        foreach (var waiting in _waiting.Values)
            waiting.TrySetException(_broken);
    }
}
