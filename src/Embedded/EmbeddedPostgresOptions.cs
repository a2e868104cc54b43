namespace PresenceLedger.Embedded;

/// <summary>Where a private PostgreSQL cluster lives and what runs it.</summary>
/// <param name="DataFolder">The folder that owns the cluster; made when it does not exist.</param>
public sealed record EmbeddedPostgresOptions(string DataFolder)
{
    /// <summary>The folder of <c>initdb</c> and <c>postgres</c>; when null it is looked for (<see cref="EmbeddedPostgres.FindBinaries"/>).</summary>
    public string? BinariesFolder { get; init; }

    /// <summary>Server settings beyond, or instead of, the built-in ones. A server that is adopted keeps those it was started with.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();
}
