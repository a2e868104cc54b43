using System.Text.Json;
using PresenceLedger.Testing;
using static PresenceLedger.Api.Tests.OpenService;

namespace PresenceLedger.Api.Tests.Live;

/// <summary>Two nodes on one database, with a policy of their own.</summary>
public abstract class TwoNodes(object policy) : IAsyncLifetime
{
    private ServiceProcess _second = null!;

    public OpenService First { get; } = new();

    public ServiceClient Second { get; private set; } = null!;

    public Uri SecondUrl => _second.Url;

    public async Task InitializeAsync()
    {
        await First.InitializeAsync();
        await First.DoneAsync("PUT", "policy", policy, Administrator);
        // Far fewer requests at once than there are streams: those do not count.
        _second = await First.StartAnotherAsync("--Limits:ConcurrentRequests", "4", "--Limits:WaitingRequests", "0");
        Second = new ServiceClient(_second.Url) { Answered = First.Client.Answered };
    }

    public async Task DisposeAsync()
    {
        Second.Dispose();
        await _second.DisposeAsync();
        await First.DisposeAsync();
        Assert.DoesNotContain("fail:", _second.Output, StringComparison.Ordinal);
    }

    /// <summary>Waits until queries, and so snapshots, know all that happened to an agent; gives its id.</summary>
    public async Task<string> KnownAsync(string agentId)
    {
        var last = (await TimelineAsync(agentId))[^1];
        await First.DoneAsync("GET", $"agents/{agentId}/presence?minVersion={Version(last)}", null, null);
        return agentId;
    }

    /// <summary>Sends what has to succeed to the second node.</summary>
    public async Task<JsonElement> DoneOnSecondAsync(string method, string path, object? body, string? actor)
    {
        var answer = await Second.SendAsync(method, path, body, actor);
        Assert.True(answer.Status is 200 or 204, $"{method} {path}: {answer}");
        return answer.Status == 200 ? answer.Json : default;
    }

    /// <summary>Sets the presence by hand, on the first node; gives the version that it led to.</summary>
    public async Task<long> SetAsync(string agentId, string statusId) =>
        Version(await First.DoneAsync("PUT", $"agents/{agentId}/presence", new { statusId }, "agent:" + agentId));

    /// <summary>Sets the presence by hand, on the second node.</summary>
    public async Task<long> SetOnSecondAsync(string agentId, string statusId) =>
        Version(await DoneOnSecondAsync("PUT", $"agents/{agentId}/presence", new { statusId }, "agent:" + agentId));

    /// <summary>The whole timeline of an agent.</summary>
    public async Task<JsonElement[]> TimelineAsync(string agentId) =>
        [.. (await First.DoneAsync("GET", $"agents/{agentId}/timeline?limit=1000", null, Auditor)).GetProperty("items").EnumerateArray()];

    /// <summary>The types of the timeline.</summary>
    public async Task<string[]> TypesAsync(string agentId) => [.. (await TimelineAsync(agentId)).Select(e => Text(e, "type"))];

    public static long Version(JsonElement presence) => presence.GetProperty("version").GetInt64();

    public static string Text(JsonElement of, string member) => of.GetProperty(member).GetString()!;
}
