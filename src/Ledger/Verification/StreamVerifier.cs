using PresenceLedger.Ledger.Reasons;
using PresenceLedger.Ledger.Seals;

namespace PresenceLedger.Ledger.Verification;

/// <summary>What the verification of one stream came to.</summary>
/// <param name="Stream">The stream.</param>
/// <param name="Events">Events that were checked.</param>
/// <param name="Last">The last of them; null where there are none.</param>
/// <param name="Findings">What is wrong with the chain and the texts; none where all holds.</param>
/// <param name="Seal">The last seal that covers any of its last events; null where none does.</param>
/// <param name="SealedVersion">The last version that is sealed; null where none of the last ones is.</param>
public sealed record StreamVerification(
    string Stream,
    long Events,
    StoredEvent? Last,
    IReadOnlyList<Finding> Findings,
    SealPlace? Seal,
    long? SealedVersion
);

/// <summary>
/// Verifies one stream: versions, chain and instants, the texts of its reasons, and which seal covers its last events. What the seals say of the
/// rest, <see cref="Verifier"/> looks at. However many seals there are, few are read.
/// </summary>
/// <param name="log">The log.</param>
/// <param name="book">The seals.</param>
/// <param name="texts">Where the texts of reasons are; null where nobody knows.</param>
public sealed class StreamVerifier(ILog log, SealBook book, IReasonTexts? texts)
{
    private const int PageSize = 1000;
    private const int Most = 100;

    /// <summary>So many of the last events are looked for in the seals.</summary>
    private const int Tail = 500;

    /// <summary>Verifies it.</summary>
    public async Task<StreamVerification> VerifyAsync(string stream, CancellationToken ct)
    {
        var findings = new List<Finding>();
        var events = 0L;
        StoredEvent? last = null;
        var reasons = texts is null ? null : new StreamReasons(texts, stream);
        while (await log.ReadStreamAsync(stream, last?.Record.Version + 1 ?? 0, PageSize, ct) is { Count: > 0 } page)
        {
            foreach (var stored in page)
            {
                if (findings.Count < Most)
                    Check(findings, stream, last?.Record, stored.Record);
                last = stored;
                events++;
            }
            if (reasons is not null)
                await reasons.AddAsync(page.Select(e => e.Record), ct);
        }
        if (reasons is not null)
            findings.AddRange(ReasonCheck.Of(stream, reasons.Faults));
        var tail = await log.ReadStreamBackwardsAsync(stream, long.MaxValue, Tail, ct);
        var newest = await new SealSearch(log, book).NewestAsync(tail, ct);
        return new StreamVerification(stream, events, last, findings, newest?.Seal, newest?.Event.Record.Version);
    }

    private static void Check(List<Finding> findings, string stream, EventRecord? before, EventRecord e)
    {
        var expected = before?.Version + 1 ?? 0;
        if (e.Version != expected)
        {
            var which = e.Version == expected + 1 ? $"{stream}@{expected} is gone." : $"{stream}@{expected} to {e.Version - 1} are gone.";
            Report(FindingKind.Missing, which, expected);
        }
        else if (!HashChain.Holds(before?.Hash ?? HashChain.Genesis, e))
        {
            Report(
                FindingKind.Changed,
                $"{stream}@{e.Version} does not follow from the event ahead of it: it was changed, or the one ahead of it was, with its hash.",
                e.Version
            );
        }
        else if (before is not null && e.OccurredAt < before.OccurredAt && StreamNames.AgentId(stream) is not null)
        {
            Report(FindingKind.Reordered, $"{stream}@{e.Version} took effect before the event ahead of it.", e.Version);
        }

        void Report(FindingKind kind, string text, long version) =>
            findings.Add(
                new Finding(kind, text)
                {
                    Stream = stream,
                    Version = version,
                    EventId = version == e.Version ? e.EventId : null,
                }
            );
    }
}
