using PresenceLedger.Ledger.Seals;

namespace PresenceLedger.Ledger.Verification;

/// <summary>What the verification of one stream came to.</summary>
/// <param name="Stream">The stream.</param>
/// <param name="Events">Events that were checked.</param>
/// <param name="Last">The last of them; null where there are none.</param>
/// <param name="Findings">What is wrong with the chain; none where it holds.</param>
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

/// <summary>Verifies one stream: versions, chain and instants, and which seal covers its last events. What the seals say of the rest, <see cref="Verifier"/> looks at.</summary>
public sealed class StreamVerifier(ILog log, SealBook book)
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
        while (await log.ReadStreamAsync(stream, last?.Record.Version + 1 ?? 0, PageSize, ct) is { Count: > 0 } page)
        {
            foreach (var stored in page)
            {
                if (findings.Count < Most)
                    Check(findings, stream, last?.Record, stored.Record);
                last = stored;
                events++;
            }
        }
        var tail = await log.ReadStreamBackwardsAsync(stream, long.MaxValue, Tail, ct);
        var seals = await new SealSearch(book).FindAsync(tail, ct);
        var @sealed = tail.FirstOrDefault(e => seals.ContainsKey(e.Record.EventId));
        return new StreamVerification(
            stream,
            events,
            last,
            findings,
            @sealed is null ? null : seals[@sealed.Record.EventId].Seal,
            @sealed?.Record.Version
        );
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
