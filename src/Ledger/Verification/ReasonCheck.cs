using System.Runtime.CompilerServices;
using Npgsql;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.Reasons;

namespace PresenceLedger.Ledger.Verification;

/// <summary>
/// Checks the texts of all reasons of a ledger against the digests in its events. What is kept of it are the streams where something is
/// wrong, and the erasures.
/// </summary>
/// <param name="log">The log.</param>
/// <param name="postgres">The PostgreSQL that keeps it, which sends only what names a text; null for another store.</param>
/// <param name="texts">Where the texts are.</param>
public sealed class ReasonCheck(ILog log, NpgsqlDataSource? postgres, IReasonTexts texts)
{
    private const int PageSize = 2000;
    private const int AtATime = 500;
    private static readonly string Erasure = WireNames.OfType<PersonErased>();

    // Of a stream, the events whose text is missing or changed, and the last erasure of the person.
    private readonly Dictionary<(string Stream, FindingKind Kind), List<(long Version, Guid EventId)>> _faults = [];
    private readonly Dictionary<string, long> _erased = new(StringComparer.Ordinal);

    /// <summary>Checks; a finding for each stream and kind, which tells the first event and how many there are besides.</summary>
    public async Task<IReadOnlyList<Finding>> RunAsync(CancellationToken ct)
    {
        var some = new List<Named>(AtATime);
        await foreach (var named in postgres is null ? InLogAsync(ct) : InPostgresAsync(postgres, ct))
        {
            if (named.IsErasure)
                _erased[named.Stream] = Math.Max(named.Version, _erased.GetValueOrDefault(named.Stream));
            if (named.Digest is null)
                continue;
            some.Add(named);
            if (some.Count < AtATime)
                continue;
            await LookAsync(some, ct);
            some.Clear();
        }
        await LookAsync(some, ct);
        return [.. Findings().OrderBy(f => f.Stream, StringComparer.Ordinal).ThenBy(f => f.Version)];
    }

    /// <summary>What is found of one stream, in the words of <c>verify</c>. That a text was not erased is nothing that was done to the record.</summary>
    public static IEnumerable<Finding> Of(string stream, IReadOnlyList<ReasonFault> faults) =>
        faults
            .Where(f => f.Kind is not ReasonFaultKind.NotErased)
            .GroupBy(f => f.Kind is ReasonFaultKind.Missing ? FindingKind.TextMissing : FindingKind.TextChanged)
            .Select(g => Of(stream, g.Key, [.. g.Select(f => (f.Version, f.EventId))]));

    private async Task LookAsync(List<Named> some, CancellationToken ct)
    {
        var found = await texts.FindAsync([.. some.Select(n => n.Digest!)], ct);
        foreach (var named in some)
        {
            var text = found.GetValueOrDefault(named.Digest!);
            if (text is { Holds: true } && text.Stream == named.Stream)
                continue;
            var key = (named.Stream, text is null ? FindingKind.TextMissing : FindingKind.TextChanged);
            if (!_faults.TryGetValue(key, out var faults))
                _faults.Add(key, faults = []);
            faults.Add((named.Version, named.EventId));
        }
    }

    private IEnumerable<Finding> Findings()
    {
        foreach (var ((stream, kind), faults) in _faults)
        {
            var upTo = _erased.GetValueOrDefault(stream, -1);
            var left = faults.Where(f => f.Version > upTo).Order().ToList();
            if (left.Count > 0)
                yield return Of(stream, kind, left);
        }
    }

    private static Finding Of(string stream, FindingKind kind, IReadOnlyList<(long Version, Guid EventId)> faults)
    {
        var (version, eventId) = faults[0];
        var what = kind is FindingKind.TextMissing ? "is gone, and nobody erased it" : "is not the one that was given";
        var more = faults.Count > 1 ? $" So are those of {faults.Count - 1} more events of this stream." : "";
        return new Finding(kind, $"The text of the reason of {stream}@{version} {what}.{more}")
        {
            Stream = stream,
            Version = version,
            EventId = eventId,
            Followers = faults.Count - 1,
        };
    }

    private async IAsyncEnumerable<Named> InLogAsync([EnumeratorCancellation] CancellationToken ct)
    {
        var position = LogPosition.Start;
        while (await log.ReadAllAsync(position, PageSize, ct) is { Count: > 0 } page)
        {
            foreach (var e in page.Select(stored => stored.Record))
                if (e.Type == Erasure || StreamReasons.DigestOf(e) is not null)
                    yield return new Named(e.Stream, e.Version, e.EventId, e.Type == Erasure, StreamReasons.DigestOf(e));
            position = page[^1].Position;
        }
    }

    /// <summary>Only what names a text leaves the database.</summary>
    private static async IAsyncEnumerable<Named> InPostgresAsync(NpgsqlDataSource database, [EnumeratorCancellation] CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            select stream, version, event_id, type = $1, metadata::text from ledger.event
                where metadata::text like '%"digest"%' or type = $1
            """
        );
        command.CommandTimeout = 0;
        command.Parameters.Add(new() { Value = Erasure });
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
            yield return new Named(
                reader.GetString(0),
                reader.GetInt64(1),
                reader.GetGuid(2),
                reader.GetBoolean(3),
                StreamReasons.DigestIn(reader.GetString(4))
            );
    }

    /// <summary>An event that names a text, or that a person was erased with.</summary>
    private sealed record Named(string Stream, long Version, Guid EventId, bool IsErasure, string? Digest);
}
