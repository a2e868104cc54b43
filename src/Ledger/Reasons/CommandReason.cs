using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Ledger.Reasons;

/// <summary>
/// The text of one command's reason: kept once for each stream that the command writes to, with a salt of its own, so that the texts of
/// one stream can be erased without those of another. A command without a text has nothing to keep.
/// </summary>
internal sealed class CommandReason(IReasonTexts texts)
{
    private readonly List<ReasonText> _texts = [];
    private int _kept;

    /// <summary>The envelope of the command as the events of a stream carry it.</summary>
    public CommandEnvelope Of(string stream, CommandEnvelope envelope, DateTimeOffset now)
    {
        if (envelope.Reason?.Text is not { Length: > 0 } text)
            return envelope;
        var known = _texts.Find(t => t.Stream == stream);
        if (known is null)
        {
            known = ReasonText.Of(stream, text, now);
            _texts.Add(known);
        }
        return envelope with { ReasonDigest = known.Digest };
    }

    /// <summary>Keeps what the events that are about to be appended name.</summary>
    /// <exception cref="LedgerUnavailableException">It cannot be kept; nothing is to be appended.</exception>
    public async ValueTask KeepAsync()
    {
        if (_kept == _texts.Count)
            return;
        await texts.KeepAsync(_texts[_kept..]);
        _kept = _texts.Count;
    }

    /// <summary>Nothing was appended after all.</summary>
    public async ValueTask TakeBackAsync()
    {
        if (_kept == 0)
            return;
        await texts.TakeBackAsync(_texts[.._kept]);
        _texts.Clear();
        _kept = 0;
    }
}
