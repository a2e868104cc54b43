using Npgsql;

namespace PresenceLedger.Ledger.Clock;

/// <summary>Asks a PostgreSQL for its time, over a connection of its own: the answer must not wait for what the others do.</summary>
public sealed class PostgresTime : ITimeSource
{
    private const int Patience = 2;

    private readonly NpgsqlDataSource _database;

    /// <summary>Of the server of a connection string.</summary>
    public PostgresTime(string connectionString) =>
        _database = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(connectionString)
            {
                ApplicationName = "presence-ledger clock",
                MinPoolSize = 0,
                MaxPoolSize = 1,
                Timeout = Patience,
                CommandTimeout = Patience,
            }
        );

    /// <inheritdoc />
    public async Task<IReadOnlyList<TimeAnswer>> AskAsync(TimeProvider own, int times, CancellationToken ct)
    {
        await using var connection = await _database.OpenConnectionAsync(ct);
        await using var command = new NpgsqlCommand("select clock_timestamp()", connection);
        await command.PrepareAsync(ct);
        var answers = new TimeAnswer[times];
        for (var n = 0; n < times; n++)
        {
            var asked = own.GetTimestamp();
            var time = (DateTime)(await command.ExecuteScalarAsync(ct))!;
            answers[n] = new TimeAnswer(asked, own.GetTimestamp(), new DateTimeOffset(time));
        }
        return answers;
    }

    /// <inheritdoc />
    public void Dispose() => _database.Dispose();
}
