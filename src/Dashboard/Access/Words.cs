namespace PresenceLedger.Dashboard.Access;

/// <summary>The words of this feature's pages: <c>Words.resx</c> and its translations beside it.</summary>
public sealed class Words;
