using System.Text.Json;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Ledger.Reasons;

/// <summary>What is wrong with the text of a reason.</summary>
public enum ReasonFaultKind
{
    /// <summary>It is gone, and no erasure took it.</summary>
    Missing,

    /// <summary>It is not the text of its digest, or is kept under another stream.</summary>
    Changed,

    /// <summary>The person was erased since, and it is still kept.</summary>
    NotErased,
}

/// <summary>A reason whose text is not as it should be.</summary>
/// <param name="Version">The event that names it.</param>
/// <param name="EventId">Its id.</param>
/// <param name="Kind">What is wrong.</param>
public readonly record struct ReasonFault(long Version, Guid EventId, ReasonFaultKind Kind);

/// <summary>
/// Checks the texts of the reasons of one stream, whose events are given in order from the first that counts on. An event
/// <c>person-erased</c> covers everything before it in its stream: those texts are to be gone. Every other one is to be there as it was given.
/// </summary>
public sealed class StreamReasons(IReasonTexts texts, string stream)
{
    /// <summary>So many faults are told one by one.</summary>
    public const int MostTold = 1000;

    private static readonly string Erasure = WireNames.OfType<PersonErased>();

    private readonly List<ReasonFault> _faults = [];
    private readonly List<ReasonFault> _notErased = [];
    private readonly List<ReasonFault> _kept = [];

    /// <summary>What is wrong, as of the events so far, by version.</summary>
    public IReadOnlyList<ReasonFault> Faults => [.. _notErased.Concat(_faults).Take(MostTold)];

    /// <summary>Takes the next events.</summary>
    public async Task AddAsync(IEnumerable<EventRecord> page, CancellationToken ct)
    {
        var named = new List<(EventRecord Record, string? Digest)>();
        foreach (var record in page)
            if (record.Type == Erasure || DigestOf(record) is not null)
                named.Add((record, DigestOf(record)));
        if (named.Count == 0)
            return;
        var found = await texts.FindAsync([.. named.Select(n => n.Digest).OfType<string>()], ct);
        foreach (var (record, digest) in named)
        {
            if (digest is not null)
                Take(record, found.GetValueOrDefault(digest));
            if (record.Type == Erasure)
                Erase();
        }
    }

    /// <summary>The digest of the text of an event's reason; null where there is none.</summary>
    internal static string? DigestOf(EventRecord record) =>
        // Quotes within a text are escaped: where this is not, there is no digest.
        record.Metadata.Contains("\"digest\"", StringComparison.Ordinal)
            ? DigestIn(record.Metadata)
            : null;

    /// <summary>The same, of the metadata. What cannot be read is told by the verification of the events.</summary>
    internal static string? DigestIn(string metadata)
    {
        try
        {
            return LedgerJson.Read<EventMetadata>(metadata).Reason?.Digest;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private void Take(EventRecord record, ReasonText? text)
    {
        var kind = text is null ? ReasonFaultKind.Missing : ReasonFaultKind.Changed;
        var list = text is { Holds: true } && text.Stream == stream ? _kept : _faults;
        if (list.Count < MostTold)
            list.Add(new ReasonFault(record.Version, record.EventId, kind));
    }

    private void Erase()
    {
        // A row that was changed is also one that is still there.
        _notErased.AddRange(
            _kept
                .Concat(_faults.Where(f => f.Kind is ReasonFaultKind.Changed))
                .OrderBy(f => f.Version)
                .Take(MostTold - Math.Min(MostTold, _notErased.Count))
                .Select(f => f with { Kind = ReasonFaultKind.NotErased })
        );
        _kept.Clear();
        _faults.Clear();
    }
}
