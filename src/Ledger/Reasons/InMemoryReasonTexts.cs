using System.Collections.Concurrent;

namespace PresenceLedger.Ledger.Reasons;

/// <summary>Texts in memory, beside a log in memory.</summary>
public sealed class InMemoryReasonTexts : IReasonTexts
{
    private readonly ConcurrentDictionary<string, ReasonText> _texts = new(StringComparer.Ordinal);

    /// <inheritdoc />
    public Task KeepAsync(IReadOnlyCollection<ReasonText> texts)
    {
        foreach (var text in texts)
            _texts[text.Digest] = text;
        return Task.CompletedTask;
    }

    /// <inheritdoc />
    public Task<IReadOnlyDictionary<string, ReasonText>> FindAsync(IReadOnlyCollection<string> digests, CancellationToken ct) =>
        Task.FromResult<IReadOnlyDictionary<string, ReasonText>>(
            digests
                .Distinct(StringComparer.Ordinal)
                .Where(_texts.ContainsKey)
                .ToDictionary(digest => digest, digest => _texts[digest], StringComparer.Ordinal)
        );

    /// <inheritdoc />
    public Task TakeBackAsync(IReadOnlyCollection<ReasonText> texts)
    {
        foreach (var text in texts)
            _texts.TryRemove(text.Digest, out _);
        return Task.CompletedTask;
    }

    /// <inheritdoc />
    public Task<int> EraseAsync(IReadOnlyCollection<string> streams, DateTimeOffset upTo, CancellationToken ct) =>
        Task.FromResult(
            _texts.Values.Where(t => streams.Contains(t.Stream) && t.RecordedAt <= upTo).Count(t => _texts.TryRemove(t.Digest, out _))
        );
}
