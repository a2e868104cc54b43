using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using PresenceLedger.Dashboard.Access;
using PresenceLedger.Dashboard.Service;
using PresenceLedger.Dashboard.Shared;

namespace PresenceLedger.Dashboard.Reports;

/// <summary>The report as a file for the viewer's disk: passed on from the API as it comes, however long it is.</summary>
internal static class ReportDownload
{
    private static readonly string[] Passed = ["Content-Type", "Content-Disposition"];

    /// <summary>What the viewer's spreadsheet expects of a file.</summary>
    public static IEnumerable<(string Name, object? Value)> Style(ViewerClock clock) =>
        [("separator", clock.DecimalMark == "," ? ";" : ","), ("decimal", clock.DecimalMark)];

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes
            .MapGet("/reports/agents.csv", (HttpContext http, Door door) => PassAsync(http, door, "reports/historical/agents"))
            .ExcludeFromDescription();
        routes
            .MapGet(
                "/reports/agents/{agentId}/statuses.csv",
                (HttpContext http, Door door, string agentId) =>
                    PassAsync(http, door, $"reports/historical/agents/{Uri.EscapeDataString(agentId)}/statuses")
            )
            .ExcludeFromDescription();
    }

    private static async Task PassAsync(HttpContext http, Door door, string path)
    {
        // Nobody else's page may have the viewer read something in passing: reads of the audit are recorded.
        if (http.Request.Headers["Sec-Fetch-Site"].ToString() is "cross-site")
        {
            http.Response.StatusCode = StatusCodes.Status403Forbidden;
            return;
        }
        if (Viewer.Of(http.User) is not { } viewer)
        {
            http.Response.StatusCode = StatusCodes.Status401Unauthorized;
            return;
        }
        var ct = http.RequestAborted;
        using var answer = await door.SendAsync(
            HttpMethod.Get,
            path + http.Request.QueryString.Add("format", "csv"),
            viewer.Actor,
            null,
            [],
            ct
        );
        http.Response.StatusCode = (int)answer.StatusCode;
        foreach (var (name, values) in answer.Content.Headers.Where(h => Passed.Contains(h.Key, StringComparer.OrdinalIgnoreCase)))
            http.Response.Headers[name] = values.ToArray();
        http.Response.Headers.CacheControl = "no-store";
        await using var content = await answer.Content.ReadAsStreamAsync(ct);
        await content.CopyToAsync(http.Response.Body, ct);
    }
}
