using PresenceLedger.Domain;

namespace PresenceLedger.Queries;

/// <summary>A question that makes no sense.</summary>
/// <param name="errors">What is wrong with it, by field.</param>
public sealed class InvalidQueryException(params IReadOnlyList<(string Field, string Error)> errors)
    : Exception(string.Join("; ", errors.Select(e => $"{e.Field} {e.Error}")))
{
    /// <summary>One field is wrong.</summary>
    /// <param name="field">Which.</param>
    /// <param name="error">What it has to be.</param>
    public InvalidQueryException(string field, string error)
        : this((field, error)) { }

    /// <summary>What is wrong with it, by field.</summary>
    public IReadOnlyList<(string Field, string Error)> Errors => errors;

    /// <summary>The cursor is none that a page of this list gave.</summary>
    public static InvalidQueryException BadCursor() => new("cursor", "must be the 'next' of an earlier page");
}

/// <summary>A question that is not answered: there is nothing that it is about, or its asker may not ask it.</summary>
public sealed class RefusedException(Refusal refusal) : Exception(refusal.Detail)
{
    /// <summary>Why, and what to do about it.</summary>
    public Refusal Refusal => refusal;

    /// <summary>There is no such agent.</summary>
    public static RefusedException AgentUnknown(string agentId) => new(Refusal.AgentUnknown(agentId));
}

/// <summary>The read model did not reach what the caller has seen, or asks about, in time. It may be asked again.</summary>
public sealed class BehindException() : Exception("The projection has not caught up with what was asked for within 5 s. Try again.");
