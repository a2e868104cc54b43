using System.Globalization;

namespace PresenceLedger.Ledger.EventStoreDb;

/// <summary>Which node a subscription reads from. Commands always go to the leader.</summary>
public enum NodePreference
{
    Leader,
    Follower,
    ReadOnlyReplica,
    Random,
}

/// <summary>An address of a node.</summary>
public sealed record NodeAddress(string Host, int Port)
{
    /// <inheritdoc />
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Host}:{Port}");
}

/// <summary>
/// How to reach an EventStoreDB or KurrentDB: a connection string in the syntax of its official clients,
/// <c>esdb://user:password@node1:2113,node2:2113?tls=true&amp;tlsCaFile=ca.crt</c>.
/// </summary>
public sealed record EventStoreDbSettings
{
    private const int DefaultPort = 2113;
    private const string Credentials =
        "before the '@' stand user and password, with a ':' between them; '@', ':' and '?' within are %40, %3A and %3F, '@' in an option too";

    private static readonly string[] Schemes = ["esdb", "kurrent", "kurrentdb"];

    private EventStoreDbSettings() { }

    /// <summary>The nodes named.</summary>
    public required IReadOnlyList<NodeAddress> Nodes { get; init; }

    /// <summary>Whether they are asked who leads: where there are several, or the scheme ends in <c>+discover</c>.</summary>
    public bool Discover { get; init; }

    /// <summary>The user; null for none.</summary>
    public string? User { get; init; }

    /// <summary>The user's password.</summary>
    public string? Password { get; init; }

    /// <summary><c>tls</c>: whether the connection is encrypted. On unless said otherwise.</summary>
    public bool Tls { get; private init; } = true;

    /// <summary><c>tlsVerifyCert</c>: whether the node's certificate is checked. On unless said otherwise.</summary>
    public bool VerifyCertificate { get; private init; } = true;

    /// <summary><c>tlsCaFile</c>: the authority to trust, a PEM file, instead of those of the machine.</summary>
    public string? AuthorityFile { get; private init; }

    /// <summary><c>nodePreference</c>: where subscriptions read.</summary>
    public NodePreference Preference { get; private init; }

    /// <summary><c>defaultDeadline</c>, in milliseconds: how long one try of a call may take, or stand still.</summary>
    public TimeSpan Deadline { get; private init; } = TimeSpan.FromSeconds(5);

    /// <summary><c>keepAliveInterval</c>, in milliseconds; -1 for none.</summary>
    public TimeSpan KeepAliveInterval { get; private init; } = TimeSpan.FromSeconds(10);

    /// <summary><c>keepAliveTimeout</c>, in milliseconds.</summary>
    public TimeSpan KeepAliveTimeout { get; private init; } = TimeSpan.FromSeconds(5);

    /// <summary><c>gossipTimeout</c>, in milliseconds: how long a node may take to say who leads.</summary>
    public TimeSpan GossipTimeout { get; private init; } = TimeSpan.FromSeconds(2);

    /// <summary><c>discoveryInterval</c>, in milliseconds: the pause before the nodes are asked again.</summary>
    public TimeSpan DiscoveryInterval { get; private init; } = TimeSpan.FromMilliseconds(100);

    /// <summary><c>connectionName</c>: what the server calls this client in its log.</summary>
    public string ConnectionName { get; private init; } = "presence-ledger";

    /// <summary>Whether a text is meant as a connection string of this kind.</summary>
    public static bool IsMeant(string text) => Array.Exists(Schemes, s => SchemeOf(text) is { } scheme && scheme.Split('+')[0] == s);

    /// <summary>Reads a connection string.</summary>
    /// <exception cref="FormatException">It cannot be read; the message says what, and never shows the password.</exception>
    public static EventStoreDbSettings Parse(string text)
    {
        if (!IsMeant(text))
            throw new FormatException("it begins with esdb://, esdb+discover://, kurrentdb:// or kurrentdb+discover://");
        var scheme = SchemeOf(text)!;
        var rest = text[(scheme.Length + "://".Length)..];
        var question = rest.IndexOf('?', StringComparison.Ordinal);
        var query = question < 0 ? "" : rest[(question + 1)..];
        var authority = (question < 0 ? rest : rest[..question]).TrimEnd('/');

        // Else what looks like a node or an option, and would be shown, may be a part of the password.
        if (query.Contains('@', StringComparison.Ordinal))
            throw new FormatException(Credentials);
        string? user = null;
        string? password = null;
        if (authority.LastIndexOf('@') is >= 0 and var at)
        {
            if (authority[..at].Split(':') is not [{ Length: > 0 } name, var secret])
                throw new FormatException(Credentials);
            (user, password) = (Uri.UnescapeDataString(name), Uri.UnescapeDataString(secret));
            authority = authority[(at + 1)..];
        }
        NodeAddress[] nodes = [.. authority.Split(',').Select(Address)];
        var settings = new EventStoreDbSettings
        {
            Nodes = nodes,
            Discover = nodes.Length > 1 || scheme.EndsWith("+discover", StringComparison.Ordinal),
            User = user,
            Password = password,
        };
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var option in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            if (option.Split('=', 2) is not [var name, var value])
                throw new FormatException($"the option '{option}' has no value");
            if (!seen.Add(name))
                throw new FormatException($"the option '{name}' comes twice");
            settings = settings.With(name, Uri.UnescapeDataString(value));
        }
        return settings;
    }

    private static string? SchemeOf(string text) =>
        text.IndexOf("://", StringComparison.Ordinal) is > 0 and var end
        && text[..end].ToLowerInvariant() is var scheme
        && (!scheme.Contains('+', StringComparison.Ordinal) || scheme.EndsWith("+discover", StringComparison.Ordinal))
            ? scheme
            : null;

    private static NodeAddress Address(string text)
    {
        if (text.Length == 0)
            throw new FormatException("a node is missing; nodes stand as host:port, with commas between them");
        return Uri.TryCreate("esdb://" + text, UriKind.Absolute, out var uri) && uri is { Host.Length: > 0, AbsolutePath: "" or "/" }
            ? new NodeAddress(uri.Host, uri.IsDefaultPort || uri.Port < 0 ? DefaultPort : uri.Port)
            : throw new FormatException($"'{text}' is no node; nodes stand as host:port, with commas between them");
    }

    private EventStoreDbSettings With(string name, string value) =>
        name.ToLowerInvariant() switch
        {
            "tls" => this with { Tls = Flag(name, value) },
            "tlsverifycert" => this with { VerifyCertificate = Flag(name, value) },
            "tlscafile" => this with { AuthorityFile = value },
            "nodepreference" => this with
            {
                Preference = Array.FindIndex(Enum.GetNames<NodePreference>(), n => n.Equals(value, StringComparison.OrdinalIgnoreCase))
                    is >= 0
                        and var n
                    ? Enum.GetValues<NodePreference>()[n]
                    : throw new FormatException($"nodePreference is leader, follower, readOnlyReplica or random, not '{value}'"),
            },
            "defaultdeadline" => this with { Deadline = Milliseconds(name, value, least: 100) },
            "keepaliveinterval" => this with
            {
                KeepAliveInterval = value == "-1" ? Timeout.InfiniteTimeSpan : Milliseconds(name, value, least: 1000),
            },
            "keepalivetimeout" => this with
            {
                KeepAliveTimeout = value == "-1" ? Timeout.InfiniteTimeSpan : Milliseconds(name, value, least: 1000),
            },
            "gossiptimeout" => this with { GossipTimeout = Milliseconds(name, value, least: 50) },
            "discoveryinterval" => this with { DiscoveryInterval = Milliseconds(name, value, least: 10) },
            "connectionname" => this with { ConnectionName = value },
            // Of the official clients, and without a meaning here: a try goes on for as long as the ledger has patience, and a
            // refused append is an answer.
            "maxdiscoverattempts" or "throwonappendfailure" => this,
            "usercertfile" or "userkeyfile" => throw new FormatException(
                $"'{name}' is not supported: the service signs in with user and password"
            ),
            _ => throw new FormatException(
                $"'{name}' is no option; there are tls, tlsVerifyCert, tlsCaFile, nodePreference, defaultDeadline, keepAliveInterval, "
                    + "keepAliveTimeout, gossipTimeout, discoveryInterval and connectionName"
            ),
        };

    private static bool Flag(string name, string value) =>
        bool.TryParse(value, out var flag) ? flag : throw new FormatException($"{name} is true or false, not '{value}'");

    private static TimeSpan Milliseconds(string name, string value, int least) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least
            ? TimeSpan.FromMilliseconds(number)
            : throw new FormatException($"{name} is a number of milliseconds from {least} on, not '{value}'");
}
