using System.Globalization;
using Npgsql;
using PresenceLedger.Api.Audit.WhatIf;
using PresenceLedger.Api.Http;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.WhatIf;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Calendars;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Projections.Presence;
using PresenceLedger.Scenarios;

namespace PresenceLedger.Api.Configurations;

/// <summary>
/// Tries a policy before it is live: which of the shipped scenarios would go otherwise, and how the last days would have gone
/// (docs/what-if.md). It reads and records nothing, one at a time and within a limit of time, for it takes what others could use.
/// </summary>
internal static class TryPolicy
{
    private const int MostDays = 31;
    private const double MostSeconds = 40;
    private const int MostNamed = 1000;
    private const int MostListed = 20;
    private static readonly TimeSpan ForATurn = TimeSpan.FromSeconds(10);
    private static readonly SemaphoreSlim Turn = new(1);

    public static void Map(RouteGroupBuilder api) =>
        api.MapPost("/policy/try", TryAsync)
            .Allow(Permissions.CheckSetup)
            .WithTags("Configuration")
            .WithMetadata(new RecordsNothing())
            .WithSummary("Try a policy, given as to PUT: which scenarios and what of the last days would be other. Records nothing.")
            .Produces<PolicyTrialAnswer>()
            .ProducesProblems(400, 403, 404, 429);

    private static async Task<IResult> TryAsync(
        HttpContext http,
        Body<PolicyBody> body,
        string? days,
        string? seconds,
        [QueryList] string? agents,
        ConfigurationStream configuration,
        ILog log,
        NpgsqlDataSource database,
        TimeProvider clock
    )
    {
        var ct = http.RequestAborted;
        if (body.Problem is { } bad)
            return bad;
        if (ReadNumber(days, "days", 7, 0, MostDays, out var length) is { } badDays)
            return badDays;
        if (ReadNumber(seconds, "seconds", 10, 0, MostSeconds, out var limit) is { } badSeconds)
            return badSeconds;
        if (QueryLists.Identifiers(http, "agents", out var some, MostNamed) is { } badAgents)
            return badAgents;
        var named = some?.ToArray();
        if (!await Turn.WaitAsync(ForATurn, ct))
        {
            http.Response.Headers.RetryAfter = "10";
            return Problems.Of(StatusCodes.Status429TooManyRequests, "too-many-requests", "A policy is being tried; one at a time.");
        }
        try
        {
            await configuration.RefreshAsync(ct);
            var ids = await AgentsAsync(database, named, ct);
            if (named?.Except(ids, StringComparer.Ordinal).FirstOrDefault() is { } unknown)
                return Problems.Of(Refusal.AgentUnknown(unknown));
            var present = configuration.Current;
            var tried = With(present);
            if (ConfigurationDecider.Contradiction(present.Policy, tried.Policy) is { } contradiction)
                return Problems.Of(contradiction);
            using var time = new CancellationTokenSource(TimeSpan.FromSeconds(limit), clock);
            var changed = await ShippedScenarios.CompareAsync(present.Policy, tried.Policy, ct);
            using var run = await WhatIfRun.OpenAsync(
                log,
                recorded => new Alternative(recorded, TzdbCalendar.Instance, With, (_, settings) => settings),
                ct
            );
            var to = clock.Now();
            var from = to.AddDays(-length).ToMillisecond();
            var (compared, lookedAt) = await run.CompareWithinAsync(ids, from, to, time.Token, ct);
            return Results.Json(
                new PolicyTrialAnswer(
                    PolicyAnswer.Of(tried),
                    new ScenariosAnswer(ShippedScenarios.All.Count, changed.Count, changed),
                    PastTrialAnswer.Of(WhatIfAnswer.Of(compared, run.Alternative, [], from, to, 0), ids.Count, lookedAt, MostListed)
                ),
                WireJson.Options
            );
        }
        catch (InvalidDataException e)
        {
            return Problems.Of(StatusCodes.Status409Conflict, "ledger-damaged", "An event cannot be read: " + e.Message);
        }
        finally
        {
            Turn.Release();
        }

        Configuration With(Configuration recorded) => recorded with { Policy = body.Value.Change(recorded.Policy, body) };
    }

    private static IResult? ReadNumber(string? text, string field, double usual, double above, double most, out double number)
    {
        number = usual;
        if (text is null)
            return null;
        return
            double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out number)
            && number > above
            && number <= most
            ? null
            : Problems.Validation(field, string.Create(CultureInfo.InvariantCulture, $"must be a number above {above} and up to {most}"));
    }

    /// <summary>In an order that has nothing to do with who they are: as far as the time allows, the first of them are a fair sample.</summary>
    private static async Task<List<string>> AgentsAsync(NpgsqlDataSource database, string[]? named, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            $"select agent_id from {PresenceModel.Agents} where $1::text[] is null or agent_id = any ($1) order by md5(agent_id)"
        );
        command.Parameters.Add(
            new NpgsqlParameter
            {
                Value = (object?)named ?? DBNull.Value,
                NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.Text,
            }
        );
        await using var reader = await command.ExecuteReaderAsync(ct);
        var ids = new List<string>();
        while (await reader.ReadAsync(ct))
            ids.Add(reader.GetString(0));
        return ids;
    }
}

/// <summary>What a policy would change.</summary>
/// <param name="Policy">The whole of the policy that was tried.</param>
/// <param name="Scenarios">Of the scenarios that the service brings along.</param>
/// <param name="Past">Of the last days.</param>
internal sealed record PolicyTrialAnswer(PolicyAnswer Policy, ScenariosAnswer Scenarios, PastTrialAnswer Past);

/// <summary>Which scenarios would go otherwise.</summary>
/// <param name="Run">How many were run, with either policy.</param>
/// <param name="Changed">How many go otherwise.</param>
/// <param name="Items">Those.</param>
internal sealed record ScenariosAnswer(int Run, int Changed, IReadOnlyList<ScenarioChange> Items);

/// <summary>How the last days would have gone; of the agents that were looked at.</summary>
internal sealed record PastTrialAnswer
{
    public required DateTimeOffset From { get; init; }
    public required DateTimeOffset To { get; init; }

    /// <summary>How many agents there are, or were named.</summary>
    public required int Agents { get; init; }

    /// <summary>How many of them there was time for: a fair sample where it is not all.</summary>
    public required int AgentsLookedAt { get; init; }

    /// <summary>Whether that is all.</summary>
    public required bool Complete { get; init; }

    /// <summary>How many would show any difference.</summary>
    public required int AgentsOther { get; init; }

    /// <summary>Seconds that would have been in another status, by the sums of each agent.</summary>
    public required double OtherSeconds { get; init; }
    public required TimesAnswer Total { get; init; }
    public required IReadOnlyList<QueueAnswer> Queues { get; init; }

    /// <summary>Changes of presence that would have been other, or not at all.</summary>
    public required long OtherTransitions { get; init; }

    /// <summary>What was done and would have been refused, by the code.</summary>
    public required IReadOnlyDictionary<string, int> Refused { get; init; }

    /// <summary>What the ledger cannot tell.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>The agents with the most other seconds.</summary>
    public required IReadOnlyList<AgentTrialAnswer> Items { get; init; }

    internal static PastTrialAnswer Of(WhatIfAnswer whatIf, int agents, int lookedAt, int most)
    {
        var others = whatIf
            .Agents.Select(a => new AgentTrialAnswer(
                a.AgentId,
                a.Times.StatusSeconds.Values.Sum(s => Math.Abs(s.Difference)) / 2,
                a.Times.RoutableSeconds.Difference,
                a.OtherTransitions,
                a.Refused
            ))
            .ToArray();
        return new PastTrialAnswer
        {
            From = whatIf.From,
            To = whatIf.To,
            Agents = agents,
            AgentsLookedAt = lookedAt,
            Complete = lookedAt == agents,
            AgentsOther = whatIf.AgentsOther,
            OtherSeconds = others.Sum(a => a.OtherSeconds),
            Total = whatIf.Total,
            Queues = whatIf.Queues,
            OtherTransitions = whatIf.Transitions.Other,
            Refused = whatIf.Refused.ByCode,
            Notes = whatIf.Notes,
            Items =
            [
                .. others
                    .Where(a => a is not { OtherSeconds: 0, OtherTransitions: 0, Refused: 0 })
                    .OrderByDescending(a => a.OtherSeconds)
                    .ThenBy(a => a.AgentId, StringComparer.Ordinal)
                    .Take(most),
            ],
        };
    }
}

/// <summary>An agent whose last days would have gone otherwise.</summary>
/// <param name="AgentId">The agent.</param>
/// <param name="OtherSeconds">Seconds that would have been in another status.</param>
/// <param name="RoutableSeconds">How much longer it would have been routable; negative for shorter.</param>
/// <param name="OtherTransitions">Changes of presence that would have been other, or not at all.</param>
/// <param name="Refused">What was done and would have been refused.</param>
internal sealed record AgentTrialAnswer(string AgentId, double OtherSeconds, double RoutableSeconds, int OtherTransitions, int Refused);
