using System.Globalization;

namespace PresenceLedger.Ledger.Verification;

/// <summary>
/// Makes findings of flaws: window by window in order, and at the end of what is left over. What one tampering does to many events is one
/// finding, at the first of them.
/// </summary>
internal sealed class Judge(Streams streams, Alignment alignment)
{
    /// <summary>So many are kept; who destroyed more than that need not be told each.</summary>
    private const int Most = 10_000;

    private readonly List<Finding> _findings = [];
    private readonly Dictionary<ulong, int> _strangers = [];
    private readonly Dictionary<ulong, Finding> _unsealed = [];
    private int _open;

    /// <summary>What was found so far.</summary>
    public List<Finding> Findings => _findings;

    /// <summary>Events that nothing was sealed for, by fingerprint, with their findings: an event that moved far away is among them.</summary>
    public Dictionary<ulong, int> Strangers => _strangers;

    /// <summary>Events whose ids may be in their streams twice.</summary>
    public List<Finding> Suspects { get; } = [];

    /// <summary>Looks at the events of a window.</summary>
    /// <param name="window">The window; its hashes are computed.</param>
    public void Take(Window window)
    {
        // One that was sealed and is gone may stand among those that are not sealed yet.
        if (window.Seal is null && alignment.Lost.Count > 0)
            for (var n = 0; n < window.Rows.Length; n++)
                _unsealed.TryAdd(window.Rows[n].Value.Fingerprint, Of(window, n));
        if (window.IsSound && _open == 0)
            return;
        for (var n = 0; n < window.Rows.Length; n++)
            Take(window, n);
        if (!window.RootHolds && window.Marks.All(f => f is Flaws.None))
            Add(
                new Finding(FindingKind.SealChanged, $"The Merkle root of seal {window.Seal!.Number} is not that of the events it covers.")
                {
                    Stream = StreamNames.Seals,
                    Ordinal = window.Seal.First,
                    Seal = window.Seal.Number,
                }
            );
    }

    /// <summary>Makes findings of what is still open, of what was not found, and of numbers that no event has.</summary>
    /// <param name="unused">Numbers that no event has, where events are numbered.</param>
    public void End(IReadOnlyList<NumberGap> unused)
    {
        foreach (var stream in streams.All)
            Close(stream);
        var lost = new List<Lost>(alignment.Lost);
        MatchStrangers(lost);
        lost.RemoveAll(l => l.IsReplaced);
        foreach (var stream in streams.All)
            TakeGaps(stream, lost);
        TakeLost(lost);
        TakeUnused(unused);
    }

    /// <summary>Ends what is open, so that it can be kept.</summary>
    public void Close()
    {
        foreach (var stream in streams.All)
            Close(stream);
    }

    private void Take(Window window, int n)
    {
        var (stream, flaws, standing, ordinal) = (window.Streams[n], window.Marks[n], window.StandingOf(n), window.OrdinalOf(n));
        if (flaws is Flaws.None or Flaws.Unchecked && standing is Standing.InPlace)
        {
            if (stream.Open is not null)
                Close(stream);
            stream.IsDisturbed = false;
            return;
        }
        var row = window.Rows[n].Value;
        var told = Of(window, n);
        var afterFinding = stream.Open is not null || stream.IsDisturbed;
        if (stream.IsDisturbed && standing is Standing.InPlace)
        {
            stream.IsDisturbed = false;
            flaws &= ~Flaws.Broken;
        }
        if ((flaws & (Flaws.Gap | Flaws.Back)) is not Flaws.None && standing is Standing.InPlace or Standing.Replaced)
            stream.IsDisturbed = true;
        var filled = (flaws & Flaws.Back) is not Flaws.None && stream.Gaps.Remove(row.Version);
        if (standing is Standing.Moved)
            Add(
                told with
                {
                    Kind = FindingKind.Reordered,
                    Text = $"{Name(told)} was sealed at place {ordinal} of the global order, and stands elsewhere.",
                }
            );
        else if (filled)
        {
            _strangers[row.Fingerprint] = _findings.Count;
            Add(
                told with
                {
                    Kind = standing is Standing.Extra ? FindingKind.Inserted : FindingKind.Reordered,
                    Text = $"{Name(told)} stands after events that come after it.",
                }
            );
        }
        else if ((flaws & Flaws.Back) is not Flaws.None && standing is not Standing.Extra)
            Add(told with { Kind = FindingKind.Inserted, Text = $"{Name(told)} is there twice." });
        else if (standing is Standing.Extra or Standing.Replaced)
            TakeAltered(stream, row, flaws, standing, told);
        else if ((flaws & Flaws.Broken) is not Flaws.None)
            TakeBroken(stream, row, told);
        else
            Close(stream);

        if ((flaws & (Flaws.Early | Flaws.Broken | Flaws.Back)) is Flaws.Early && standing is Standing.InPlace && !afterFinding)
            Add(told with { Kind = FindingKind.Reordered, Text = $"{Name(told)} took effect before the event ahead of it." });
        if ((flaws & Flaws.Twice) is not Flaws.None)
            Suspects.Add(told with { Kind = FindingKind.Inserted, Text = $"{Name(told)} has an id that is in the stream before it." });
    }

    private static Finding Of(Window window, int n)
    {
        var row = window.Rows[n].Value;
        return new Finding(FindingKind.Changed, "")
        {
            Stream = window.Streams[n].Name,
            Version = row.Version,
            EventId = row.EventId,
            Ordinal = window.OrdinalOf(n),
            Seal = window.Seal?.Number,
        };
    }

    /// <summary>Its hash is another one than was sealed.</summary>
    private void TakeAltered(StreamState stream, EventRow row, Flaws flaws, Standing standing, Finding told)
    {
        var fits = (flaws & Flaws.Broken) is Flaws.None;
        if (stream.Open is { } run && run.Last + 1 == row.Version)
        {
            (run.Last, run.LastIsAltered) = (row.Version, true);
            run.Followers++;
            return;
        }
        Begin(
            stream,
            new Run
            {
                Kind =
                    standing is Standing.Extra ? FindingKind.Inserted
                    : fits ? FindingKind.Rechained
                    : FindingKind.Changed,
                First = told,
                Fingerprint = row.Fingerprint,
                Last = row.Version,
                LastIsAltered = true,
                Fits = fits,
                IsExtra = standing is Standing.Extra,
            }
        );
    }

    /// <summary>Its hash is what was sealed, or no seal tells, and is not what its content gives.</summary>
    private void TakeBroken(StreamState stream, EventRow row, Finding told)
    {
        if (stream.Open is { } run && run.Last + 1 == row.Version)
        {
            if (run.LastIsAltered)
            {
                // It follows from what was there before the one ahead of it was altered: nothing is wrong with this one.
                if (run is { Kind: FindingKind.Rechained, Followers: 0 })
                    run.Kind = FindingKind.Changed;
                Close(stream);
            }
            else
            {
                run.Last = row.Version;
                run.Followers++;
            }
            return;
        }
        Begin(
            stream,
            new Run
            {
                Kind = FindingKind.Changed,
                First = told,
                Last = row.Version,
                Fits = false,
                IsUnsealed = told.Seal is null,
            }
        );
    }

    private void Begin(StreamState stream, Run run)
    {
        Close(stream);
        stream.Open = run;
        _open++;
    }

    private void Close(StreamState stream)
    {
        if (stream.Open is not { } run)
            return;
        stream.Open = null;
        _open--;
        if (run is { Kind: FindingKind.Inserted, Followers: > 0 })
            run.Kind = FindingKind.Rechained;
        if (run.Fingerprint != 0)
            _strangers[run.Fingerprint] = _findings.Count;
        Add(run.First with { Kind = run.Kind, Followers = run.Followers, Text = Name(run.First) + Told(run) });
    }

    private static string Told(Run run)
    {
        var others = run.Followers switch
        {
            0 => "",
            1 => ", and so was the one after it",
            var n => Invariant($", and so were the {n} after it"),
        };
        return run.Kind switch
        {
            FindingKind.Inserted => " was not there when its place was sealed.",
            FindingKind.Rechained when run.IsExtra =>
                $" was not there when its place was sealed, and {Events(run.Followers)} after it {Were(run.Followers)} chained anew to follow from it.",
            FindingKind.Rechained when run.Followers == 0 => " was changed after it was sealed, and its hash made anew.",
            FindingKind.Rechained =>
                $" was changed after it was sealed, and its hash and those of the {Events(run.Followers)} after it made anew.",
            _ when run.IsUnsealed =>
                $" does not follow from the event ahead of it: it was changed{others}, or the one ahead of it was, with its hash.",
            _ when run.LastIsAltered && run.Fits =>
                " was changed after it was sealed, with its hash, which the next one does not follow from.",
            _ when run.LastIsAltered => $" was changed after it was sealed, and so was its hash{others}.",
            _ => $" is not what its hash was made of, and that hash was sealed: it was changed{others}.",
        };
    }

    /// <summary>An event that is where nothing was sealed, and was sealed where it is not, has moved.</summary>
    private void MatchStrangers(List<Lost> lost)
    {
        foreach (var one in lost.ToArray())
            if (_unsealed.TryGetValue(one.Fingerprint, out var later) && !_strangers.ContainsKey(one.Fingerprint))
            {
                Add(Moved(later, one));
                lost.Remove(one);
            }
            else if (_strangers.TryGetValue(one.Fingerprint, out var at) && at < _findings.Count)
            {
                var finding = _findings[at];
                streams.Find(finding.Stream!)?.Gaps.Remove(finding.Version!.Value);
                _findings[at] = Mapped(Moved(finding, one));
                lost.Remove(one);
            }
    }

    private static Finding Moved(Finding found, Lost from) =>
        found with
        {
            Kind = FindingKind.Reordered,
            Ordinal = from.Ordinal,
            Seal = from.Seal,
            Text = $"{Name(found)} was sealed at place {from.Ordinal} of the global order, and stands at {found.Ordinal}.",
        };

    private void TakeGaps(StreamState stream, List<Lost> lost)
    {
        foreach (var (from, count, before) in Ranges(stream.Gaps))
        {
            // What was lost last before the event that comes after the gap.
            var these = lost.Where(l => l.Ordinal <= before).TakeLast((int)Math.Min(count, int.MaxValue)).ToArray();
            lost.RemoveAll(these.Contains);
            Missing(stream.Name, from, count, these.Length > 0 ? these[0] : null, before);
        }
    }

    /// <summary>What was sealed and is gone, where no stream tells which it was.</summary>
    private void TakeLost(List<Lost> lost)
    {
        if (lost.Count == 0)
            return;
        Add(
            new Finding(
                FindingKind.Missing,
                Invariant($"{Upper(Events(lost.Count))} that seal {lost[0].Seal} covers")
                    + (lost[^1].Seal > lost[0].Seal ? Invariant($", or one after it up to {lost[^1].Seal},") : "")
                    + Invariant($" {Are(lost.Count)} gone, from {Places([.. lost.Select(l => l.Ordinal)])} of the global order; ")
                    + Invariant($"the hash of the first began with {lost[0].Fingerprint:x16}. No stream tells which it was.")
            )
            {
                Ordinal = lost[0].Ordinal,
                Seal = lost[0].Seal,
                Followers = lost.Count - 1,
            }
        );
    }

    /// <summary>An event was deleted where a number is missing; most of the time a seal or a stream has told already which it was.</summary>
    private void TakeUnused(IReadOnlyList<NumberGap> unused)
    {
        var told = alignment.Lost.Select(l => l.Ordinal).Concat(_findings.Select(f => f.Ordinal ?? -1)).ToHashSet();
        var numbers = unused
            .SelectMany(gap => Enumerable.Range(0, (int)Math.Min(gap.Count, Most)).Select(n => gap.First + n))
            .Where(number => !told.Contains(number - 1))
            .ToArray();
        // Gaps of streams that no seal covers yet.
        if (numbers.Length <= _findings.Where(f => f is { Kind: FindingKind.Missing, Seal: null }).Sum(f => f.Followers + 1))
            return;
        Add(
            new Finding(
                FindingKind.Missing,
                Invariant(
                    $"No event has {Places([.. numbers.Select(n => n - 1)])} of the global order: {Events(numbers.Length)} {Were(numbers.Length)} deleted."
                )
            )
            {
                Ordinal = numbers[0] - 1,
                Followers = numbers.Length - 1,
            }
        );
    }

    private static string Places(IReadOnlyList<long> ordinals)
    {
        const int shown = 8;
        var some = string.Join(", ", ordinals.Take(shown).Select(o => o.ToString(CultureInfo.InvariantCulture)));
        return ordinals.Count switch
        {
            1 => "place " + some,
            <= shown => "places " + some,
            _ => Invariant($"places {some} and {ordinals.Count - shown} more"),
        };
    }

    private void Missing(string stream, long version, long count, Lost? first, long? before)
    {
        var which = count == 1 ? $"{stream}@{version} is gone" : Invariant($"{stream}@{version} to {version + count - 1} are gone");
        var where = first is not null ? Invariant($"; seal {first.Seal} has it at place {first.Ordinal} of the global order") : "";
        Add(
            new Finding(FindingKind.Missing, which + where + ".")
            {
                Stream = stream,
                Version = version,
                Ordinal = first?.Ordinal ?? before,
                Seal = first?.Seal,
                Followers = count - 1,
            }
        );
    }

    /// <summary>One more.</summary>
    public void Add(Finding finding)
    {
        if (_findings.Count < Most)
            _findings.Add(Mapped(finding));
    }

    /// <summary>What is wrong with an event of the seals is wrong with a seal.</summary>
    private static Finding Mapped(Finding finding) =>
        finding.Stream != StreamNames.Seals
            ? finding
            : finding with
            {
                Kind = finding.Kind switch
                {
                    FindingKind.Missing => FindingKind.SealMissing,
                    FindingKind.SealMissing => finding.Kind,
                    _ => FindingKind.SealChanged,
                },
            };

    /// <summary>Versions one after another, with the place of the event after them.</summary>
    private static IEnumerable<(long From, long Count, long Before)> Ranges(SortedDictionary<long, long> gaps)
    {
        (long From, long Count, long Before)? open = null;
        foreach (var (version, before) in gaps)
            if (open is { } range && version == range.From + range.Count)
                open = range with { Count = range.Count + 1 };
            else
            {
                if (open is { } done)
                    yield return done;
                open = (version, 1, before);
            }
        if (open is { } last)
            yield return last;
    }

    private static string Name(Finding finding) => Invariant($"{finding.Stream}@{finding.Version}");

    private static string Events(long count) => count == 1 ? "one event" : Invariant($"{count} events");

    private static string Were(long count) => count == 1 ? "was" : "were";

    private static string Are(long count) => count == 1 ? "is" : "are";

    private static string Upper(string text) => char.ToUpperInvariant(text[0]) + text[1..];

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
