namespace PresenceLedger.Api.Http;

/// <summary>Too many ask for something that takes much: 429.</summary>
/// <param name="detail">What it is, and what to do.</param>
/// <param name="retryAfter">After so many seconds it may be tried again.</param>
public sealed class TooManyException(string detail, int retryAfter) : Exception(detail)
{
    /// <summary>After so many seconds it may be tried again.</summary>
    public int RetryAfter => retryAfter;
}
