namespace PresenceLedger.Embedded;

/// <summary>The private PostgreSQL cluster cannot be used; the message says why and what to do.</summary>
public sealed class EmbeddedPostgresException : Exception
{
    /// <summary>Says why, and what to do.</summary>
    public EmbeddedPostgresException(string message)
        : base(message) { }

    /// <summary>Says why, what to do, and what lies beneath.</summary>
    public EmbeddedPostgresException(string message, Exception? innerException)
        : base(message, innerException) { }
}
