using System.Text.Json;
using static PresenceLedger.Api.Tests.OpenService;

namespace PresenceLedger.Api.Tests;

/// <summary>Whom work may be given to, and why not.</summary>
[Collection(OpenServiceCollection.Name)]
public sealed class EligibleTests(OpenService service)
{
    private const string Path = "routing/eligible";

    private async Task<string> SignedInAsync(object settings)
    {
        var id = await service.SignedInAsync(settings);
        return await KnownAsync(id);
    }

    private async Task<string> KnownAsync(string id)
    {
        var state = await service.DoneAsync("GET", $"agents/{id}/state", null, Auditor);
        var version = state.GetProperty("presence").GetProperty("version").GetInt64();
        await service.DoneAsync("GET", $"agents/{id}/presence?minVersion={version}", null, null);
        return id;
    }

    private Task<JsonElement> AskAsync(string query) => service.DoneAsync("GET", $"{Path}?{query}", null, Routing);

    private async Task<string[]> CodesAsync(string id, string query)
    {
        var answer = await AskAsync($"{query}&why={id}");
        var codes = answer.GetProperty("reasons").EnumerateArray().Select(r => r.GetProperty("code").GetString()!).ToArray();
        Assert.Equal(codes.Length == 0, answer.GetProperty("eligible").GetBoolean());
        Assert.Equal(id, answer.GetProperty("agentId").GetString());
        return codes;
    }

    [Fact]
    public async Task Most_available_first_page_by_page()
    {
        var queue = service.NewId("queue");
        var settings = new
        {
            units = 100,
            queues = new[] { queue },
            skills = new[] { new { skill = "de" }, new { skill = "en" } },
        };
        var (half, free, full, away) = (
            await service.SignedInAsync(settings),
            await service.SignedInAsync(settings),
            await service.SignedInAsync(settings),
            await service.SignedInAsync(settings)
        );
        foreach (var (id, units) in new[] { (half, 50), (full, 100) })
        {
            await service.DoneAsync("PUT", $"agents/{id}/conversations/c1", new { units, autoAccept = true }, Routing);
            await KnownAsync(id);
        }
        await service.DoneAsync("PUT", $"agents/{away}/presence", new { statusId = "away" }, "agent:" + away);
        await KnownAsync(away);

        var page = await AskAsync($"queue={queue}&skills=de,en");
        Assert.Equal([free, half], Expect.Ids(page, "agentId"));
        var item = page.GetProperty("items")[1];
        Assert.Equal(
            ("busy", "busy", 50, 1),
            (
                item.GetProperty("statusId").GetString(),
                item.GetProperty("base").GetString(),
                item.GetProperty("availableUnits").GetInt32(),
                item.GetProperty("conversations").GetInt32()
            )
        );
        Assert.True(page.TryGetProperty("asOf", out _));
        Assert.Equal([free], Expect.Ids(await AskAsync($"queue={queue}&units=51"), "agentId"));
        Assert.Equal([free], Expect.Ids(await AskAsync($"queue={queue}&allowed=available"), "agentId"));
        Assert.Equal([away], Expect.Ids(await AskAsync($"queue={queue}&allowed=away"), "agentId"));
        Assert.Empty(Expect.Ids(await AskAsync($"queue={queue}&skills=de,fr"), "agentId"));

        var first = await AskAsync($"queue={queue}&limit=1");
        Assert.Equal([free], Expect.Ids(first, "agentId"));
        var second = await AskAsync($"queue={queue}&limit=1&cursor={first.GetProperty("next").GetString()}");
        Assert.Equal([half], Expect.Ids(second, "agentId"));
        Assert.False(second.TryGetProperty("next", out _));
    }

    [Fact]
    public async Task All_that_stands_against_an_agent_is_said()
    {
        var profile = service.NewId("voice");
        await service.DoneAsync(
            "PUT",
            $"capacity-profiles/{profile}",
            new
            {
                name = "Voice",
                limit = 1,
                blocking = true,
                reset = "immediate",
            },
            Administrator
        );
        var ana = await SignedInAsync(
            new
            {
                units = 10,
                profiles = new[] { new { profileId = profile } },
                queues = new[] { "q1" },
            }
        );
        Assert.Empty(await CodesAsync(ana, $"units=10&profiles={profile}&queue=q1"));
        var work = new { units = 4, profiles = new[] { profile } };
        await service.DoneAsync("PUT", $"agents/{ana}/conversations/c1", work, Routing);
        await KnownAsync(ana);
        Assert.Equal(
            ["units-insufficient", "profile-exhausted", "queue-missing", "skill-missing"],
            await CodesAsync(ana, $"units=7&profiles={profile}&queue=q2&skills=fr")
        );

        var away = await service.DoneAsync(
            "PUT",
            $"agents/{ana}/presence",
            new { statusId = "away", reason = new { code = "lunch" } },
            Supervisor
        );
        var answer = await AskAsync($"why={ana}&minVersion={away.GetProperty("version").GetInt64()}");
        var reason = answer.GetProperty("reasons")[0];
        Assert.Equal(
            ("base-not-allowed", "away", "supervisor", "lunch"),
            (
                reason.GetProperty("code").GetString(),
                reason.GetProperty("statusId").GetString(),
                reason.GetProperty("actor").GetProperty("kind").GetString(),
                reason.GetProperty("reason").GetProperty("code").GetString()
            )
        );
        Assert.StartsWith("MAN-", reason.GetProperty("rule").GetString(), StringComparison.Ordinal);

        var offline = await service.AgentAsync();
        Assert.Equal(["not-signed-in", "base-not-allowed"], await CodesAsync(offline, ""));
    }

    [Fact]
    public async Task What_makes_no_sense_is_refused_by_field()
    {
        Expect.Problem(await service.Client.GetAsync($"{Path}?why={service.NewId("nobody")}", Routing), 404, "agent-unknown");
        foreach (
            var (query, field) in new[]
            {
                ("allowed=inactive", "allowed"),
                ("allowed=", "allowed"),
                ("units=-1", "units"),
                ("profiles=a%01b", "profiles"),
                ("skills=a%01b", "skills"),
                ("queue=a%01b", "queue"),
                ("cursor=abc", "cursor"),
                ("limit=0", "limit"),
                ("minVersion=x", "minVersion"),
            }
        )
            Expect.BadField(await service.Client.GetAsync($"{Path}?{query}", Routing), field);
    }
}
