using System.Text;
using System.Text.Json;

namespace PresenceLedger.Ledger.Verification;

/// <summary>How far a verification came that was broken off. Ids of events are not kept: one that is there twice is found among those of one run.</summary>
internal sealed record VerificationState(
    string Store,
    long SinceSeal,
    string Position,
    long Ordinal,
    long Events,
    long Seals,
    IReadOnlyList<VerificationState.OfStream> Streams,
    IReadOnlyList<Finding> Findings,
    IReadOnlyDictionary<ulong, int> Strangers,
    IReadOnlyList<Lost> Lost,
    IReadOnlyDictionary<ulong, long> Displaced,
    IReadOnlyCollection<ulong> Early
)
{
    /// <summary>Numbers that no event has.</summary>
    public IReadOnlyList<NumberGap> Unused { get; init; } = [];

    public static VerificationState Of(
        string store,
        long sinceSeal,
        WindowCutter windows,
        Streams streams,
        Alignment alignment,
        Judge judge
    ) =>
        new(
            store,
            sinceSeal,
            windows.Position.ToString(),
            windows.Ordinal,
            windows.Events,
            windows.Seals,
            [
                .. streams.All.Select(s => new OfStream(
                    s.Name,
                    s.Version,
                    Convert.ToBase64String(s.Hash),
                    s.OccurredAt,
                    s.Ordinal,
                    new Dictionary<long, long>(s.Gaps),
                    [.. s.Ahead]
                )),
            ],
            judge.Findings,
            judge.Strangers,
            alignment.Lost,
            alignment.Displaced,
            alignment.Early
        )
        {
            Unused = windows.Unused,
        };

    /// <summary>Reads what was kept.</summary>
    /// <exception cref="InvalidDataException">The file is none.</exception>
    public static async Task<VerificationState> ReadAsync(string file, CancellationToken ct)
    {
        try
        {
            await using var stream = File.OpenRead(file);
            return await JsonSerializer.DeserializeAsync<VerificationState>(stream, cancellationToken: ct)
                ?? throw new JsonException("It is empty.");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{file} is not the state of a verification: {e.Message}", e);
        }
    }

    public void Write(string file)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(file))!);
        File.WriteAllBytes(file + ".new", JsonSerializer.SerializeToUtf8Bytes(this));
        File.Move(file + ".new", file, overwrite: true);
    }

    public LogPosition At() =>
        LogPosition.TryParse(Position, out var position) ? position : throw new InvalidDataException($"'{Position}' is no position.");

    /// <summary>Puts everything back where it was.</summary>
    public void Give(Streams streams, Alignment alignment, Judge judge)
    {
        foreach (var kept in Streams)
        {
            var stream = streams.Get(Encoding.UTF8.GetBytes(kept.Name));
            Convert.FromBase64String(kept.Hash).CopyTo(stream.Hash, 0);
            (stream.IsKnown, stream.Version, stream.OccurredAt, stream.Ordinal) = (true, kept.Version, kept.OccurredAt, kept.Ordinal);
            foreach (var (version, ordinal) in kept.Gaps)
                stream.Gaps[version] = ordinal;
            stream.Ahead.UnionWith(kept.Ahead);
        }
        judge.Findings.AddRange(Findings);
        foreach (var (fingerprint, finding) in Strangers)
            judge.Strangers[fingerprint] = finding;
        alignment.Lost.AddRange(Lost);
        foreach (var (fingerprint, ordinal) in Displaced)
            alignment.Displaced[fingerprint] = ordinal;
        alignment.Early.UnionWith(Early);
    }

    /// <summary>A stream as it stood.</summary>
    internal sealed record OfStream(
        string Name,
        long Version,
        string Hash,
        long OccurredAt,
        long Ordinal,
        IReadOnlyDictionary<long, long> Gaps,
        IReadOnlyCollection<long> Ahead
    );
}
