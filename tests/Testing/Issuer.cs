using System.Security.Claims;
using System.Text;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace PresenceLedger.Testing;

/// <summary>Makes bearer tokens.</summary>
/// <param name="Key">What it signs with.</param>
public sealed record Issuer(string Key)
{
    /// <summary>For whom.</summary>
    public const string Audience = "presence-ledger";

    /// <summary>The header of an administrator's calls.</summary>
    public (string Name, string Value) Administrator => ("Authorization", "Bearer " + Token("root", "administrator"));

    /// <summary>A token for an hour.</summary>
    public string Token(string id, string role) =>
        new JsonWebTokenHandler().CreateToken(
            new SecurityTokenDescriptor
            {
                Subject = new ClaimsIdentity([new Claim("sub", id), new Claim("roles", role)]),
                Audience = Audience,
                Expires = TimeProvider.System.GetUtcNow().UtcDateTime.AddHours(1),
                SigningCredentials = new SigningCredentials(
                    new SymmetricSecurityKey(Encoding.UTF8.GetBytes(Key)),
                    SecurityAlgorithms.HmacSha256
                ),
            }
        );
}
