using System.Globalization;
using System.Text.Json;
using Npgsql;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Routing;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Projections;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Queries.Presence;

/// <summary>Which agents a piece of work may be given to, most available first; and why an agent is not among them.</summary>
public sealed class EligibleAgents(
    NpgsqlDataSource database,
    LatestAgents latest,
    ReadPosition position,
    ConfigurationStream configuration,
    Reasons reasons,
    Conflicts conflicts
)
{
    /// <summary>Whether a text is the cursor of a page.</summary>
    public static bool IsCursor(string? text) => AvailabilityOf(text) is not null;

    /// <summary>A page of those who are eligible.</summary>
    public async Task<(Page<EligibleAgent> Answer, ProjectionPosition Read)> ListAsync(Need need, Paging paging, CancellationToken ct)
    {
        var read = await position.ReadAsync(ct);
        var after = AvailabilityOf(paging.After);
        var eligible = (await CandidatesAsync(need, ct))
            .Where(agent => !Eligibility.Of(agent, configuration.Current, need).Any())
            .Select(agent => (Agent: agent, Availability: Availability.Of(agent, configuration.Current)))
            .Where(one => after is null || Availability.MostFirst.Compare(one.Availability, after.Value) > 0)
            .OrderBy(one => one.Availability, Availability.MostFirst);
        var page = paging.Of(
            eligible,
            one => TextOf(one.Availability),
            one => EligibleAgent.Of(one.Agent, one.Availability, configuration.Current)
        );
        return (page with { AsOf = read.AsOf }, read);
    }

    /// <summary>Whether an agent is, and what stands against it.</summary>
    /// <exception cref="RefusedException">There is no such agent.</exception>
    public async Task<(EligibilityAnswer Answer, ProjectionPosition Read)> WhyAsync(Need need, string agentId, CancellationToken ct)
    {
        var read = await position.ReadAsync(ct);
        var open = await OpenFacts.FindAsync(database, agentId, ct) ?? throw RefusedException.AgentUnknown(agentId);
        var reason = (await reasons.ReadAsync([GivenReason.OfStatus(open)], ct)).Of(GivenReason.OfStatus(open));
        WhyNot[] obstacles = [.. Eligibility.Of(open.Agent, configuration.Current, need).Select(o => WhyNotOf(o, open, reason))];
        var (inConflict, names) = await conflicts.OfAsync(open.Agent, ct);
        return (
            new EligibilityAnswer(agentId, obstacles.Length == 0, obstacles, ConflictAnswer.Of(agentId, inConflict, names), read.AsOf),
            read
        );
    }

    private static WhyNot WhyNotOf(Obstacle obstacle, OpenFacts open, ReasonAnswer? reason) =>
        obstacle.Code is Eligibility.BaseNotAllowed
            ? new WhyNot(obstacle.Code, obstacle.Detail)
            {
                StatusId = open.Agent.Status.StatusId,
                Base = open.Agent.Status.Base,
                Actor = open.SetBy?.Actor,
                Rule = open.SetBy?.Rule,
                Reason = reason,
                At = open.SetBy?.At,
            }
            : new WhyNot(obstacle.Code, obstacle.Detail);

    /// <summary>Those whom SQL does not rule out.</summary>
    private async Task<IEnumerable<Agent>> CandidatesAsync(Need need, CancellationToken ct)
    {
        var condition = "signed_in and base = any ($1)";
        var parameters = new List<NpgsqlParameter>
        {
            new NpgsqlParameter<string[]>
            {
                TypedValue = [.. need.Allowed.Select(b => JsonNamingPolicy.KebabCaseLower.ConvertName(b.ToString()))],
            },
        };
        foreach (var (column, names) in new[] { ("queues", need.Queue is { } queue ? [queue] : []), ("skills", need.Skills) })
            if (names.Length > 0)
            {
                parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. names] });
                condition += $" and {column} @> ${parameters.Count.ToString(CultureInfo.InvariantCulture)}";
            }
        await using var connection = await database.OpenConnectionAsync(ct);
        return (await latest.WhereAsync(connection, null, condition, [.. parameters], ct)).Select(open => open.Agent);
    }

    private static string TextOf(Availability availability) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{availability.FreeShare:R}:{availability.Conversations}:{availability.Since.UtcTicks}:{availability.AgentId}"
        );

    private static Availability? AvailabilityOf(string? text) =>
        text?.Split(':', 4) is [var share, var conversations, var since, { } agentId]
        && double.TryParse(share, NumberStyles.Float, CultureInfo.InvariantCulture, out var freeShare)
        && int.TryParse(conversations, NumberStyles.None, CultureInfo.InvariantCulture, out var open)
        && long.TryParse(since, NumberStyles.None, CultureInfo.InvariantCulture, out var ticks)
        && ticks <= DateTimeOffset.MaxValue.Ticks
            ? new Availability(freeShare, open, new DateTimeOffset(ticks, TimeSpan.Zero), agentId)
            : null;
}
