using System.Security.Cryptography;
using Microsoft.Net.Http.Headers;

namespace PresenceLedger.Api.Live;

/// <summary>The module for pages (<c>src/Browser</c>), from the service itself, so that the two always fit.</summary>
internal static class BrowserModule
{
    private const string Name = "presence-ledger.js";

    private static readonly byte[] Text = Read();
    private static readonly EntityTagHeaderValue Tag = new($"\"{Convert.ToHexStringLower(SHA256.HashData(Text))}\"");

    public static void Map(WebApplication app) => app.MapGet("/" + Name, Get).ExcludeFromDescription();

    private static IResult Get(HttpContext http)
    {
        // Asked for each time and sent where it changed: a page must not go on with the module of an older service.
        http.Response.Headers.CacheControl = "no-cache";
        return Results.Bytes(Text, "text/javascript; charset=utf-8", entityTag: Tag);
    }

    private static byte[] Read()
    {
        using var resource = typeof(BrowserModule).Assembly.GetManifestResourceStream(Name)!;
        using var copy = new MemoryStream();
        resource.CopyTo(copy);
        return copy.ToArray();
    }
}
