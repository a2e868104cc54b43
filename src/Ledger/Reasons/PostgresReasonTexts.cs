using System.Text;
using Npgsql;
using PresenceLedger.Ledger.Postgres;

namespace PresenceLedger.Ledger.Reasons;

/// <summary>Texts in the table <c>ledger.reason</c>: beside the log, or in the PostgreSQL beside an EventStoreDB.</summary>
public sealed class PostgresReasonTexts(NpgsqlDataSource database, TimeProvider clock) : IReasonTexts
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    /// <inheritdoc />
    public async Task KeepAsync(IReadOnlyCollection<ReasonText> texts)
    {
        // As patient as the append that comes after it.
        for (var began = clock.GetTimestamp(); ; await Task.Delay(Pause, clock))
            try
            {
                await InsertAsync([.. texts]);
                return;
            }
            catch (Exception e)
                when (e
                        is NpgsqlException { IsTransient: true }
                            or PostgresException { SqlState: "57P01" or "57P03" }
                            or TimeoutException
                            or IOException
                    && clock.GetElapsedTime(began) < PostgresLog.Patience
                )
            {
                database.Clear();
            }
            catch (Exception e) when (e is NpgsqlException or TimeoutException or IOException)
            {
                throw new LedgerUnavailableException("The database of reasons' texts cannot be reached.", e);
            }
    }

    /// <inheritdoc />
    public async Task<IReadOnlyDictionary<string, ReasonText>> FindAsync(IReadOnlyCollection<string> digests, CancellationToken ct)
    {
        var found = new Dictionary<string, ReasonText>(StringComparer.Ordinal);
        if (digests.Count == 0)
            return found;
        await using var command = database.CreateCommand(
            "select digest, stream, salt, text, recorded_at from ledger.reason where digest = any ($1)"
        );
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. digests.Distinct(StringComparer.Ordinal)] });
        NpgsqlDataReader reader;
        try
        {
            reader = await command.ExecuteReaderAsync(ct);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable)
        {
            // Without the table there is no text either.
            return found;
        }
        await using var rows = reader;
        while (await reader.ReadAsync(ct))
        {
            var text = new ReasonText(
                reader.GetString(0),
                reader.GetString(1),
                reader.GetFieldValue<byte[]>(2),
                Encoding.UTF8.GetString(reader.GetFieldValue<byte[]>(3)),
                reader.GetFieldValue<DateTimeOffset>(4)
            );
            found.Add(text.Digest, text);
        }
        return found;
    }

    /// <inheritdoc />
    public async Task TakeBackAsync(IReadOnlyCollection<ReasonText> texts)
    {
        try
        {
            await using var command = database.CreateCommand("delete from ledger.reason where digest = any ($1)");
            command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. texts.Select(t => t.Digest)] });
            await command.ExecuteNonQueryAsync();
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or IOException)
        {
            // Nothing shows it, and it goes with the others of its stream.
        }
    }

    /// <inheritdoc />
    public async Task<int> EraseAsync(IReadOnlyCollection<string> streams, DateTimeOffset upTo, CancellationToken ct)
    {
        await using var command = database.CreateCommand("delete from ledger.reason where stream = any ($1) and recorded_at <= $2");
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. streams] });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = upTo });
        return await command.ExecuteNonQueryAsync(ct);
    }

    private async Task InsertAsync(ReasonText[] texts)
    {
        await using var command = database.CreateCommand(
            """
            insert into ledger.reason (digest, stream, salt, text, recorded_at) select * from unnest($1, $2, $3, $4, $5)
            on conflict (digest) do nothing
            """
        );
        command.Parameters.AddColumn(texts, t => t.Digest);
        command.Parameters.AddColumn(texts, t => t.Stream);
        command.Parameters.AddColumn(texts, t => t.Salt);
        command.Parameters.AddColumn(texts, t => Encoding.UTF8.GetBytes(t.Text));
        command.Parameters.AddColumn(texts, t => t.RecordedAt);
        await command.ExecuteNonQueryAsync();
    }
}
