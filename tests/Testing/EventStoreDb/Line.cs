using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;

namespace PresenceLedger.Testing.EventStoreDb;

/// <summary>Holds everything up while it is shut.</summary>
internal sealed class Gate
{
    private readonly Lock _lock = new();
    private TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Gate() => _open.SetResult();

    public bool IsOpen => Opened.IsCompleted;

    public Task Opened
    {
        get
        {
            lock (_lock)
                return _open.Task;
        }
    }

    public void Shut()
    {
        lock (_lock)
            if (_open.Task.IsCompleted)
                _open = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    public void Open()
    {
        lock (_lock)
            _open.TrySetResult();
    }
}

/// <summary>
/// A connection between its bytes and the protocol. While the gate is shut nothing goes through, either way, not even the answer
/// to a ping: so is a process that is stopped, whose kernel still takes connections.
/// </summary>
internal sealed class Line : IDuplexPipe
{
    private readonly ConnectionContext _connection;
    private readonly Gate _gate;
    private readonly TaskCompletionSource _cut = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Line(ConnectionContext connection, Gate gate)
    {
        _connection = connection;
        _gate = gate;
        Input = new Reader(this, connection.Transport.Input);
        Output = new Writer(this, connection.Transport.Output);
    }

    public PipeReader Input { get; }

    public PipeWriter Output { get; }

    public void Cut()
    {
        _cut.TrySetResult();
        _connection.Abort(new ConnectionAbortedException("The connection was cut."));
    }

    /// <summary>Waits while the gate is shut.</summary>
    private async ValueTask PassAsync(Task? orElse = null)
    {
        while (!_gate.IsOpen && !_cut.Task.IsCompleted && orElse is not { IsCompleted: true })
            await Task.WhenAny(_gate.Opened, _cut.Task, orElse ?? _cut.Task);
        if (_cut.Task.IsCompleted)
            throw new ConnectionAbortedException("The connection was cut.");
    }

    private sealed class Reader(Line line, PipeReader inner) : PipeReader
    {
        private TaskCompletionSource _cancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
        {
            await line.PassAsync(_cancelled.Task);
            var result = await inner.ReadAsync(cancellationToken);
            await line.PassAsync(_cancelled.Task);
            if (_cancelled.Task.IsCompleted)
                _cancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);
            return result;
        }

        public override bool TryRead(out ReadResult result)
        {
            result = default;
            return line._gate.IsOpen && inner.TryRead(out result);
        }

        public override void AdvanceTo(SequencePosition consumed) => inner.AdvanceTo(consumed);

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => inner.AdvanceTo(consumed, examined);

        public override void CancelPendingRead()
        {
            inner.CancelPendingRead();
            _cancelled.TrySetResult();
        }

        public override void Complete(Exception? exception = null) => inner.Complete(exception);
    }

    private sealed class Writer(Line line, PipeWriter inner) : PipeWriter
    {
        public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

        public override long UnflushedBytes => inner.UnflushedBytes;

        public override async ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
        {
            if (!line._gate.IsOpen)
                await line.PassAsync();
            return await inner.FlushAsync(cancellationToken);
        }

        public override void Advance(int bytes) => inner.Advance(bytes);

        public override Memory<byte> GetMemory(int sizeHint = 0) => inner.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => inner.GetSpan(sizeHint);

        public override void CancelPendingFlush() => inner.CancelPendingFlush();

        public override void Complete(Exception? exception = null) => inner.Complete(exception);
    }
}
