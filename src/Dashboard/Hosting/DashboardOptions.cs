namespace PresenceLedger.Dashboard.Hosting;

/// <summary>What the service tells the dashboard that it hosts.</summary>
/// <param name="Door">The Unix socket of the service at which the dashboard says for whom it calls.</param>
/// <param name="IsOpen">Whether <c>Access:Mode</c> is <c>Open</c>: whoever calls is believed.</param>
/// <param name="IsServedAs">Whether it is to be served under a host name; in mode <c>Open</c> under those of this machine alone.</param>
/// <param name="KeyFolder">Where the keys of the cookies are kept, so that a restart signs nobody out.</param>
public sealed record DashboardOptions(string Door, bool IsOpen, Predicate<string> IsServedAs, string KeyFolder);
