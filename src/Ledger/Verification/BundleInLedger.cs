using PresenceLedger.Domain.Seals;
using PresenceLedger.Ledger.Seals;

namespace PresenceLedger.Ledger.Verification;

/// <summary>Whether a ledger still contains what an evidence bundle has: its seals and its events.</summary>
public sealed class BundleInLedger(ILog log, SealBook book)
{
    private const int PageSize = 1000;

    /// <summary>Compares them; what is wrong with the ledger.</summary>
    /// <param name="bundle">The bundle, verified by itself.</param>
    /// <param name="ct">Cancellation.</param>
    public async Task<IReadOnlyList<Finding>> CompareAsync(BundleVerification bundle, CancellationToken ct)
    {
        var findings = new List<Finding>();
        var last = await log.ReadStreamBackwardsAsync(StreamNames.Seals, long.MaxValue, 1, ct);
        // Signatures are looked at where the whole ledger is verified, and here in the bundle.
        var sequence = new SealSequence(log, new Keyring([]), last is [var end] ? end.Record.Version : -1, bundle.Noted);
        await foreach (var _ in sequence.ReadAsync(ct)) { }
        findings.AddRange(sequence.Findings.Where(f => f.Kind is not FindingKind.SignatureWrong));

        var stream = StreamNames.Agent(bundle.AgentId);
        var chain = await new StreamVerifier(log, book, texts: null).VerifyAsync(stream, ct);
        findings.AddRange(chain.Findings);
        var left = new SortedDictionary<long, string>(bundle.Hashes.ToDictionary());
        while (left.Count > 0 && await log.ReadStreamAsync(stream, left.First().Key, PageSize, ct) is { Count: > 0 } page)
        {
            foreach (var e in page.Select(stored => stored.Record))
                if (left.Remove(e.Version, out var hash) && hash != Convert.ToHexStringLower(e.Hash) && !IsFull())
                    Report(FindingKind.Changed, $"{stream}@{e.Version} is another event in the ledger than in the bundle.", e.Version);
            foreach (var version in left.Keys.TakeWhile(v => v < page[^1].Record.Version).ToArray())
                Miss(version);
        }
        foreach (var version in left.Keys.ToArray())
            Miss(version);
        return findings;

        void Miss(long version)
        {
            left.Remove(version);
            if (!IsFull())
                Report(FindingKind.Missing, $"{stream}@{version} is in the bundle, and not in the ledger.", version);
        }

        bool IsFull() => findings.Count >= BundleVerifier.MostFindings;

        void Report(FindingKind kind, string text, long version) =>
            findings.Add(new Finding(kind, text) { Stream = stream, Version = version });
    }
}
