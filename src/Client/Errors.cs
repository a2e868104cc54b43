namespace PresenceLedger.Client;

/// <summary>The service said no, and recorded nothing. The same again would be refused again.</summary>
public sealed class RefusedException : Exception
{
    internal RefusedException(int status, string code, string detail, IReadOnlyDictionary<string, string[]> errors)
        : base($"{code}: {detail}") => (Status, Code, Detail, Errors) = (status, code, detail, errors);

    /// <summary>HTTP status, such as 409.</summary>
    public int Status { get; }

    /// <summary>What is wrong, in a word that stays: <c>agent-unknown</c>, <c>status-not-selectable</c>, <c>version-conflict</c> …</summary>
    public string Code { get; }

    /// <summary>What is wrong and what can be done about it, in a sentence.</summary>
    public string Detail { get; }

    /// <summary>With code <c>validation</c>, what is wrong with each field; empty otherwise.</summary>
    public IReadOnlyDictionary<string, string[]> Errors { get; }
}

/// <summary>No node answered in time. A command may or may not be recorded.</summary>
public sealed class LedgerUnavailableException : Exception
{
    internal LedgerUnavailableException(string message, Exception? inner = null)
        : base(message, inner) { }

    /// <summary>The key of the command: sent again with it, the command is done once in all. Null for a query.</summary>
    public string? IdempotencyKey { get; internal set; }

    /// <summary>How long the service asks to wait; null where it did not answer.</summary>
    internal TimeSpan? RetryAfter { get; init; }
}
