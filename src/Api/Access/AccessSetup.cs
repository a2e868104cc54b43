using System.Text;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.IdentityModel.Tokens;
using PresenceLedger.Api.Hosting;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Access;

namespace PresenceLedger.Api.Access;

/// <summary>The section <c>Access</c> of the configuration.</summary>
public sealed class AccessOptions
{
    /// <summary><c>Open</c> or <c>Jwt</c>.</summary>
    public AccessMode Mode { get; set; } = AccessMode.Open;

    /// <summary>Who issues tokens (its metadata gives the keys).</summary>
    public string? Authority { get; set; }

    /// <summary>A symmetric key of 32 bytes or more, in place of an authority.</summary>
    public string? SigningKey { get; set; }

    /// <summary>The issuer that tokens must name, with a signing key; not checked where left out.</summary>
    public string? Issuer { get; set; }

    /// <summary>The audience that tokens must name.</summary>
    public string? Audience { get; set; }

    /// <summary>The claim that holds the actor's id.</summary>
    public string IdClaim { get; set; } = "sub";

    /// <summary>The claim that holds roles.</summary>
    public string RoleClaim { get; set; } = "roles";

    /// <summary>Sites whose pages may call the service from a browser, with commas between them; with mode Jwt.</summary>
    public string? Origins { get; set; }

    /// <summary>Custom roles by persona (DIA-1), such as <c>CSR Manager</c>: <c>supervisor</c>. Personas' own names map to themselves.</summary>
    public Dictionary<string, Persona> Roles { get; } = new(StringComparer.OrdinalIgnoreCase);
}

internal static class AccessSetup
{
    private const int LeastKeyBytes = 32;

    /// <summary>Reads the section, and has tokens checked where it says so.</summary>
    /// <exception cref="MisconfiguredException">It cannot be read, or what it says does not go together.</exception>
    public static AccessOptions Configure(WebApplicationBuilder builder, string urls)
    {
        var options = new AccessOptions();
        try
        {
            builder.Configuration.GetSection("Access").Bind(options);
        }
        catch (InvalidOperationException e)
        {
            throw new MisconfiguredException("The section Access of the configuration cannot be read: " + e.Message);
        }
        if (options.Roles.FirstOrDefault(r => r.Value is Persona.System) is { Key: { } role })
            throw new MisconfiguredException(
                $"Access:Roles:{role} is mapped to 'system', which is the ledger itself. Map it to another persona."
            );
        builder.Services.AddSingleton(options);
        Origins.Configure(builder, options);
        if (options.Mode is AccessMode.Open)
        {
            RequireLoopback(urls, builder.Configuration);
            return options;
        }
        if (options.Authority is null == options.SigningKey is null)
            throw new MisconfiguredException("Access:Mode=Jwt needs either Access:Authority or Access:SigningKey.");
        if (options.Audience is null)
            throw new MisconfiguredException("Access:Mode=Jwt needs Access:Audience, or tokens made for others would be taken.");
        if (options.SigningKey is { } key && Encoding.UTF8.GetByteCount(key) < LeastKeyBytes)
            throw new MisconfiguredException("Access:SigningKey is too short; it needs 32 bytes or more.");
        builder
            .Services.AddAuthentication(JwtBearerDefaults.AuthenticationScheme)
            .AddJwtBearer(jwt =>
            {
                jwt.MapInboundClaims = false;
                jwt.Authority = options.Authority;
                jwt.Audience = options.Audience;
                jwt.TokenValidationParameters.ValidateAudience = true;
                jwt.Events = new JwtBearerEvents
                {
                    OnMessageReceived = message =>
                    {
                        if (message.Request.Headers.Authorization.Count == 0 && AccessMiddleware.MaySayInQuery(message.Request))
                            message.Token = message.Request.Query["access_token"];
                        return Task.CompletedTask;
                    },
                };
                if (options.SigningKey is not { } secret)
                    return;
                jwt.TokenValidationParameters.IssuerSigningKey = new SymmetricSecurityKey(Encoding.UTF8.GetBytes(secret));
                jwt.TokenValidationParameters.ValidateIssuer = options.Issuer is not null;
                jwt.TokenValidationParameters.ValidIssuer = options.Issuer;
            });
        // Whether a token has expired is told by the clock of the ledger, whatever this node's own shows.
        builder
            .Services.AddOptions<JwtBearerOptions>(JwtBearerDefaults.AuthenticationScheme)
            .Configure<TimeProvider>(
                (jwt, clock) =>
                    jwt.TokenValidationParameters.LifetimeValidator = (from, until, _, rules) =>
                        until is { } end
                        && clock.GetUtcNow() is var now
                        && now < new DateTimeOffset(end) + rules.ClockSkew
                        && !(from > (now + rules.ClockSkew).UtcDateTime)
            );
        return options;
    }

    /// <summary>In mode Open whoever reaches the service is believed, so only this machine may.</summary>
    private static void RequireLoopback(string urls, IConfiguration configuration)
    {
        var endpoints = configuration.GetSection("Kestrel:Endpoints").GetChildren().Select(e => e["Url"]).OfType<string>();
        foreach (var url in urls.Split(';', StringSplitOptions.RemoveEmptyEntries).Concat(endpoints))
            if (!Loopback.IsUrl(url.Trim()))
                throw new MisconfiguredException(
                    $"Access:Mode=Open trusts whoever calls, so it listens on loopback addresses only, and {url} is not one. "
                        + "Listen on http://127.0.0.1:PORT, or set Access:Mode=Jwt."
                );
    }
}
