using System.Globalization;
using Microsoft.Net.Http.Headers;
using PresenceLedger.Queries.Timeline;

namespace PresenceLedger.Api.Http;

/// <summary>The language that a reader asks for.</summary>
internal static class Language
{
    /// <summary>In the first of the reader's languages (<c>Accept-Language</c>; de-AT is de) that there are words in; else in English.</summary>
    public static Wording Of(HttpContext http)
    {
        var language =
            http.Request.GetTypedHeaders()
                .AcceptLanguage.Where(asked => asked.Quality is not 0)
                .OrderByDescending(asked => asked.Quality ?? 1)
                .Select(asked => asked.Value.ToString().Split('-')[0].ToLowerInvariant())
                .FirstOrDefault(Wording.Languages.Contains)
            ?? Wording.Languages[0];
        http.Response.Headers.ContentLanguage = language;
        http.Response.Headers.Append(HeaderNames.Vary, HeaderNames.AcceptLanguage);
        return Wording.In(CultureInfo.GetCultureInfo(language));
    }
}
