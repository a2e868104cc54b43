using System.Globalization;
using PresenceLedger.Api.Hosting;
using PresenceLedger.Ledger.Seals;

namespace PresenceLedger.Api.Audit;

/// <summary>The section <c>Seals</c> of the configuration.</summary>
/// <param name="Interval">How often the ledger is sealed; zero for never by itself.</param>
/// <param name="Keys">Where this node has its keys.</param>
internal sealed record SealSettings(TimeSpan Interval, SealingKeys Keys)
{
    private const double UsualSeconds = 60;
    private const double MostSeconds = 86_400;
    private const string FolderKey = "Seals:KeyFolder";

    /// <summary>Reads it.</summary>
    /// <param name="configuration">The configuration.</param>
    /// <param name="dataFolder">The data folder, which has the keys where no other folder is named.</param>
    /// <exception cref="MisconfiguredException">Something is not what it should be.</exception>
    public static SealSettings Of(IConfiguration configuration, string dataFolder)
    {
        var text = configuration["Seals:Interval"];
        var seconds = UsualSeconds;
        if (
            !string.IsNullOrEmpty(text)
            && !(double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out seconds) && seconds is >= 0 and <= MostSeconds)
        )
            throw new MisconfiguredException(
                $"Seals:Interval={text} cannot be; it is a number of seconds up to {MostSeconds}, 0 for never."
            );
        var folder = configuration[FolderKey];
        var keyFolder = Path.GetFullPath(string.IsNullOrEmpty(folder) ? Path.Combine(dataFolder, "keys") : folder);
        var notes = configuration["Seals:NoteFolder"];
        var given = configuration["Seals:Key"];
        return new SealSettings(
            TimeSpan.FromSeconds(seconds),
            new SealingKeys(
                keyFolder,
                // A variable of one line has its line feeds escaped.
                string.IsNullOrWhiteSpace(given)
                    ? null
                    : given.Replace("\\n", "\n", StringComparison.Ordinal)
            )
            {
                NoteFolder = Path.GetFullPath(string.IsNullOrEmpty(notes) ? keyFolder : notes),
            }
        );
    }

    /// <summary>Reads what a verb needs of it, which has no configuration but the environment.</summary>
    public static SealSettings Of(string dataFolder) =>
        Of(
            Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { ContentRootPath = AppContext.BaseDirectory }).Configuration,
            dataFolder
        );
}
