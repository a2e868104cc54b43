using Npgsql;
using NpgsqlTypes;

namespace PresenceLedger.Ledger.Postgres;

/// <summary>Parameters and rows of statements.</summary>
public static class SqlStatements
{
    /// <summary>Adds the next two parameters.</summary>
    public static void AddValues<T1, T2>(this NpgsqlParameterCollection parameters, T1 first, T2 second)
    {
        parameters.Add(new NpgsqlParameter<T1> { TypedValue = first });
        parameters.Add(new NpgsqlParameter<T2> { TypedValue = second });
    }

    /// <summary>Adds the next three parameters.</summary>
    public static void AddValues<T1, T2, T3>(this NpgsqlParameterCollection parameters, T1 first, T2 second, T3 third)
    {
        parameters.AddValues(first, second);
        parameters.Add(new NpgsqlParameter<T3> { TypedValue = third });
    }

    /// <summary>Adds the next four parameters.</summary>
    public static void AddValues<T1, T2, T3, T4>(this NpgsqlParameterCollection parameters, T1 first, T2 second, T3 third, T4 fourth)
    {
        parameters.AddValues(first, second);
        parameters.AddValues(third, fourth);
    }

    /// <summary>Adds a column of many rows as one array, for a statement that unnests it.</summary>
    public static void AddColumn<TRow, T>(this NpgsqlParameterCollection parameters, TRow[] rows, Converter<TRow, T> value) =>
        parameters.Add(new NpgsqlParameter<T[]> { TypedValue = Array.ConvertAll(rows, value) });

    /// <summary>The same, of JSON documents.</summary>
    public static void AddJsonColumn<TRow>(this NpgsqlParameterCollection parameters, TRow[] rows, Converter<TRow, string> value) =>
        parameters.Add(
            new NpgsqlParameter<string[]>
            {
                TypedValue = Array.ConvertAll(rows, value),
                NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Json,
            }
        );

    /// <summary>Reads all rows of a query.</summary>
    public static async Task<List<T>> ReadAsync<T>(this NpgsqlCommand query, Func<NpgsqlDataReader, T> row, CancellationToken ct)
    {
        await using var reader = await query.ExecuteReaderAsync(ct);
        var rows = new List<T>();
        while (await reader.ReadAsync(ct))
            rows.Add(row(reader));
        return rows;
    }
}
