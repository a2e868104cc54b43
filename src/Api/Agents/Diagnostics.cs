using PresenceLedger.Api.Access;
using PresenceLedger.Api.Http;
using PresenceLedger.Api.Privacy;
using PresenceLedger.Contracts;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Ledger.Heartbeats;
using PresenceLedger.Projections.Divergences;
using PresenceLedger.Queries;
using PresenceLedger.Queries.Presence;

namespace PresenceLedger.Api.Agents;

/// <summary>Why presence does not load: its prerequisites, each with pass or fail and what to do (DIA-2).</summary>
internal static class Diagnostics
{
    public static void Map(RouteGroupBuilder agent) =>
        agent
            .MapGet("/diagnostics", GetAsync)
            .Allow(Permissions.CheckAudit)
            .WithTags("Audit")
            .WithMetadata(new RecordsNoReads())
            .WithSummary("The prerequisites of the agent's presence, each with pass or fail and what to do (DIA-2).")
            .Produces<DiagnosticsAnswer>();

    private static async Task<IResult> GetAsync(
        HttpContext http,
        string agentId,
        AgentStreams agents,
        Leases leases,
        ConfigurationStream configuration,
        AccessOptions access,
        ReplayCheck replay,
        Conflicts conflicts,
        TimeProvider clock
    )
    {
        var actor = http.ActorOrNone();
        // Somebody whose roles are not mapped may still ask what is wrong with the own presence.
        if (actor is null && http.Subject() != agentId)
            return Problems.Of(new Refusal(RefusalCodes.Forbidden, "Without a persona one reads the own diagnostics only (DIA-1)."));

        var now = clock.Now();
        var agent = await agents.CurrentAsync(agentId, http.RequestAborted);
        var signs = await leases.ReadAsync(agent, http.RequestAborted);
        var (inConflict, names) = await conflicts.OfAsync(agent, http.RequestAborted);
        var prerequisites = Prerequisites
            .Of(agent, configuration.Current, signs, inConflict, id => names.TryGetValue(id, out var name) ? $"{name} ({id})" : id, now)
            .ToList();
        prerequisites.Insert(
            0,
            new(
                "authenticated",
                true,
                access.Mode is AccessMode.Open ? "Access:Mode=Open trusts the header X-Actor." : "The token is valid.",
                null
            )
        );
        prerequisites.Insert(
            1,
            actor is not null
                ? new("persona-mapped", true, $"The caller is {actor}.", null)
                : new(
                    "persona-mapped",
                    false,
                    "None of the token's roles is mapped to a persona.",
                    "An administrator maps a role of the token under Access:Roles."
                )
        );
        prerequisites.Add(await AgreesAsync(agentId, replay, agents, http.RequestAborted));
        return Results.Json(
            new DiagnosticsAnswer(
                agentId,
                now,
                prerequisites.TrueForAll(p => p.Passes),
                [.. prerequisites.Select(p => new CheckAnswer(p.Check, p.Passes ? "pass" : "fail", p.Finding, p.WhatToDo))]
            ),
            WireJson.Options
        );
    }

    /// <summary>Whether what queries and decisions begin with is what the agent's events give.</summary>
    private static async Task<Prerequisite> AgreesAsync(string agentId, ReplayCheck replay, AgentStreams agents, CancellationToken ct)
    {
        var divergences = (await replay.PresentAsync(agentId, agents.Cached(agentId), ct)).Divergences;
        return new Prerequisite(
            "agrees-with-ledger",
            divergences is [],
            divergences is []
                ? "What is kept of the agent is what the events give."
                : $"What is kept of the agent is not what the events give, in {divergences.Count} members. The first: {divergences[0]}.",
            divergences is []
                ? null
                : "An administrator: " + string.Join(' ', divergences.Select(d => d.WhatToDo).Distinct(StringComparer.Ordinal))
        );
    }
}
