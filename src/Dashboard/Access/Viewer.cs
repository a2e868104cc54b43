using System.Security.Claims;
using Microsoft.AspNetCore.Components.Authorization;
using PresenceLedger.Domain.Access;

namespace PresenceLedger.Dashboard.Access;

/// <summary>Who looks at the pages: the actor of all that they read and of all that they do.</summary>
/// <param name="Actor">Persona and id.</param>
/// <param name="Token">The bearer token that was signed in with; null in mode Open.</param>
public sealed record Viewer(Actor Actor, string? Token)
{
    /// <summary>The scheme of the cookie.</summary>
    public const string Scheme = "dashboard";

    private const string KindClaim = "kind";
    private const string TokenClaim = "token";

    /// <summary>Whether the actor acts and reads for others: all but agents.</summary>
    public bool IsStaff => Actor.Kind is not Persona.Agent;

    /// <summary>Whether the actor may act on the presence of others.</summary>
    public bool MayAct => Actor.Kind is Persona.Supervisor or Persona.Administrator;

    /// <summary>As it is kept in the cookie.</summary>
    public ClaimsPrincipal ToPrincipal()
    {
        var identity = new ClaimsIdentity(Scheme, ClaimTypes.Name, ClaimTypes.Role);
        identity.AddClaim(new Claim(ClaimTypes.Name, Actor.Id));
        identity.AddClaim(new Claim(KindClaim, Actor.Kind.ToString()));
        if (Token is not null)
            identity.AddClaim(new Claim(TokenClaim, Token));
        return new ClaimsPrincipal(identity);
    }

    /// <summary>From the cookie; null where nobody is signed in.</summary>
    public static Viewer? Of(ClaimsPrincipal principal) =>
        principal.Identity is { IsAuthenticated: true, Name: { } id }
        && Enum.TryParse<Persona>(principal.FindFirstValue(KindClaim), out var kind)
            ? new Viewer(new Actor(kind, id), principal.FindFirstValue(TokenClaim))
            : null;
}

/// <summary>The viewer of a circuit.</summary>
public sealed class CurrentViewer(AuthenticationStateProvider state)
{
    private Viewer? _viewer;

    /// <summary>Who looks.</summary>
    /// <exception cref="InvalidOperationException">Nobody is signed in; the middleware lets nobody get so far.</exception>
    public async ValueTask<Viewer> GetAsync() =>
        _viewer ??=
            Viewer.Of((await state.GetAuthenticationStateAsync()).User) ?? throw new InvalidOperationException("Nobody is signed in.");
}
