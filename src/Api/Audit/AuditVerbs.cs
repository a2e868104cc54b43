using PresenceLedger.Api.Hosting;
using PresenceLedger.Queries.Timeline;

namespace PresenceLedger.Api.Audit;

/// <summary>What the verbs of the audit, which read the log themselves, have in common.</summary>
internal static class AuditVerbs
{
    private const int DoesNotHold = 1;

    /// <summary>The instant of an option.</summary>
    /// <exception cref="MisconfiguredException">It is none.</exception>
    public static DateTimeOffset? Instant(string option, string? text, DateTimeOffset now) =>
        text is null
            ? null
            : Moment.Read(text, now)
                ?? throw new MisconfiguredException(
                    $"{option}: '{text}' is neither an instant such as 2026-01-05T08:00:00Z nor a time of today such as 08:00:00 (UTC)."
                );

    /// <summary>Says that nothing is recorded of an agent; gives the exit code.</summary>
    public static int Unknown(string agentId)
    {
        Console.Error.WriteLine($"presence-ledger: Nothing is recorded of agent '{agentId}'.");
        return DoesNotHold;
    }

    /// <summary>Says that an event cannot be read; gives the exit code.</summary>
    public static int Unreadable(InvalidDataException e)
    {
        Console.Error.WriteLine("presence-ledger: An event cannot be read: " + e.Message);
        return DoesNotHold;
    }
}
