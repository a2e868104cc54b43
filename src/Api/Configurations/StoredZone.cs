using PresenceLedger.Api.Hosting;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger.Calendars;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Api.Configurations;

/// <summary>
/// The service does not start with a policy whose end of day is in a time zone that its data do not have: no day would end (TIM-5).
/// Such a policy comes from an older version, which took the zones of its machine. A setting names another zone for it.
/// </summary>
internal sealed class StoredZone(ConfigurationStream stream, IConfiguration configuration) : IHostedService
{
    /// <summary>The setting.</summary>
    public const string Setting = "Policy:EndOfDayTimeZone";

    /// <inheritdoc />
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (stream.Current.Policy.EndOfDay is not { } endOfDay || Zones.Find(endOfDay.TimeZone) is not null)
            return;
        var problem =
            $"The policy's end of day is in the time zone '{endOfDay.TimeZone}', which the time-zone data of this version ({Zones.Version}) "
            + "do not have. ";
        if (configuration[Setting] is not { } given)
            throw new MisconfiguredException(
                $"{problem}Start once with --{Setting} and an IANA name, such as Europe/Berlin, to change it."
            );
        if (Zones.Find(given) is null)
            throw new MisconfiguredException($"{problem}Nor do they have '{given}', which {Setting} names.");
        var id = Guid.NewGuid();
        await stream.TransactAsync(
            new AmendPolicy(policy => policy.EndOfDay == endOfDay ? policy with { EndOfDay = endOfDay with { TimeZone = given } } : policy),
            new CommandEnvelope(Actor.Ledger, id, id.ToString("N"))
            {
                Reason = new Reason(null, $"{Setting} at the start of the service; '{endOfDay.TimeZone}' is not known to it."),
            },
            answer: null,
            cancellationToken
        );
    }

    /// <inheritdoc />
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
