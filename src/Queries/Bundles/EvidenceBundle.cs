using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Seals;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Seals;
using PresenceLedger.Ledger.Verification;
using PresenceLedger.Queries.Timeline;

namespace PresenceLedger.Queries.Bundles;

/// <summary>What a bundle came to.</summary>
/// <param name="Events">Events in it.</param>
/// <param name="Unsealed">Those of them that no seal covers yet.</param>
/// <param name="FirstVersion">The first of them; null without any.</param>
/// <param name="LastVersion">The last.</param>
public sealed record BundleSummary(int Events, int Unsealed, long? FirstVersion, long? LastVersion);

/// <summary>
/// Writes evidence on an agent as a file that a third party can check with nothing but the documented steps (docs/proof.md): events, their
/// paths to the roots of the seals, these seals and the newest, and the keys. However many seals there are, few are read.
/// </summary>
/// <param name="records">What an audit reads.</param>
/// <param name="entries">Makes the timeline.</param>
/// <param name="book">The seals.</param>
/// <param name="clock">The time.</param>
public sealed class EvidenceBundle(Records records, Entries entries, SealBook book, TimeProvider clock)
{
    private const int PageSize = 1000;

    private readonly SortedDictionary<string, byte[]> _files = new(StringComparer.Ordinal);

    /// <summary>What a file with evidence on an agent is called: after the agent, as far as every file system takes it.</summary>
    public static string FileName(string agentId) =>
        "evidence-" + string.Concat(agentId.Select(c => "<>:\"/\\|?*%".Contains(c, StringComparison.Ordinal) ? '-' : c)) + ".zip";

    /// <summary>Writes it.</summary>
    /// <param name="to">Where to; it can be written to at once.</param>
    /// <param name="agentId">The agent.</param>
    /// <param name="from">The first instant; null for the beginning.</param>
    /// <param name="until">The instant at which it ends; null for now.</param>
    /// <param name="ct">Cancellation.</param>
    /// <exception cref="InvalidDataException">The ledger does not have what its seals cover.</exception>
    public async Task<BundleSummary> WriteAsync(
        Stream to,
        string agentId,
        DateTimeOffset? from,
        DateTimeOffset? until,
        CancellationToken ct
    )
    {
        var (events, before) = await EventsAsync(StreamNames.Agent(agentId), from, until, ct);
        var places = await new SealSearch(records.Log, book).FindAsync(events, ct);
        _files["events.ndjson"] = Lines(Told(events, before));
        var seals = new SortedDictionary<long, SealAnswer>();
        _files["proofs.json"] = JsonSerializer.SerializeToUtf8Bytes(await ProofsAsync(events, places, seals, ct), WireJson.Options);
        await TakeNewestAsync(seals, ct);
        _files["seals.ndjson"] = Lines(seals.Values);
        TakeKeys();
        _files["timeline.html"] = Encoding.UTF8.GetBytes(
            EvidencePage.Write(agentId, from, until, clock.Now(), await ExplainedAsync(agentId, events, places, ct))
        );
        _files["README.md"] = Readme();
        var summary = new BundleSummary(
            events.Count,
            events.Count - places.Count,
            events.Count > 0 ? events[0].Record.Version : null,
            events.Count > 0 ? events[^1].Record.Version : null
        );
        _files["manifest.json"] = Manifest(agentId, from, until, summary);
        await using var zip = await ZipArchive.CreateAsync(to, ZipArchiveMode.Create, leaveOpen: true, null, ct);
        foreach (var (name, bytes) in _files)
        {
            await using var file = await zip.CreateEntry(name, CompressionLevel.Optimal).OpenAsync(ct);
            await file.WriteAsync(bytes, ct);
        }
        return summary;
    }

    /// <summary>The events of a stretch of time, and the hash before the first of them.</summary>
    private async Task<(List<StoredEvent> Events, byte[] Before)> EventsAsync(
        string stream,
        DateTimeOffset? from,
        DateTimeOffset? until,
        CancellationToken ct
    )
    {
        var events = new List<StoredEvent>();
        var before = HashChain.Genesis;
        var version = 0L;
        while (await records.Log.ReadStreamAsync(stream, version, PageSize, ct) is { Count: > 0 } page)
        {
            foreach (var e in page)
                if (from is not null && e.Record.OccurredAt < from)
                    before = e.Record.Hash;
                else if (until is null || e.Record.OccurredAt < until)
                    events.Add(e);
            version = page[^1].Record.Version + 1;
            // Instants never go back in a stream (TIM-1).
            if (page.Count < PageSize || page[^1].Record.OccurredAt >= until)
                break;
        }
        return (events, before);
    }

    private static IEnumerable<object> Told(List<StoredEvent> events, byte[] before)
    {
        foreach (var e in events.Select(e => e.Record))
        {
            yield return new
            {
                e.Stream,
                e.Version,
                e.EventId,
                e.Type,
                e.Data,
                e.Metadata,
                e.OccurredAt,
                e.RecordedAt,
                PreviousHash = Convert.ToHexStringLower(before),
                Hash = Convert.ToHexStringLower(e.Hash),
            };
            before = e.Hash;
        }
    }

    private async Task<List<Proof>> ProofsAsync(
        List<StoredEvent> events,
        IReadOnlyDictionary<Guid, (SealPlace Seal, int Index)> places,
        SortedDictionary<long, SealAnswer> seals,
        CancellationToken ct
    )
    {
        var proofs = new Dictionary<long, Proof>();
        var sealedEvents = new SealedEvents(records.Log, book);
        var bySeal = events
            .Where(e => places.ContainsKey(e.Record.EventId))
            .GroupBy(e => places[e.Record.EventId].Seal)
            .OrderBy(g => g.Key.Number);
        foreach (var group in bySeal)
        {
            var seal = await book.ReadAsync(group.Key, ct);
            TakeFiles(seal);
            seals.Add(seal.Number, SealAnswer.Of(seal));
            var covered = await sealedEvents.ReadAsync(seal, ct);
            var leaves = new byte[covered.Count * MerkleTree.HashSize];
            for (var n = 0; n < covered.Count; n++)
                MerkleTree.Leaf(covered[n].Record.Hash, leaves.AsSpan(n * MerkleTree.HashSize, MerkleTree.HashSize));
            StoredEvent[] ours = [.. group];
            var indexes = Array.ConvertAll(ours, e => places[e.Record.EventId].Index);
            var paths = MerkleTree.Paths(leaves, indexes);
            for (var n = 0; n < ours.Length; n++)
                proofs[ours[n].Record.Version] = new Proof(
                    ours[n].Record.Version,
                    group.Key.Number,
                    indexes[n],
                    [.. paths[n].Select(Convert.ToHexStringLower)]
                );
        }
        return [.. events.Select(e => proofs.GetValueOrDefault(e.Record.Version) ?? new Proof(e.Record.Version, null, null, []))];
    }

    /// <summary>
    /// The newest seal. A seal that no key of the newest one has signed is followed by those after it, up to one that such a key has signed: by
    /// them whoever trusts the present key can check what a key before it signed.
    /// </summary>
    private async Task TakeNewestAsync(SortedDictionary<long, SealAnswer> seals, CancellationToken ct)
    {
        if (seals.Count == 0 || book.Current.Last is not { } newest)
            return;
        TakeFiles(newest);
        seals[newest.Number] = SealAnswer.Of(newest);
        var keys = newest.Signatures.Select(s => s.KeyId).ToHashSet(StringComparer.Ordinal);
        foreach (var needed in seals.Values.Where(seal => !IsSigned(seal)).ToArray())
        await foreach (var (_, seal) in book.ReadAsync([.. book.Current.Places.Where(p => p.Number > needed.Number)], ct))
        {
            var next = SealAnswer.Of(seal);
            if (!seals.TryAdd(next.Number, next) && !IsSigned(next))
                // The chain of a later one goes on from here.
                break;
            if (IsSigned(next))
                break;
        }

        bool IsSigned(SealAnswer seal) => seal.Signatures.Any(s => keys.Contains(s.KeyId));
    }

    /// <summary>A seal as openssl takes it.</summary>
    private void TakeFiles(LedgerSealed seal)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"seals/{seal.Number}");
        _files[name + ".txt"] = Encoding.UTF8.GetBytes(seal.Statement().SignedText());
        foreach (var signature in seal.Signatures)
            _files[$"{name}.{signature.KeyId}.sig"] = Convert.FromBase64String(signature.Signature);
    }

    private void TakeKeys()
    {
        var content = book.Current;
        var told = new List<object>();
        foreach (var (e, beforeSeal) in content.KeyEvents.Zip(content.KeyPlaces))
            switch (e)
            {
                case SealingKeyIntroduced introduced:
                    told.Add(
                        new
                        {
                            Type = "sealing-key-introduced",
                            introduced.KeyId,
                            introduced.PublicKey,
                            introduced.IntroducedAt,
                            beforeSeal,
                            introduced.Signatures,
                        }
                    );
                    _files[$"keys/{introduced.KeyId}.pub"] = Encoding.ASCII.GetBytes(PublicKey.Parse(introduced.PublicKey).Pem);
                    break;
                case SealingKeyRetired retired:
                    told.Add(
                        new
                        {
                            Type = "sealing-key-retired",
                            retired.KeyId,
                            retired.RetiredAt,
                            beforeSeal,
                            retired.Signatures,
                        }
                    );
                    break;
            }
        _files["introductions.ndjson"] = Lines(told);
    }

    private async Task<List<EvidencePage.Entry>> ExplainedAsync(
        string agentId,
        List<StoredEvent> events,
        IReadOnlyDictionary<Guid, (SealPlace Seal, int Index)> places,
        CancellationToken ct
    )
    {
        var told = new List<EvidencePage.Entry>(events.Count);
        foreach (var part in events.Chunk(PageSize))
        {
            var history = records.HistoryOf(agentId, ct);
            var audited = await history.ForwardsAsync(part[0].Record.Version, part.Length);
            foreach (var entry in await entries.OfAsync(history, audited, Wording.English, ct))
                told.Add(new EvidencePage.Entry(entry, places.TryGetValue(entry.EventId, out var place) ? place.Seal.Number : null));
        }
        return told;
    }

    private byte[] Manifest(string agentId, DateTimeOffset? from, DateTimeOffset? until, BundleSummary summary) =>
        JsonSerializer.SerializeToUtf8Bytes(
            new
            {
                BundleVerifier.Format,
                agentId,
                from,
                to = until,
                createdAt = clock.Now(),
                summary.Events,
                summary.Unsealed,
                summary.FirstVersion,
                summary.LastVersion,
                Files = _files.ToDictionary(f => f.Key, f => Convert.ToHexStringLower(SHA256.HashData(f.Value))),
            },
            WireJson.Options
        );

    private static byte[] Readme()
    {
        using var stream = typeof(EvidenceBundle).Assembly.GetManifestResourceStream("evidence-readme.md")!;
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }

    private static byte[] Lines(IEnumerable<object> values)
    {
        using var bytes = new MemoryStream();
        foreach (var value in values)
        {
            bytes.Write(JsonSerializer.SerializeToUtf8Bytes(value, value.GetType(), WireJson.Options));
            bytes.WriteByte((byte)'\n');
        }
        return bytes.ToArray();
    }

    /// <summary>Where an event is in a seal, and its path to the root.</summary>
    private sealed record Proof(long Version, long? Seal, int? Index, IReadOnlyList<string> Path);
}
