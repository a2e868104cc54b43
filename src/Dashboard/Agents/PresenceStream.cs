using System.Net.ServerSentEvents;
using System.Text.Json;
using PresenceLedger.Dashboard.Service;
using PresenceLedger.Domain.Naming;

namespace PresenceLedger.Dashboard.Agents;

/// <summary>Presence as it is pushed (docs/live.md).</summary>
internal static class PresenceStream
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>Tells how some agents are, and each change; when it breaks off, says so and comes back.</summary>
    /// <param name="api">The API.</param>
    /// <param name="agents">Whom to follow.</param>
    /// <param name="tell">Gets the presences that are new, and whether what is shown is live.</param>
    /// <param name="clock">The time.</param>
    /// <param name="ct">Ends it, without an exception.</param>
    public static async Task FollowAsync(
        LedgerApi api,
        IEnumerable<string> agents,
        Func<IReadOnlyList<Presence>, bool, Task> tell,
        TimeProvider clock,
        CancellationToken ct
    )
    {
        var path = LedgerApi.Path($"stream", [("agents", Identifier.JoinList(agents))]);
        try
        {
            while (true)
            {
                try
                {
                    await ReadAsync(api, path, tell, ct);
                }
                catch (Exception e) when (e is HttpRequestException or IOException or JsonException)
                {
                    // It comes back.
                }
                await tell([], false);
                await Task.Delay(Pause, clock, ct);
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // Nobody looks any more.
        }
    }

    private static async Task ReadAsync(LedgerApi api, string path, Func<IReadOnlyList<Presence>, bool, Task> tell, CancellationToken ct)
    {
        using var response = await api.OpenAsync(path, ct);
        if (!response.IsSuccessStatusCode)
            return;
        await using var body = await response.Content.ReadAsStreamAsync(ct);
        await foreach (var item in SseParser.Create(body, Parse).EnumerateAsync(ct))
            if (item.EventType is "snapshot" or "change")
                await tell(item.Data, true);
            else if (item.EventType is "dropped")
                return;
    }

    private static IReadOnlyList<Presence> Parse(string type, ReadOnlySpan<byte> data) =>
        type switch
        {
            "snapshot" => JsonSerializer.Deserialize<Snapshot>(data, LedgerApi.Json)!.Items,
            "change" => [JsonSerializer.Deserialize<Presence>(data, LedgerApi.Json)!],
            _ => [],
        };

    private sealed record Snapshot(IReadOnlyList<Presence> Items);
}
