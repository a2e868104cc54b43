using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using PresenceLedger.Api.Hosting;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Projections.Divergences;

namespace PresenceLedger.Api.Audit;

/// <summary>How often live states are compared with the ledger, and of how many agents.</summary>
/// <param name="Every">Between two rounds; zero for never.</param>
/// <param name="Sample">Agents in a round, beside those of whom something differed.</param>
internal sealed record DivergenceSettings(TimeSpan Every, int Sample)
{
    /// <summary>As configured.</summary>
    public static DivergenceSettings Of(IConfiguration configuration) =>
        new(
            TimeSpan.FromSeconds(Math.Clamp(configuration.GetValue("Divergence:Every", 60d), 0, 86_400)),
            Math.Clamp(configuration.GetValue("Divergence:Sample", 20), 0, 100_000)
        );
}

/// <summary>
/// Compares, now and then, what is kept of some agents with a replay of the ledger, and tells what differs; every node, for each has
/// states in memory. It corrects nothing: what a read model has wrong a rebuild puts right, and somebody is to know that it was wrong.
/// </summary>
internal sealed class DivergenceWatch : BackgroundService, IHealthCheck
{
    /// <summary>A round ends after so many events, with the agent it is at.</summary>
    private const int MostEvents = 50_000;

    private const int MostTold = 5;

    private readonly ReplayCheck _check;
    private readonly LedgerAgents _ledger;
    private readonly AgentStreams _streams;
    private readonly DivergenceSettings _settings;
    private readonly TimeProvider _clock;
    private readonly ILogger<DivergenceWatch> _logger;
    private readonly Meter _meter = new(Telemetry.Name);
    private readonly Counter<long> _checked;
    private readonly ConcurrentDictionary<string, IReadOnlyList<Divergence>> _found = new(StringComparer.Ordinal);
    private long _agents;
    private volatile string _lookedAt = "";

    public DivergenceWatch(
        ReplayCheck check,
        LedgerAgents ledger,
        AgentStreams streams,
        DivergenceSettings settings,
        TimeProvider clock,
        ILogger<DivergenceWatch> logger
    )
    {
        _check = check;
        _ledger = ledger;
        _streams = streams;
        _settings = settings;
        _clock = clock;
        _logger = logger;
        _checked = _meter.CreateCounter<long>(
            "presence_ledger.divergence.checked",
            description: "Agents of whom what is kept was compared with a replay of the ledger"
        );
        _meter.CreateObservableGauge(
            "presence_ledger.divergence.agents",
            () => Models().Select(m => new Measurement<long>(m.Agents, new KeyValuePair<string, object?>("model", m.Model))),
            description: "Agents of whom something differs from the ledger, of those compared: where, by the last comparison of each"
        );
    }

    /// <summary>The watch, and what it compares with.</summary>
    public static void Add(IServiceCollection services, IConfiguration configuration)
    {
        services.AddSingleton(DivergenceSettings.Of(configuration));
        services.AddSingleton<ReplayCheck>().AddSingleton<LedgerAgents>().AddSingleton<DivergenceWatch>();
        services.AddHostedService(s => s.GetRequiredService<DivergenceWatch>());
    }

    /// <inheritdoc />
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var found = _found.OrderBy(f => f.Key, StringComparer.Ordinal).ToArray();
        var data = new Dictionary<string, object>
        {
            ["everySeconds"] = _settings.Every.TotalSeconds,
            ["lookedAt"] = _lookedAt,
            ["checkedAgents"] = Interlocked.Read(ref _agents),
            ["divergentAgents"] = found.Length,
            ["first"] = found.Take(MostTold).Select(f => $"{f.Key}: {f.Value[0]}").ToArray(),
        };
        return Task.FromResult(
            found.Length == 0
                ? HealthCheckResult.Healthy("What is kept of the agents compared is what the ledger gives.", data)
                : HealthCheckResult.Degraded(
                    $"Of {found.Length} agents something differs from the ledger; presence-ledger doctor says all of it. "
                        + string.Join(
                            ' ',
                            found.SelectMany(f => f.Value).Select(d => d.WhatToDo).Distinct(StringComparer.Ordinal).Take(MostTold)
                        ),
                    data: data
                )
        );
    }

    /// <inheritdoc />
    public override void Dispose()
    {
        _meter.Dispose();
        base.Dispose();
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (_settings.Every <= TimeSpan.Zero || _settings.Sample == 0)
            return;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(_settings.Every, _clock, stoppingToken);
                await LookAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                _logger.LogWarning("Live states are not compared with the ledger for now: {Error}", e.Message);
            }
        }
    }

    /// <summary>A round: those of whom something differed, and some others.</summary>
    private async Task LookAsync(CancellationToken ct)
    {
        var sample = await _ledger.SampleAsync(_settings.Sample, ct);
        var events = 0L;
        foreach (var agentId in _found.Keys.Take(_settings.Sample).Union(sample, StringComparer.Ordinal))
        {
            var began = _clock.GetTimestamp();
            events += await LookAsync(agentId, ct);
            if (events > MostEvents)
                break;
            // It takes half a processor at most.
            await Task.Delay(_clock.GetElapsedTime(began), _clock, ct);
        }
        _lookedAt = Instant.Format(_clock.Now());
    }

    private async Task<long> LookAsync(string agentId, CancellationToken ct)
    {
        try
        {
            var replayed = await _check.WholeAsync(agentId, _streams.Cached(agentId), ct);
            // Tables may have been swapped in between: what differs, differs twice.
            if (replayed.Divergences.Count > 0)
                replayed = await _check.WholeAsync(agentId, _streams.Cached(agentId), ct);
            Take(replayed);
            return replayed.Events;
        }
        catch (InvalidDataException e)
        {
            // The read models say the same, and stand still; verify says more.
            _logger.LogWarning("Agent {AgentId} cannot be compared with the ledger: {Error}", agentId, e.Message);
            return 0;
        }
    }

    private void Take(ReplayedAgent replayed)
    {
        _checked.Add(1);
        Interlocked.Increment(ref _agents);
        if (replayed.Divergences is [])
        {
            if (_found.TryRemove(replayed.AgentId, out _))
                _logger.LogInformation("What is kept of agent {AgentId} is what the ledger gives again", replayed.AgentId);
            return;
        }
        var isNew = !_found.ContainsKey(replayed.AgentId);
        _found[replayed.AgentId] = replayed.Divergences;
        if (!isNew)
            return;
        // Not what it is: that may be people's words.
        foreach (var first in replayed.Divergences.DistinctBy(d => d.Model))
            _logger.LogError(
                "What {Model} has of agent {AgentId} at version {Version} is not what the ledger gives, in {Member}. {WhatToDo}",
                first.Model,
                first.AgentId,
                first.Version,
                first.Member,
                first.WhatToDo
            );
    }

    private IEnumerable<(string Model, long Agents)> Models()
    {
        var found = _found.Values.SelectMany(f => f.Select(d => d.Model).Distinct(StringComparer.Ordinal)).CountBy(m => m).ToDictionary();
        string[] models = [Divergence.Presence, Divergence.Facts, Divergence.States, Divergence.Memory, Divergence.Reasons];
        return models.Select(m => (m, (long)found.GetValueOrDefault(m)));
    }
}
