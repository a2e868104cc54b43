using System.Diagnostics;
using Npgsql;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Testing;

namespace PresenceLedger.Resilience.Tests;

/// <summary>Agents that are signed in with a short timeout, and what the ledger says of their connections.</summary>
internal static class HeartbeatingAgents
{
    private const string Administrator = "administrator:root";

    /// <summary>After it, who is silent is lost.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(8);

    public static bool Offline(Answer state) =>
        state.Status == 200 && state.Json.GetProperty("presence").GetProperty("statusId").GetString() == "offline";

    public static async Task SignInAsync(ServiceClient client, params string[] agents)
    {
        await DoneAsync(client.PutAsync("policy", new { heartbeatTimeout = Timeout.TotalSeconds, heartbeatSeconds = 1 }, Administrator));
        foreach (var id in agents)
        {
            await DoneAsync(client.PutAsync("agents/" + id, new { units = 100 }, Administrator));
            await DoneAsync(client.PostAsync($"agents/{id}/sign-in", new { connectionId = "main" }, "agent:" + id));
        }
    }

    public static async Task DoneAsync(Task<Answer> answer) => Assert.True((await answer).Status == 200, (await answer).ToString());

    public static async Task<Answer> UntilAsync(Func<Task<Answer>> ask, Func<Answer, bool> enough)
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            var answer = await ask();
            if (enough(answer))
                return answer;
            Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromMinutes(3), answer.ToString());
            await Task.Delay(100);
        }
    }

    public static async Task<IReadOnlyList<(string Stream, ConnectionLost Loss)>> LossesAsync(NpgsqlDataSource source) =>
        [
            .. (await Audit.ReadAsync(source))
                .Where(r => r.Type == "connection-lost.v1")
                .Select(r => (r.Stream, (ConnectionLost)WireNames.Read(r))),
        ];
}
