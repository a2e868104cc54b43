using JasperFx;
using Marten;
using Npgsql;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Projections.CurrentPresence;
using Weasel.Core;

namespace PresenceLedger.Projections;

/// <summary>The documents of the read side, in the schema <c>read</c>.</summary>
public static class ReadSide
{
    /// <summary>The schema; it can be dropped and rebuilt, but for the directory.</summary>
    public const string Schema = "read";

    /// <summary>How documents are stored.</summary>
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
        options
            .Schema.For<PresenceDocument>()
            .DocumentAlias("presence")
            .Duplicate(d => d.Base)
            .Duplicate(d => d.StatusId)
            .Duplicate(d => d.SignedIn)
            .GinIndexJsonData();
        options.Schema.For<DirectoryEntry>().DocumentAlias("directory");
    }
}
