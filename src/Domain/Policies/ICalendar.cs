namespace PresenceLedger.Domain.Policies;

/// <summary>
/// What clocks show in which time zone. The domain has no data of time zones: it is given the calendar of the shell, the one that
/// reports and pages use as well (TIM-5).
/// </summary>
public interface ICalendar
{
    /// <summary>
    /// The first end of day after an instant; null where the time zone is not known. A local time that daylight saving skips
    /// counts at the first instant after the gap; one that happens twice counts the first time.
    /// </summary>
    DateTimeOffset? Next(EndOfDay endOfDay, DateTimeOffset after);
}
