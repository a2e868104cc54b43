namespace PresenceLedger.Dashboard.Administration;

/// <summary>A capacity profile.</summary>
internal sealed record ProfileItem(string ProfileId, string Name, int Limit, bool Blocking, string Reset);

/// <summary>Why something is done, as the API takes it.</summary>
internal sealed record ReasonText(string Text)
{
    /// <summary>Null where nothing was written.</summary>
    public static ReasonText? Of(string? text) => string.IsNullOrWhiteSpace(text) ? null : new ReasonText(text.Trim());
}
