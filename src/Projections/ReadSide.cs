using JasperFx;
using Marten;
using Npgsql;
using PresenceLedger.Ledger.Events;
using Weasel.Core;

namespace PresenceLedger.Projections;

/// <summary>
/// The read side: the schema <c>read</c> has the directory, as documents, and how far the read models are; each of those has a schema of
/// its own.
/// </summary>
public static class ReadSide
{
    /// <summary>The schema; it can be dropped and rebuilt, but for the directory.</summary>
    public const string Schema = "read";

    /// <summary>Whether a query failed because the read model is not begun yet: its tables are not there.</summary>
    public static bool IsNotBegun(PostgresException e) =>
        e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName;

    /// <summary>How the directory is stored.</summary>
    public static void Configure(StoreOptions options, NpgsqlDataSource database)
    {
        options.Connection(database);
        options.DatabaseSchemaName = Schema;
        options.AutoCreateSchemaObjects = AutoCreate.CreateOrUpdate;
        options.DisableNpgsqlLogging = true;
        options.UseSystemTextJsonForSerialization(
            EnumStorage.AsString,
            Casing.CamelCase,
            json =>
            {
                json.Converters.Clear();
                json.TypeInfoResolverChain.Clear();
                LedgerJson.Configure(json);
            }
        );
        options.Schema.For<DirectoryEntry>().DocumentAlias("directory");
    }
}
