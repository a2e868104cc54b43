using PresenceLedger.Domain.Agents;

namespace PresenceLedger.Domain.WhatIf;

/// <summary>
/// A time in which nothing was heard of a connection. Heartbeats are not events (CON-7); what the ledger knows of them is when a
/// connection that was lost was last seen, and that one that said it closes came back.
/// </summary>
/// <param name="After">Index of the happening after which it was silent; -1 where its last sign of life says so.</param>
/// <param name="Sign">Its last sign of life.</param>
/// <param name="Deadline">When it was lost by that, or would have been.</param>
/// <param name="Noticed">Index of the happening at which its loss was recorded; the largest number where it came back before.</param>
/// <param name="Until">Index of the happening by which it was heard again; the largest number where it never was.</param>
internal sealed record Silence(int After, SignOfLife Sign, DateTimeOffset Deadline, int Noticed, int Until);

/// <summary>The silences of an agent's connections.</summary>
internal sealed class Silences
{
    private readonly Dictionary<string, List<Silence>> _of = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (int Happening, DateTimeOffset At)> _closing = new(StringComparer.Ordinal);

    private Silences() { }

    /// <summary>What the events tell of silences.</summary>
    public static Silences In(
        IReadOnlyList<RecordedEvent> recorded,
        IReadOnlyList<Happening> happenings,
        ConfigurationHistory configurations
    )
    {
        var silences = new Silences();
        for (var n = 0; n < happenings.Count; n++)
        for (var e = happenings[n].First; e < happenings[n].End; e++)
            silences.Take(recorded[e], n, happenings[n], configurations);
        return silences;
    }

    /// <summary>The silence that a connection is in at a happening, or comes to next; null where the ledger knows of none.</summary>
    public Silence? Of(string connectionId, int happening) =>
        _of.TryGetValue(connectionId, out var silences) ? silences.Find(s => s.Until >= happening) : null;

    private void Take(RecordedEvent recorded, int happening, Happening of, ConfigurationHistory configurations)
    {
        var configuration = configurations.At(recorded.ConfigurationVersion);
        switch (recorded.Event)
        {
            case ConnectionClosing e:
                _closing[e.ConnectionId] = (happening, e.OccurredAt);
                break;
            case ConnectionLost e:
                var after = e.Cause is LossCause.Closed && _closing.TryGetValue(e.ConnectionId, out var closing) ? closing.Happening : -1;
                // What a restart granted (CON-8) is in the deadline.
                var countsFrom =
                    e.Cause is LossCause.Closed ? e.LastSeenAt : e.Deadline - configuration.PolicyAt(e.Deadline).HeartbeatTimeout;
                Add(e.ConnectionId, new Silence(after, new SignOfLife(e.LastSeenAt, countsFrom), e.Deadline, happening, int.MaxValue));
                _closing.Remove(e.ConnectionId);
                break;
            case AgentSignedIn e:
                Hear(e.ConnectionId, happening);
                break;
            case ConnectionOpened e:
                // Where it was heard by a heartbeat meanwhile, nobody knows when: it counts as never gone.
                if (
                    _closing.TryGetValue(e.ConnectionId, out var gone)
                    && DueWork.LossOf(e.ConnectionId, new Connection(null, gone.At, gone.At), sign: null, configuration).At is var deadline
                    && of.At < deadline
                )
                    Add(
                        e.ConnectionId,
                        new Silence(gone.Happening, new SignOfLife(gone.At, gone.At), deadline, int.MaxValue, int.MaxValue)
                    );
                Hear(e.ConnectionId, happening);
                break;
            case AgentSignedOut:
                _closing.Clear();
                break;
        }
    }

    private void Add(string connectionId, Silence silence)
    {
        if (!_of.TryGetValue(connectionId, out var silences))
            _of[connectionId] = silences = [];
        silences.Add(silence);
    }

    private void Hear(string connectionId, int happening)
    {
        if (_of.TryGetValue(connectionId, out var silences) && silences[^1].Until == int.MaxValue)
            silences[^1] = silences[^1] with { Until = happening };
        _closing.Remove(connectionId);
    }
}
