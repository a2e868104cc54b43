namespace PresenceLedger.Ledger.Seals;

/// <summary>A seal that was noted outside of the ledger.</summary>
/// <param name="Number">Its number.</param>
/// <param name="Hash">Its hash, in hex.</param>
/// <param name="Where">Where it was noted, as words that follow "noted".</param>
public sealed record NotedSeal(long Number, string Hash, string Where);
