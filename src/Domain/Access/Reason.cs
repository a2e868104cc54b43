namespace PresenceLedger.Domain.Access;

/// <summary>Why somebody did something, as it is given; required for little: forced releases, corrections, disputes, erasures.</summary>
/// <param name="Code">A code of the caller's own.</param>
/// <param name="Text">Free text.</param>
public sealed record Reason(string? Code, string? Text);
