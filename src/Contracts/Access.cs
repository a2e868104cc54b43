using PresenceLedger.Domain.Access;

namespace PresenceLedger.Contracts;

/// <summary>How callers are known.</summary>
public enum AccessMode
{
    /// <summary>The header <c>X-Actor</c> is trusted; therefore on loopback addresses only.</summary>
    Open,

    /// <summary>Bearer tokens.</summary>
    Jwt,
}

/// <summary>Who is let in as what.</summary>
/// <param name="Mode"><c>open</c>: whoever calls from this machine is believed; <c>jwt</c>: bearer tokens.</param>
/// <param name="Authority">Who issues tokens, where that is an authority.</param>
/// <param name="Audience">Whom tokens must be for.</param>
/// <param name="IdClaim">The claim of the id.</param>
/// <param name="RoleClaim">The claim of the roles.</param>
/// <param name="Roles">Custom roles; the personas' own names map to themselves.</param>
public sealed record AccessAnswer(
    AccessMode Mode,
    string? Authority,
    string? Audience,
    string IdClaim,
    string RoleClaim,
    IReadOnlyList<RoleAnswer> Roles
);

/// <summary>The persona of a custom role.</summary>
public sealed record RoleAnswer(string Role, Persona Persona);
