using System.Buffers.Binary;
using System.Data;
using System.Globalization;
using System.Runtime.CompilerServices;
using Npgsql;

namespace PresenceLedger.Ledger.Verification;

/// <summary>
/// The log in PostgreSQL, by one binary COPY of a snapshot, whose bytes are taken as they come: several times as fast as rows that are read
/// value by value.
/// </summary>
internal sealed class PostgresScan(NpgsqlDataSource database) : ILogScan
{
    private const int HeaderLength = 19;
    private const int Columns = 10;
    private const int Patience = 120_000;
    private static readonly DateTimeOffset Epoch = new(2000, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>What fits into an instant of .NET, in microseconds from 2000 on.</summary>
    private static readonly long Earliest = (DateTimeOffset.MinValue - Epoch).Ticks / TimeSpan.TicksPerMicrosecond;
    private static readonly long Latest = (DateTimeOffset.MaxValue - Epoch).Ticks / TimeSpan.TicksPerMicrosecond;

    private NpgsqlConnection? _connection;
    private NpgsqlTransaction? _transaction;
    private byte[] _buffer = new byte[256 * 1024];
    private int _from;
    private int _to;

    /// <inheritdoc />
    public async IAsyncEnumerable<EventBlock> ReadAsync(LogPosition after, [EnumeratorCancellation] CancellationToken ct)
    {
        var connection = await OpenAsync(ct);
        await using var stream = await connection.BeginRawBinaryCopyAsync(
            string.Create(
                CultureInfo.InvariantCulture,
                $"""
                copy (
                    select position, stream, version, event_id, type, data, metadata, occurred_at, recorded_at, hash
                    from ledger.event
                    where position > {after.Number}
                    order by position
                ) to stdout (format binary)
                """
            ),
            ct
        );
        if (stream.CanTimeout)
            stream.ReadTimeout = Patience;
        await NeedAsync(stream, HeaderLength, ct);
        _from += HeaderLength;
        for (var ended = false; !ended; )
        {
            var block = new EventBlock();
            Exception? unreadable = null;
            try
            {
                while (!block.IsFull && !(ended = !await AddAsync(stream, block, ct))) { }
            }
            catch (Exception e) when (e is PostgresException { SqlState: ['X', 'X', ..] or ['2', '2', ..] } or InvalidDataException)
            {
                unreadable = e;
            }
            if (block.Rows.Count > 0)
                yield return block;
            if (unreadable is not null)
                throw new UnreadableException(unreadable.Message, unreadable);
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        if (_transaction is not null)
            await _transaction.DisposeAsync();
        if (_connection is not null)
            await _connection.DisposeAsync();
    }

    private async Task<NpgsqlConnection> OpenAsync(CancellationToken ct)
    {
        if (_connection is not null)
            return _connection;
        _connection = await database.OpenConnectionAsync(ct);
        _transaction = await _connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, ct);
        // The index has the order; a sort of all would send the first row after the last was read.
        await using var settings = new NpgsqlCommand(
            "set transaction read only; set local enable_sort = off; set local jit = off; set local statement_timeout = 0",
            _connection
        );
        await settings.ExecuteNonQueryAsync(ct);
        return _connection;
    }

    /// <summary>Adds the next row to a block; false at the end.</summary>
    private async ValueTask<bool> AddAsync(Stream stream, EventBlock block, CancellationToken ct)
    {
        await NeedAsync(stream, sizeof(short), ct);
        var columns = BinaryPrimitives.ReadInt16BigEndian(_buffer.AsSpan(_from));
        if (columns == -1)
        {
            // What follows is the end of the conversation.
            while (await stream.ReadAsync(_buffer, ct) > 0) { }
            return false;
        }
        if (columns != Columns)
            throw new InvalidDataException($"The database sent a row of {columns} columns.");
        // All of the row, column by column, until it is there.
        var at = sizeof(short);
        for (var n = 0; n < Columns; n++)
        {
            if (_to - _from < at + sizeof(int))
                await NeedAsync(stream, at + sizeof(int), ct);
            var length = BinaryPrimitives.ReadInt32BigEndian(_buffer.AsSpan(_from + at));
            if (length < 0)
                throw new InvalidDataException("The database sent a row with nothing in a column that has always something.");
            at += sizeof(int) + length;
            if (_to - _from < at)
                await NeedAsync(stream, at, ct);
        }
        Add(block, _buffer.AsSpan(_from + sizeof(short), at - sizeof(short)));
        _from += at;
        return true;
    }

    private static void Add(EventBlock block, ReadOnlySpan<byte> row)
    {
        var position = BinaryPrimitives.ReadInt64BigEndian(Column(ref row));
        var stream = Column(ref row);
        var version = BinaryPrimitives.ReadInt64BigEndian(Column(ref row));
        var eventId = new Guid(Column(ref row), bigEndian: true);
        var type = Column(ref row);
        var data = Column(ref row);
        var metadata = Column(ref row);
        var occurred = BinaryPrimitives.ReadInt64BigEndian(Column(ref row));
        var recorded = BinaryPrimitives.ReadInt64BigEndian(Column(ref row));
        var hash = Column(ref row);
        block.Add(
            new LogPosition(position),
            stream,
            version,
            eventId,
            type,
            data,
            metadata,
            At(occurred),
            At(recorded),
            hash,
            isExact: IsExact(occurred) && IsExact(recorded)
        );
    }

    private static ReadOnlySpan<byte> Column(ref ReadOnlySpan<byte> row)
    {
        var length = BinaryPrimitives.ReadInt32BigEndian(row);
        var column = row.Slice(sizeof(int), length);
        row = row[(sizeof(int) + length)..];
        return column;
    }

    private static DateTimeOffset At(long microseconds) =>
        Epoch.AddTicks(Math.Clamp(microseconds, Earliest, Latest) * TimeSpan.TicksPerMicrosecond);

    /// <summary>Infinity and what is finer than a millisecond was never stored by the ledger.</summary>
    private static bool IsExact(long microseconds) => microseconds >= Earliest && microseconds <= Latest && microseconds % 1000 == 0;

    /// <summary>Reads until so many bytes are there.</summary>
    private async ValueTask NeedAsync(Stream stream, int count, CancellationToken ct)
    {
        while (_to - _from < count)
        {
            if (_from + count > _buffer.Length || _to == _buffer.Length)
            {
                var room = count > _buffer.Length ? new byte[Math.Max(count, 2 * _buffer.Length)] : _buffer;
                _buffer.AsSpan(_from, _to - _from).CopyTo(room);
                _buffer = room;
                (_from, _to) = (0, _to - _from);
            }
            var read = await stream.ReadAsync(_buffer.AsMemory(_to), ct);
            if (read == 0)
                throw new InvalidDataException("The database ended in the middle of a row.");
            _to += read;
        }
    }
}
