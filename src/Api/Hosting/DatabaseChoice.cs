using PresenceLedger.Ledger.EventStoreDb;

namespace PresenceLedger.Api.Hosting;

/// <summary>Which database: the one in a data folder, or another server; and what keeps the ledger.</summary>
/// <param name="DataFolder">The data folder.</param>
/// <param name="ConnectionString">Given on the command line, of a PostgreSQL or an EventStoreDB; null where not.</param>
public sealed record DatabaseChoice(string DataFolder, string? ConnectionString)
{
    /// <summary>Settings of the service that were given on the command line, as <c>--Section:Key value</c>.</summary>
    public IReadOnlyList<string> Settings { get; init; } = [];

    /// <summary>The configuration for a verb: these settings, the environment, and the file beside the program.</summary>
    internal IConfiguration Configuration() =>
        Host.CreateApplicationBuilder(
            new HostApplicationBuilderSettings { Args = [.. Settings], ContentRootPath = AppContext.BaseDirectory }
        ).Configuration;

    /// <summary>The connection string of a PostgreSQL that is given; null for the database in the data folder.</summary>
    internal string? GivenDatabase(IConfiguration configuration) => Given(configuration, text => !EventStoreDbSettings.IsMeant(text));

    /// <summary>The connection string that is given and is of a kind.</summary>
    internal string? Given(IConfiguration configuration, Predicate<string> isMeant) =>
        new[]
        {
            ConnectionString,
            configuration["Ledger:ConnectionString"],
            Environment.GetEnvironmentVariable("PRESENCE_LEDGER_CONNECTION"),
        }.FirstOrDefault(given => given is not null && isMeant(given));
}
