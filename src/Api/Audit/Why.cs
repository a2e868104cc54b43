using System.ComponentModel;
using PresenceLedger.Api.Http;
using PresenceLedger.Api.Privacy;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Api.Audit;

/// <summary>Why an agent was what it was: one paragraph, and the events under it.</summary>
internal static class Why
{
    public static void Map(RouteGroupBuilder agent) =>
        agent
            .MapGet("/why", GetAsync)
            .Allow(Permissions.CheckAudit)
            .WithTags("Audit")
            .WithSummary("Why the agent was what it was at an instant, in a paragraph, with the events and rules under it.")
            .Produces<WhyAnswer>()
            .ProducesProblems(400, 404);

    private static async Task<IResult> GetAsync(
        HttpContext http,
        string agentId,
        Inquiry inquiry,
        ShownEntries shown,
        TimeProvider clock,
        [Description("The instant; now where it is left out. Without a fraction it is the whole second: what stood at its end.")] string? at
    )
    {
        if (InstantQuery.Read(at, "at", out var instant) is { } bad)
            return bad;
        var now = clock.GetUtcNow().ToMillisecond();
        if (instant > now)
            return Problems.Validation("at", "must not be in the future");
        var moment = instant is { } asked ? Moment.WholeSecond(at!, asked, now) : now;
        var ct = http.RequestAborted;
        return await inquiry.WhyAsync(agentId, moment, Wording.Asked(http), ct) is { } answer
            ? Results.Json(
                answer with
                {
                    Causes = await shown.OfAsync(agentId, answer.Causes, ct),
                    Meanwhile = await shown.OfAsync(agentId, answer.Meanwhile, ct),
                    Corrections = await shown.OfAsync(agentId, answer.Corrections, ct),
                },
                WireJson.Options
            )
            : Problems.Of(Refusal.AgentUnknown(agentId));
    }
}

/// <summary>Why an agent was what it was at an instant.</summary>
/// <param name="AgentId">The agent.</param>
/// <param name="At">The instant.</param>
/// <param name="StatusId">The status; null where the agent was not registered yet. So the next four.</param>
/// <param name="StatusText">Its text then.</param>
/// <param name="Base">Its base.</param>
/// <param name="Origin">Why it stood.</param>
/// <param name="Since">Since when.</param>
/// <param name="Until">When another status came; null while it still stands.</param>
/// <param name="Paragraph">The answer.</param>
/// <param name="Causes">The events under it, newest first: from the status back to the command that began it.</param>
/// <param name="Meanwhile">The last of what happened since, up to the instant, and changed nothing.</param>
/// <param name="Corrections">What supervisors said of the instant later.</param>
/// <param name="Rules">The rules that the answer names.</param>
public sealed record WhyAnswer(
    string AgentId,
    DateTimeOffset At,
    string? StatusId,
    string? StatusText,
    BaseStatus? Base,
    Origin? Origin,
    DateTimeOffset? Since,
    DateTimeOffset? Until,
    string Paragraph,
    IReadOnlyList<TimelineEntry> Causes,
    IReadOnlyList<TimelineEntry> Meanwhile,
    IReadOnlyList<TimelineEntry> Corrections,
    IReadOnlyList<RuleAnswer> Rules
);

/// <summary>A rule, and what it says.</summary>
public sealed record RuleAnswer(string Id, string Title);
