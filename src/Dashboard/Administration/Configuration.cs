namespace PresenceLedger.Dashboard.Administration;

/// <summary>A list of the API.</summary>
/// <param name="Items">A page of it.</param>
/// <param name="Next">The cursor of the next page; null on the last.</param>
internal sealed record Listed<T>(IReadOnlyList<T> Items, string? Next);

/// <summary>A status of the catalogue.</summary>
public sealed record StatusItem(
    string StatusId,
    string Name,
    string Text,
    string Base,
    string? Description,
    bool BuiltIn,
    bool Retired,
    bool Used
);

/// <summary>A capacity profile.</summary>
internal sealed record ProfileItem(string ProfileId, string Name, int Limit, bool Blocking, string Reset);

/// <summary>For how many agents something was given back.</summary>
internal sealed record ProfileResetItem(int Agents);

/// <summary>Why something is done, as the API takes it.</summary>
internal sealed record ReasonText(string Text)
{
    /// <summary>Null where nothing was written.</summary>
    public static ReasonText? Of(string? text) => string.IsNullOrWhiteSpace(text) ? null : new ReasonText(text.Trim());
}
