using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using PresenceLedger.Dashboard.Access;
using PresenceLedger.Dashboard.Service;
using PresenceLedger.Domain.Access;

namespace PresenceLedger.Dashboard.Agents;

/// <summary>Evidence on an agent for a browser to save. It goes past the circuit, which would hold all of it in memory.</summary>
internal static class EvidenceDownload
{
    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/agents/{agentId}/evidence", GetAsync).ExcludeFromDescription();

    private static async Task GetAsync(HttpContext http, string agentId, Door door)
    {
        var query = http.Request.Query;
        var path = LedgerApi.Path(
            $"agents/{agentId}/evidence",
            [("from", query["from"].ToString()), ("to", query["to"].ToString()), ("purpose", query["purpose"].ToString())]
        );
        using var answer = await door.SendAsync(HttpMethod.Get, path, ActorOf(http), null, [], http.RequestAborted);
        http.Response.StatusCode = (int)answer.StatusCode;
        http.Response.ContentType = answer.Content.Headers.ContentType?.ToString();
        http.Response.ContentLength = answer.Content.Headers.ContentLength;
        http.Response.Headers.ContentDisposition = answer.Content.Headers.ContentDisposition?.ToString();
        http.Response.Headers.CacheControl = "no-store";
        await answer.Content.CopyToAsync(http.Response.Body, http.RequestAborted);
    }

    // The middleware lets nobody get here who is not signed in.
    private static Actor ActorOf(HttpContext http) => Viewer.Of(http.User)!.Actor;
}
