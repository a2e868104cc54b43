using System.Globalization;
using Npgsql;
using PresenceLedger.Embedded;
using PresenceLedger.Testing;

namespace PresenceLedger.Benchmarks;

/// <summary>A lost connection, as the ledger has it.</summary>
internal sealed record Loss(int Agent, DateTimeOffset Deadline, DateTimeOffset DetectedAt);

/// <summary>The service as a process of its own, with an empty ledger.</summary>
internal sealed class Stand : IAsyncDisposable
{
    private const int AtOnce = 64;

    private readonly TestDatabase _database;
    private readonly EmbeddedPostgres _postgres;
    private readonly ServiceProcess _service;
    private int _told;

    private Stand(TestDatabase database, EmbeddedPostgres postgres, ServiceProcess service)
    {
        _database = database;
        _postgres = postgres;
        _service = service;
    }

    /// <summary>Where the service listens.</summary>
    public Uri Url => _service.Url;

    /// <summary>How often it gave every connection a full timeout, because it or the database had stood still (CON-8).</summary>
    public int Grants =>
        _service.Output.Split('\n').Count(line => line.Contains("granted a full heartbeat timeout", StringComparison.Ordinal));

    /// <summary>What it warned of.</summary>
    public IReadOnlyList<string> Warnings =>
        [
            .. _service
                .Output.Split('\n')
                .Where(line => line.Contains("warn: ", StringComparison.Ordinal) || line.Contains("fail: ", StringComparison.Ordinal)),
        ];

    public static async Task<Stand> StartAsync()
    {
        var database = await TestPostgres.CreateDatabaseAsync();
        return new Stand(database, await TestPostgres.ServerAsync(), await ServiceProcess.StartAsync(database.Arguments));
    }

    /// <summary>Looks at what it takes from now on.</summary>
    public Watch Watch() => new(_service.ProcessId, _postgres.ProcessId);

    /// <summary>Sends commands, several at a time, that all must be done.</summary>
    /// <param name="numbers">One for each number.</param>
    /// <param name="request">What is sent for it.</param>
    /// <param name="done">Called when it is done.</param>
    public async Task SendAsync(IEnumerable<int> numbers, Func<int, byte[]> request, Action<int>? done = null)
    {
        using var each = numbers.GetEnumerator();
        await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(_ => Task.Run(SendAllAsync)));

        async Task SendAllAsync()
        {
            using var connection = new HttpConnection(Url);
            while (Next() is { } number)
            {
                var status = await connection.SendAsync(request(number));
                if (status is not (200 or 201))
                    throw new InvalidOperationException($"A command was answered with {status}: {connection.Body}");
                done?.Invoke(number);
            }
        }

        int? Next()
        {
            lock (each)
                return each.MoveNext() ? each.Current : null;
        }
    }

    /// <summary>The losses recorded since this was asked before.</summary>
    public async Task<IReadOnlyList<Loss>> NewLossesAsync()
    {
        await using var connection = new NpgsqlConnection(_database.ServiceConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(
            """
            select data ->> 'connectionId', (data ->> 'deadline')::timestamptz, (data ->> 'detectedAt')::timestamptz
            from ledger.event where type like 'connection-lost.%' order by position offset $1
            """,
            connection
        );
        command.Parameters.Add(new() { Value = _told });
        var losses = new List<Loss>();
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
            losses.Add(
                new Loss(
                    int.Parse(reader.GetString(0), NumberStyles.HexNumber, CultureInfo.InvariantCulture),
                    reader.GetFieldValue<DateTimeOffset>(1),
                    reader.GetFieldValue<DateTimeOffset>(2)
                )
            );
        _told += losses.Count;
        return losses;
    }

    public async Task<string> PostgresVersionAsync()
    {
        await using var connection = new NpgsqlConnection(_database.ServiceConnectionString);
        await connection.OpenAsync();
        return connection.ServerVersion;
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _service.DisposeAsync();
        await _database.DisposeAsync();
    }
}
