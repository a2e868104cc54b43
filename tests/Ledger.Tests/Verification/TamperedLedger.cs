using System.Globalization;
using Npgsql;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Seals;
using PresenceLedger.Ledger.Seals;
using PresenceLedger.Ledger.Tests.Log;
using PresenceLedger.Ledger.Verification;
using PresenceLedger.Testing;

namespace PresenceLedger.Ledger.Tests.Verification;

/// <summary>
/// A sealed ledger of some ten thousand events (PRESENCE_TEST_TAMPER_EVENTS for more), that is tampered with as only the server's superuser
/// can, verified, and put back as it was.
/// </summary>
public sealed class TamperedLedger : IAsyncLifetime
{
    public const int Streams = 60;
    private const int PerRound = 1800;

    /// <summary>Events after the last seal.</summary>
    public const int Unsealed = 120;

    private static readonly int Rounds =
        int.Parse(Environment.GetEnvironmentVariable("PRESENCE_TEST_TAMPER_EVENTS") ?? "21600", CultureInfo.InvariantCulture) / PerRound;

    private readonly string _folder = Directory.CreateTempSubdirectory("presence-ledger-keys-").FullName;
    private readonly Dictionary<string, EventRecord> _heads = new(StringComparer.Ordinal);
    private TestDatabase _database = null!;
    private Node _node = null!;

    public NpgsqlDataSource Superuser { get; private set; } = null!;

    public ILog Log => _node.Log;

    public SealingKeys Keys => new(_folder);

    /// <summary>Events of the ledger, those of seals and keys left out.</summary>
    public static int Events => Rounds * PerRound + Unsealed;

    public static int Seals => Rounds;

    /// <summary>The last version of an agent that is sealed.</summary>
    public static long LastSealed => Rounds * PerRound / Streams - 1;

    public static string Stream(int n) => Some.Stream(Some.Name("a", n));

    public async Task InitializeAsync()
    {
        _database = await Node.CreateDatabaseAsync();
        _node = await Node.StartAsync(_database);
        Superuser = NpgsqlDataSource.Create(_database.SuperuserConnectionString);
        using var book = new SealBook(Log);
        using var sealer = new Sealer(Log, book, Keys, TimeProvider.System);
        for (var round = 0; round < Rounds; round++)
        {
            await FillAsync(PerRound);
            await sealer.SealAsync(Actor.Ledger, gently: false, default);
        }
        await FillAsync(Unsealed);
        await RunAsync("create table saved_event as select * from ledger.event");
    }

    public async Task DisposeAsync()
    {
        await Superuser.DisposeAsync();
        await _node.DisposeAsync();
        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Does something to it, verifies it, and puts it back.</summary>
    public async Task<VerificationResult> VerifyAfterAsync(Func<Task> tamper, VerifierOptions? options = null, bool throughThePort = false)
    {
        try
        {
            await tamper();
            return await VerifyAsync(options, throughThePort);
        }
        finally
        {
            await RunAsync("delete from ledger.event; insert into ledger.event select * from saved_event");
        }
    }

    public Task<VerificationResult> VerifyAsync(VerifierOptions? options = null, bool throughThePort = false) =>
        new Verifier(Log, throughThePort ? null : _node.Database, options ?? new VerifierOptions { Keys = Keys.Public() }).RunAsync(
            null,
            CancellationToken.None
        );

    /// <summary>As the superuser, with the trigger off.</summary>
    public async Task<int> RunAsync(string sql, params object[] parameters)
    {
        await using var connection = await Superuser.OpenConnectionAsync();
        await using (var off = new NpgsqlCommand("set session_replication_role = replica", connection))
            await off.ExecuteNonQueryAsync();
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        foreach (var parameter in parameters)
            command.Parameters.Add(new NpgsqlParameter { Value = parameter });
        var rows = await command.ExecuteNonQueryAsync();
        await using var on = new NpgsqlCommand("set session_replication_role = default", connection);
        await on.ExecuteNonQueryAsync();
        return rows;
    }

    /// <summary>Makes the hashes of a stream anew, from a version on, as who knows the format can.</summary>
    public async Task RehashAsync(string stream, long from, int? count = null)
    {
        var events = (await Log.ReadStreamAsync(stream, 0, int.MaxValue, default)).Select(e => e.Record).ToArray();
        var hash = HashChain.Genesis;
        var made = 0;
        foreach (var e in events)
        {
            if (e.Version < from || made == count)
            {
                hash = e.Hash;
                continue;
            }
            hash = HashChain.Hash(hash, e.Stream, e.Version, e.EventId, e.Type, e.Data, e.Metadata, e.OccurredAt, e.RecordedAt);
            await RunAsync("update ledger.event set hash = $1 where stream = $2 and version = $3", hash, stream, e.Version);
            made++;
        }
    }

    /// <summary>Puts an event right behind another one, so that it stands among what was sealed then; those after it move on by a number.</summary>
    public async Task InsertAsync(string besideStream, long besideVersion, EventRecord e)
    {
        await RunAsync(
            "update ledger.event set position = -position where position > (select position from ledger.event where stream = $1 and version = $2)",
            besideStream,
            besideVersion
        );
        await RunAsync("update ledger.event set position = 1 - position where position < 0");
        Assert.Equal(
            1,
            await RunAsync(
                """
                insert into ledger.event (position, stream, version, event_id, type, data, metadata, occurred_at, recorded_at, hash)
                    select position + 1, $4, $3, $5, $6, $7::json, $8::json, $9, $10, $11
                    from ledger.event where stream = $1 and version = $2
                """,
                besideStream,
                besideVersion,
                e.Version,
                e.Stream,
                e.EventId,
                e.Type,
                e.Data,
                e.Metadata,
                e.OccurredAt,
                e.RecordedAt,
                e.Hash
            )
        );
    }

    public async Task<EventRecord> ReadAsync(string stream, long version) =>
        (await Log.ReadStreamAsync(stream, version, 1, default))[0].Record;

    public async Task<LedgerSealed> SealAsync(long version) =>
        (LedgerSealed)PresenceLedger.Ledger.Events.WireNames.Read(await ReadAsync(StreamNames.Seals, version));

    /// <summary>Events of all agents in turn, in one order.</summary>
    private async Task FillAsync(int count)
    {
        foreach (var some in Enumerable.Range(0, count).Chunk(600))
        {
            var order = new List<EventRecord>();
            foreach (var n in some)
            {
                var stream = Stream(n % Streams);
                var before = _heads.GetValueOrDefault(stream);
                var e = Some.Event(Some.Name("a", n % Streams), (before?.Version ?? -1) + 1, $$"""{"n":{{n}}}""");
                e = e with { OccurredAt = Some.Time.AddSeconds(e.Version), RecordedAt = Some.Time.AddSeconds(e.Version) };
                order.Add(
                    _heads[stream] = e with
                    {
                        Hash = HashChain.Hash(
                            before?.Hash ?? HashChain.Genesis,
                            e.Stream,
                            e.Version,
                            e.EventId,
                            e.Type,
                            e.Data,
                            e.Metadata,
                            e.OccurredAt,
                            e.RecordedAt
                        ),
                    }
                );
            }
            var streams = order.GroupBy(e => e.Stream).Select(s => new StreamAppend(s.Key, s.First().Version - 1, [.. s]));
            Assert.Equal(AppendVerdict.Appended, (await Log.AppendAsync(new Commit([.. streams]) { Order = order })).Verdict);
        }
    }
}
