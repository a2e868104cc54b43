using System.Globalization;
using PresenceLedger.Api.Access;
using PresenceLedger.Api.Http;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Api.Agents;

/// <summary>The whole state of an agent as of an instant or a version, rebuilt from the ledger.</summary>
internal static class StateAt
{
    private const int PageSize = 1000;

    public static void Map(RouteGroupBuilder agent) =>
        agent
            .MapGet("/state", GetAsync)
            .WithTags("Audit")
            .WithSummary("The state as of an instant (at) or a version, rebuilt from the ledger; the present one where neither is given.")
            .Produces<StateAnswer>()
            .ProducesProblem(StatusCodes.Status404NotFound);

    private static async Task<IResult> GetAsync(
        HttpContext http,
        string agentId,
        ILog log,
        ConfigurationStream configuration,
        TimeProvider clock,
        string? at,
        string? version
    )
    {
        if (Permissions.CheckAudit(http.Actor(), agentId) is { } forbidden)
            return Problems.Of(forbidden);
        if (InstantQuery.Read(at, "at", out var instant) is { } bad)
            return bad;
        if (at is not null && version is not null)
            return Problems.Validation("version", "goes without 'at'");
        var upTo = long.MaxValue;
        if (version is not null && !long.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out upTo))
            return Problems.Validation("version", "must be a whole number from 0");

        var ct = http.RequestAborted;
        var stream = StreamNames.Agent(agentId);
        var last = await new StreamVersions(log, stream, ct).LastAsync();
        if (last < 0)
            return Problems.Of(Refusal.AgentUnknown(agentId));
        if (version is not null && upTo > last)
            return Problems.Validation("version", $"must be at most {last}, the agent's last");

        var agent = Agent.Unknown(agentId);
        var hash = HashChain.Genesis;
        while (agent.Version < upTo)
        {
            var page = await log.ReadStreamAsync(stream, agent.Version + 1, PageSize, ct);
            var some = page.TakeWhile(e => e.Record.Version <= upTo && (instant is null || e.Record.OccurredAt <= instant)).ToArray();
            foreach (var e in some)
                agent = agent.Evolve((AgentEvent)WireNames.Read(e.Record));
            if (some.Length > 0)
                hash = some[^1].Record.Hash;
            if (some.Length < PageSize)
                break;
        }
        if (!agent.IsRegistered)
            return Problems.Of(
                new Refusal(RefusalCodes.AgentUnknown, $"Agent '{agentId}' was not registered at {at}; it has been since later.")
            );
        var asOf = instant ?? (version is null ? clock.Now() : agent.LastOccurredAt);
        var then = await ConfigurationAsync(log, configuration, instant, ct);
        return Results.Json(
            new StateAnswer(asOf, new PresenceAnswer(agent, then), agent, Convert.ToHexStringLower(hash)),
            WireJson.Options
        );
    }

    /// <summary>Statuses and profiles as they were then.</summary>
    private static async Task<Configuration> ConfigurationAsync(
        ILog log,
        ConfigurationStream now,
        DateTimeOffset? instant,
        CancellationToken ct
    )
    {
        if (instant is null)
            return now.Current;
        var then = Configuration.Initial;
        while (true)
        {
            var page = await log.ReadStreamAsync(StreamNames.Configuration, then.Version + 1, PageSize, ct);
            var some = page.TakeWhile(e => e.Record.OccurredAt <= instant).ToArray();
            foreach (var e in some)
                then = then.Evolve((ConfigurationEvent)WireNames.Read(e.Record));
            if (some.Length < PageSize)
                return then;
        }
    }
}

/// <summary>The state as of an instant: the presence it shows, all of the state under it, and the hash of the event it ends with.</summary>
public sealed record StateAnswer(DateTimeOffset At, PresenceAnswer Presence, Agent State, string Hash);
