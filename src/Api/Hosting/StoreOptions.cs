using System.CommandLine;

namespace PresenceLedger.Api.Hosting;

/// <summary>
/// The options by which every verb finds the database and the ledger, the same for all of them: <c>--data</c>, <c>--connection</c> and the
/// settings of the service, of which <c>--Ledger:Store</c> and its like say what keeps the ledger.
/// </summary>
internal sealed class StoreOptions
{
    private const string StreamPrefix = "--Ledger:StreamPrefix";

    private readonly Option<string> _data = new("--data")
    {
        Description = "The folder of the data; also of the database that the service brings along.",
        DefaultValueFactory = _ => Path.Combine(Environment.CurrentDirectory, ".data"),
        Recursive = true,
    };

    private readonly Option<string?> _connection = new("--connection")
    {
        Description = "A PostgreSQL connection string, to use that server instead; or esdb://…, for --Ledger:Store EventStoreDb.",
        Recursive = true,
    };

    private readonly Option<string?> _prefix = new("--stream-prefix")
    {
        Description = "The same as " + StreamPrefix + ".",
        Recursive = true,
    };

    // Settings are taken out before the command line is parsed; these only stand in the help.
    private readonly Option<string?>[] _shown =
    [
        Shown("--Ledger:Store", "What keeps the ledger: Postgres or EventStoreDb."),
        Shown("--Ledger:EventStoreDb", "The connection string of the EventStoreDB, esdb://…."),
        Shown(StreamPrefix, "Before the names of the streams in a shared EventStoreDB."),
    ];

    private readonly string[] _settings;

    /// <summary>The options.</summary>
    /// <param name="settings">What <see cref="Split"/> found.</param>
    public StoreOptions(string[] settings) => _settings = settings;

    /// <summary>Adds them to the root command, and so to every verb.</summary>
    public void AddTo(RootCommand root)
    {
        root.Options.Add(_data);
        root.Options.Add(_connection);
        root.Options.Add(_prefix);
        foreach (var shown in _shown)
            root.Options.Add(shown);
    }

    /// <summary>What was chosen.</summary>
    public DatabaseChoice Of(ParseResult parsed) =>
        new(parsed.GetRequiredValue(_data), parsed.GetValue(_connection))
        {
            Settings = parsed.GetValue(_prefix) is { } prefix ? [.. _settings, StreamPrefix, prefix] : _settings,
        };

    /// <summary>Whether a data folder was named.</summary>
    public bool NamesFolder(ParseResult parsed) => parsed.GetResult(_data) is { Implicit: false };

    /// <summary>What is meant for the verb, and the settings of the service, <c>--Section:Key value</c> or <c>--Section:Key=value</c>.</summary>
    public static (string[] Arguments, string[] Settings) Split(string[] args)
    {
        var (arguments, settings) = (new List<string>(), new List<string>());
        for (var n = 0; n < args.Length; n++)
            if (args[n] == "--")
            {
                arguments.AddRange(args[n..]);
                break;
            }
            else if (!IsSetting(args[n]))
                arguments.Add(args[n]);
            else if (args[n].Contains('=', StringComparison.Ordinal) || n + 1 == args.Length)
                settings.Add(args[n]);
            else
                settings.AddRange([args[n], args[++n]]);
        return ([.. arguments], [.. settings]);
    }

    /// <summary>Options of verbs are in small letters, and may have their value behind a colon too.</summary>
    private static bool IsSetting(string argument) =>
        argument.StartsWith("--", StringComparison.Ordinal)
        && argument.Split('=')[0] is var name
        && name.IndexOf(':', StringComparison.Ordinal) is > 2 and var colon
        && (char.IsAsciiLetterUpper(name[2]) || name[2..colon] == "ledger");

    private static Option<string?> Shown(string name, string description) => new(name) { Description = description, Recursive = true };
}
