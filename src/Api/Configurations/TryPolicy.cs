using System.Globalization;
using Npgsql;
using PresenceLedger.Api.Http;
using PresenceLedger.Contracts;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.WhatIf;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Calendars;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Projections.Presence;
using PresenceLedger.Queries;
using PresenceLedger.Queries.WhatIf;
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
        var length = ReadNumber(days, "days", 7, MostDays);
        var limit = ReadNumber(seconds, "seconds", 10, MostSeconds);
        var named = QueryLists.Identifiers(http, "agents", MostNamed)?.ToArray();
        if (!await Turn.WaitAsync(ForATurn, ct))
            throw new TooManyException("A policy is being tried; one at a time.", retryAfter: 10);
        try
        {
            await configuration.RefreshAsync(ct);
            var ids = await AgentsAsync(database, named, ct);
            if (named?.Except(ids, StringComparer.Ordinal).FirstOrDefault() is { } unknown)
                throw RefusedException.AgentUnknown(unknown);
            var present = configuration.Current;
            var tried = With(present);
            if (ConfigurationDecider.Contradiction(present.Policy, tried.Policy) is { } contradiction)
                throw new RefusedException(contradiction);
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
                    PastOf(WhatIfAnswer.Of(compared, run.Alternative, [], from, to, 0), ids.Count, lookedAt, MostListed)
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

        Configuration With(Configuration recorded) => recorded with { Policy = body.Value.Change(recorded.Policy, body.Has) };
    }

    private static double ReadNumber(string? text, string field, double usual, double most) =>
        text is null ? usual
        : double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
        && number > 0
        && number <= most
            ? number
        : throw new InvalidQueryException(field, string.Create(CultureInfo.InvariantCulture, $"must be a number above 0 and up to {most}"));

    private static PastTrialAnswer PastOf(WhatIfAnswer whatIf, int agents, int lookedAt, int most)
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
