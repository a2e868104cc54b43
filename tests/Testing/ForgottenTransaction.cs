using Npgsql;

namespace PresenceLedger.Testing;

/// <summary>A transaction that wrote in another database of the server and that nobody ends; gone with it.</summary>
public sealed class ForgottenTransaction : IAsyncDisposable
{
    private readonly TestDatabase _database;
    private readonly NpgsqlConnection _connection;

    private ForgottenTransaction(TestDatabase database)
    {
        _database = database;
        _connection = new NpgsqlConnection(database.SuperuserConnectionString);
    }

    public static async Task<ForgottenTransaction> BeginAsync()
    {
        var forgotten = new ForgottenTransaction(await TestPostgres.CreateDatabaseAsync());
        await forgotten._connection.OpenAsync();
        await using var begin = new NpgsqlCommand("begin; create table t ()", forgotten._connection);
        await begin.ExecuteNonQueryAsync();
        return forgotten;
    }

    public async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync();
        await _database.DisposeAsync();
    }
}
