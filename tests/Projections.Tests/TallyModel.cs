using Npgsql;
using PresenceLedger.Ledger;

namespace PresenceLedger.Projections.Tests;

/// <summary>A small read model: how many events each stream has. The database refuses a stream that is called <c>agent-refused</c>.</summary>
internal sealed class TallyModel(int version = 1, string name = "tally", params string[] replaces) : IReadModel
{
    public string Name => name;

    public IReadOnlyList<string> Replaces => replaces;

    public int Version => version;

    public string TablesSql(string schema) =>
        $"create table {schema}.stream (stream text primary key check (stream <> 'agent-refused'), events bigint not null)";

    public string IndexesSql(string schema) =>
        $"create index on {schema}.stream (events); create index stream_name on {schema}.stream (stream text_pattern_ops)";

    public IProjector Open(string schema, string? state) => new Projector(schema);

    private sealed class Projector(string schema) : IProjector
    {
        public Task<IPageChanges> FoldAsync(NpgsqlDataSource database, IReadOnlyList<StoredEvent> page, CancellationToken ct) =>
            Task.FromResult<IPageChanges>(new Changes(schema, page.CountBy(e => e.Record.Stream).ToArray()));
    }

    private sealed class Changes(string schema, KeyValuePair<string, int>[] counts) : IPageChanges
    {
        public string? State => null;

        public IPageChanges With(IPageChanges later) =>
            new Changes(
                schema,
                [
                    .. counts
                        .Concat(((Changes)later).Counts)
                        .GroupBy(c => c.Key, c => c.Value, StringComparer.Ordinal)
                        .Select(g => KeyValuePair.Create(g.Key, g.Sum())),
                ]
            );

        private KeyValuePair<string, int>[] Counts => counts;

        public async Task WriteAsync(NpgsqlConnection connection, CancellationToken ct)
        {
            await using var command = new NpgsqlCommand(
                $"""
                insert into {schema}.stream as s (stream, events) select * from unnest($1, $2)
                    on conflict (stream) do update set events = s.events + excluded.events
                """,
                connection
            );
            command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = Array.ConvertAll(counts, c => c.Key) });
            command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = Array.ConvertAll(counts, c => (long)c.Value) });
            await command.ExecuteNonQueryAsync(ct);
        }
    }
}
