using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace PresenceLedger.Ledger.Postgres;

/// <summary>
/// The log in PostgreSQL: an append-only table of our own, in which events are numbered without gaps in the order of their commits. It
/// is written by group commit: what comes in while a statement is under way goes into the next one, with a verdict for each.
/// </summary>
public sealed class PostgresLog : BackgroundService, ILog
{
    /// <summary>How long an append is retried while the database is away, before the caller is told.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(8);

    private const int LargestBatch = 256;
    private const string Columns = "position, stream, version, event_id, type, data::text, metadata::text, occurred_at, recorded_at, hash";

    private readonly NpgsqlDataSource _database;
    private readonly TimeProvider _clock;
    private readonly ILogger<PostgresLog> _logger;
    private readonly Trouble _failing;
    private readonly AppendSignal _signal;
    private readonly NewestEvents _newest;
    private readonly Channel<Pending> _queue = Channel.CreateUnbounded<Pending>();

    public PostgresLog(NpgsqlDataSource database, TimeProvider clock, ILogger<PostgresLog> logger)
    {
        _database = database;
        _clock = clock;
        _logger = logger;
        _failing = new Trouble(logger, clock);
        _signal = new AppendSignal(database, clock, logger);
        _newest = new NewestEvents(this, clock);
    }

    /// <inheritdoc />
    public string Store => "Postgres";

    /// <inheritdoc />
    public string Name => "postgres/" + new NpgsqlConnectionStringBuilder(_database.ConnectionString).Database;

    /// <inheritdoc />
    public bool SpansStreams => true;

    /// <inheritdoc />
    public bool IsNumbered => true;

    /// <inheritdoc />
    public IAsyncEnumerable<LogPage> SubscribeAsync(LogPosition after, int pageSize, CancellationToken ct) =>
        this.FollowAsync(after, at => _newest.AfterAsync(at, pageSize, ct), _clock, ct);

    /// <inheritdoc />
    public async Task<AppendResult> AppendAsync(Commit commit)
    {
        var pending = new Pending(commit);
        if (!_queue.Writer.TryWrite(pending))
            throw new LedgerUnavailableException("The service is stopping.", null);
        return await pending.Result.Task;
    }

    /// <inheritdoc />
    public async Task<IReadOnlyList<StoredEvent>> ReadStreamAsync(string stream, long fromVersion, int count, CancellationToken ct) =>
        await ReadAsync(
            $"select {Columns} from ledger.event where stream = $1 and version >= $2 order by version limit $3",
            ct,
            new() { Value = stream },
            new() { Value = fromVersion },
            new() { Value = count }
        );

    /// <inheritdoc />
    public async Task<IReadOnlyList<StoredEvent>> ReadStreamBackwardsAsync(
        string stream,
        long fromVersion,
        int count,
        CancellationToken ct
    ) =>
        await ReadAsync(
            $"select {Columns} from ledger.event where stream = $1 and version <= $2 order by version desc limit $3",
            ct,
            new() { Value = stream },
            new() { Value = fromVersion },
            new() { Value = count }
        );

    /// <inheritdoc />
    public async Task<IReadOnlyList<StoredEvent>> ReadAllAsync(LogPosition after, int count, CancellationToken ct) =>
        await ReadAsync(
            $"select {Columns} from ledger.event where position > $1 order by position limit $2",
            ct,
            new() { Value = after.Number },
            new() { Value = count }
        );

    /// <inheritdoc />
    public async Task<long?> CountAfterAsync(LogPosition after, int atMost, CancellationToken ct)
    {
        await using var command = _database.CreateCommand(
            "select least(greatest(coalesce(max(position), 0) - $1, 0), $2) from ledger.event"
        );
        command.Parameters.AddValues(after.Number, (long)atMost);
        return (long)(await command.ExecuteScalarAsync(ct))!;
    }

    /// <inheritdoc />
    public async Task<IReadOnlyList<string>?> StreamsAsync(string prefix, CancellationToken ct)
    {
        await using var command = _database.CreateCommand("select * from ledger.streams($1, $2)");
        command.Parameters.Add(new() { Value = prefix });
        // To what comes after all that begins with it.
        command.Parameters.Add(new() { Value = prefix[..^1] + (char)(prefix[^1] + 1) });
        return await command.ReadAsync(row => row.GetString(0), ct);
    }

    /// <inheritdoc />
    public Task NextAppend => _signal.Next;

    /// <inheritdoc />
    public async Task<RecordedAnswer?> FindAnswerAsync(string key, CancellationToken ct)
    {
        await using var command = _database.CreateCommand(
            "select fingerprint, answer, recorded_at from ledger.answer where key = $1 and recorded_at >= $2"
        );
        command.Parameters.AddValues(key, _clock.Now() - RecordedAnswer.Kept);
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct)
            ? new RecordedAnswer(key, reader.GetFieldValue<byte[]>(0), reader.GetString(1), reader.GetFieldValue<DateTimeOffset>(2))
            : null;
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // One statement at a time: a second one would wait for the numbers of the first.
        await Task.WhenAll(
            WriteAsync(stoppingToken),
            _signal.RunAsync(stoppingToken),
            OldAnswers.ForgetAsync(ForgetOldAnswersAsync, _clock, _logger, stoppingToken)
        );
    }

    /// <inheritdoc />
    public override void Dispose()
    {
        _signal.Dispose();
        _newest.Dispose();
        base.Dispose();
    }

    /// <inheritdoc />
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        // What was accepted is still written: the writer ends when the queue is empty.
        _queue.Writer.TryComplete();
        await base.StopAsync(cancellationToken);
        while (_queue.Reader.TryRead(out var left))
            left.Result.TrySetException(new LedgerUnavailableException("The service is stopping.", null));
    }

    private async Task ForgetOldAnswersAsync(CancellationToken ct)
    {
        await using var command = _database.CreateCommand("delete from ledger.answer where recorded_at < $1");
        command.Parameters.Add(new() { Value = _clock.Now() - RecordedAnswer.Kept });
        await command.ExecuteNonQueryAsync(ct);
    }

    private async Task WriteAsync(CancellationToken stopping)
    {
        await Task.Yield();
        var batch = new List<Pending>(LargestBatch);
        var taken = new HashSet<string>(StringComparer.Ordinal);
        Pending? deferred = null;
        while (deferred is not null || await WaitToReadAsync(stopping))
        {
            batch.Clear();
            taken.Clear();
            if (deferred is not null && deferred.TryJoin(taken))
                batch.Add(deferred);
            deferred = null;
            while (batch.Count < LargestBatch && _queue.Reader.TryRead(out var next))
            {
                if (!next.TryJoin(taken))
                {
                    deferred = next;
                    break;
                }
                batch.Add(next);
            }
            if (batch.Count > 0)
                await AppendAsync(batch);
        }
    }

    /// <summary>Reads on while the service stops, until the queue is completed and empty.</summary>
    private async ValueTask<bool> WaitToReadAsync(CancellationToken stopping)
    {
        try
        {
            return await _queue.Reader.WaitToReadAsync(stopping);
        }
        catch (OperationCanceledException)
        {
            return _queue.Reader.TryPeek(out _);
        }
    }

    private async Task AppendAsync(List<Pending> batch)
    {
        var began = _clock.GetTimestamp();
        var sent = false;
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                await using var connection = await _database.OpenConnectionAsync();
                sent = true;
                await ExecuteAsync(connection, batch);
                _signal.Appended();
                _failing.IsOver("Appends succeed again");
                return;
            }
            catch (Exception e)
                when (e
                        is NpgsqlException { IsTransient: true }
                            or PostgresException { SqlState: "57P01" or "57P03" or "40P01" }
                            or TimeoutException
                            or IOException
                )
            {
                if (_clock.GetElapsedTime(began) > Patience)
                {
                    Fail(batch, new LedgerUnavailableException("The database cannot be reached.", e, sent));
                    return;
                }
                if (attempt == 0)
                    _failing.Is($"An append failed and is tried again for up to {Patience.TotalSeconds} s: {e.Message}");
                _database.Clear();
                await Task.Delay(TimeSpan.FromMilliseconds(Math.Min(50 << Math.Min(attempt, 4), 500)), _clock);
            }
            catch (Exception e) when (batch.Count > 1)
            {
                // Something in the batch is refused as such; the others must not suffer for it.
                _failing.Is($"A batch of {batch.Count} commits failed, and each is tried alone: {e.Message}");
                foreach (var one in batch.ToArray())
                    await AppendAsync([one]);
                return;
            }
            catch (Exception e)
            {
                _failing.Is("A commit was refused by the database: " + e.Message);
                Fail(batch, new LedgerUnavailableException("The database refused the commit: " + e.Message, e));
                return;
            }
        }
    }

    private static void Fail(List<Pending> batch, LedgerUnavailableException e)
    {
        foreach (var pending in batch)
            pending.Result.TrySetException(e);
    }

    private async Task ExecuteAsync(NpgsqlConnection connection, List<Pending> batch)
    {
        var streams = batch.SelectMany((p, n) => p.Commit.Streams.Select(s => (n, s))).ToArray();
        var events = batch.SelectMany((p, n) => p.Commit.Events.Select(e => (n, e))).ToArray();
        var answers = batch.Select((p, n) => (n, p.Commit.Answer)).Where(x => x.Answer is not null).ToArray();

        await using var command = new NpgsqlCommand(
            "select * from ledger.append($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18)",
            connection
        )
        {
            CommandTimeout = 15,
        };
        command.Parameters.Add(new() { Value = _clock.Now() });
        command.Parameters.AddColumn(streams, x => x.n);
        command.Parameters.AddColumn(streams, x => x.s.Stream);
        command.Parameters.AddColumn(streams, x => x.s.ExpectedVersion);
        command.Parameters.AddColumn(events, x => x.n);
        command.Parameters.AddColumn(events, x => x.e.Stream);
        command.Parameters.AddColumn(events, x => x.e.Version);
        command.Parameters.AddColumn(events, x => x.e.EventId);
        command.Parameters.AddColumn(events, x => x.e.Type);
        command.Parameters.AddColumn(events, x => x.e.Data);
        command.Parameters.AddColumn(events, x => x.e.Metadata);
        command.Parameters.AddColumn(events, x => x.e.OccurredAt);
        command.Parameters.AddColumn(events, x => x.e.RecordedAt);
        command.Parameters.AddColumn(events, x => x.e.Hash);
        command.Parameters.AddColumn(answers, x => x.n);
        command.Parameters.AddColumn(answers, x => x.Answer!.Key);
        command.Parameters.AddColumn(answers, x => x.Answer!.Fingerprint);
        command.Parameters.AddColumn(answers, x => x.Answer!.Answer);

        int[] conflicts;
        int[] taken;
        LogPosition position;
        await using (var reader = await command.ExecuteReaderAsync())
        {
            await reader.ReadAsync();
            conflicts = reader.GetFieldValue<int[]>(0);
            taken = reader.GetFieldValue<int[]>(1);
            position = await reader.IsDBNullAsync(2) ? LogPosition.Start : new LogPosition(reader.GetInt64(2));
        }
        for (var n = 0; n < batch.Count; n++)
        {
            var verdict =
                conflicts.Contains(n) ? AppendVerdict.Conflict
                : taken.Contains(n) ? AppendVerdict.KeyTaken
                : AppendVerdict.Appended;
            batch[n].Result.TrySetResult(new AppendResult(verdict, position));
        }
    }

    private async Task<IReadOnlyList<StoredEvent>> ReadAsync(string sql, CancellationToken ct, params NpgsqlParameter[] parameters)
    {
        await using var command = _database.CreateCommand(sql);
        command.Parameters.AddRange(parameters);
        return await command.ReadAsync(
            row => new StoredEvent(
                new EventRecord(
                    row.GetString(1),
                    row.GetInt64(2),
                    row.GetGuid(3),
                    row.GetString(4),
                    row.GetString(5),
                    row.GetString(6),
                    row.GetFieldValue<DateTimeOffset>(7),
                    row.GetFieldValue<DateTimeOffset>(8),
                    row.GetFieldValue<byte[]>(9)
                ),
                new LogPosition(row.GetInt64(0))
            ),
            ct
        );
    }

    /// <summary>A commit that waits for its verdict.</summary>
    private sealed class Pending(Commit commit)
    {
        public Commit Commit { get; } = commit;

        public TaskCompletionSource<AppendResult> Result { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Streams and keys stand in at most one commit of a batch.</summary>
        public bool TryJoin(HashSet<string> taken)
        {
            var names = Commit.Streams.Select(s => "s:" + s.Stream);
            if (Commit.Answer is { } answer)
                names = names.Append("k:" + answer.Key);
            var all = names.ToArray();
            if (all.Any(taken.Contains))
                return false;
            taken.UnionWith(all);
            return true;
        }
    }
}
