using Npgsql;
using PresenceLedger.Domain.Seals;

namespace PresenceLedger.Ledger.Verification;

/// <summary>What the verification of the seals came to.</summary>
/// <param name="Seals">Seals that were checked.</param>
/// <param name="SealedEvents">Events that they cover.</param>
/// <param name="LastSeal">Number of the last one; null without one.</param>
/// <param name="SealedAt">When it was made.</param>
/// <param name="TrustGiven">Whether the signatures were checked with keys that were given, and not with the ledger's own word.</param>
/// <param name="Keys">Ids of the keys whose signatures counted at the end.</param>
/// <param name="Findings">What is wrong; none where all is right.</param>
/// <param name="Noted">Seals noted elsewhere that the ledger was compared with.</param>
/// <param name="Restores">Restores from a backup that were accepted, as the ledger records them.</param>
public sealed record SealVerification(
    long Seals,
    long SealedEvents,
    long? LastSeal,
    DateTimeOffset? SealedAt,
    bool TrustGiven,
    IReadOnlyList<string> Keys,
    IReadOnlyList<Finding> Findings,
    IReadOnlyList<NotedSeal> Noted,
    IReadOnlyList<RestoreAccepted> Restores
)
{
    /// <summary>Nothing is wrong.</summary>
    public bool Sound => Findings.Count == 0;
}

/// <summary>
/// Verifies what is quickly looked at: the seals by themselves (numbers, places, hashes of those before, signatures) and where the streams
/// end. The events themselves are the <see cref="Verifier"/>'s.
/// </summary>
public sealed class SealVerifier(ILog log, NpgsqlDataSource? postgres, IReadOnlyList<PublicKey> keys, IReadOnlyList<NotedSeal> noted)
{
    private const string WrongHeads = """
        select h.stream, h.version, e.version from ledger.stream h
        left join lateral (select version from ledger.event e where e.stream = h.stream order by version desc limit 1) e on true
        where h.version <> coalesce(e.version, -1) order by h.stream limit 100
        """;

    /// <summary>Verifies them.</summary>
    public async Task<SealVerification> VerifyAsync(CancellationToken ct)
    {
        var keyring = new Keyring(keys);
        var last = await log.ReadStreamBackwardsAsync(StreamNames.Seals, long.MaxValue, 1, ct);
        var sequence = new SealSequence(log, keyring, last is [var end] ? end.Record.Version : -1, noted);
        await foreach (var _ in sequence.ReadAsync(ct)) { }
        var findings = new List<Finding>(sequence.Findings);
        if (postgres is not null)
            await CheckHeadsAsync(postgres, findings, ct);
        return new SealVerification(
            sequence.Seals,
            sequence.Last?.EndOrdinal() ?? 0,
            sequence.Last?.Number,
            sequence.Last?.SealedAt,
            keyring.IsGiven,
            [.. keyring.Trusted.Order(StringComparer.Ordinal)],
            findings,
            noted,
            sequence.Restores
        );
    }

    private static async Task CheckHeadsAsync(NpgsqlDataSource database, List<Finding> findings, CancellationToken ct)
    {
        await using var command = database.CreateCommand(WrongHeads);
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            var (stream, noted) = (reader.GetString(0), reader.GetInt64(1));
            var version = await reader.IsDBNullAsync(2, ct) ? -1 : reader.GetInt64(2);
            findings.Add(
                new Finding(
                    FindingKind.HeadWrong,
                    $"The stream '{stream}' ends at version {version}, and the store notes that it ends at {noted}: its last events are gone, or the note is wrong."
                )
                {
                    Stream = stream,
                    Version = version,
                }
            );
        }
    }
}
