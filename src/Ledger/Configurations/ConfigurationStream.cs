using Microsoft.Extensions.Hosting;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Ledger.Configurations;

/// <summary>What became of a command on the configuration.</summary>
/// <param name="Configuration">The configuration after it.</param>
/// <param name="Refusal">Why it was refused; null where it was accepted.</param>
public sealed record ConfigurationOutcome(Configuration Configuration, Refusal? Refusal);

/// <summary>
/// Statuses, capacity profiles and policy, held in memory on every node and kept current by following the log. A decision names
/// the version it was made with, so a node that is a moment behind records that honestly.
/// </summary>
public sealed class ConfigurationStream(ILog log, TimeProvider clock) : BackgroundService
{
    private const int Attempts = 20;
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private readonly SemaphoreSlim _refreshing = new(1, 1);
    private volatile Held _held = new(Configuration.Initial, HashChain.Genesis);

    /// <summary>The configuration as this node knows it.</summary>
    public Configuration Current => _held.Configuration;

    /// <summary>Decides and appends a command.</summary>
    public async Task<ConfigurationOutcome> TransactAsync(ConfigurationCommand command, CommandEnvelope envelope, CancellationToken ct)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            // An administrator's change is rare: always decide on the newest.
            await RefreshAsync(ct);
            var held = _held;
            var decision = ConfigurationDecider.Decide(held.Configuration, command, clock.Now());
            if (decision.Refusal is not null || decision.Events.IsEmpty)
                return new(held.Configuration, decision.Refusal);
            var append = Append(held, decision.Events, envelope);
            if ((await log.AppendAsync(new Commit([append]))).Verdict is AppendVerdict.Appended)
            {
                await RefreshAsync(ct);
                return new(Current, null);
            }
        }
        throw new LedgerUnavailableException("The configuration is changed by too many at once.", null);
    }

    /// <summary>The append by which custom statuses that stand for the first time are noted, beside the agent's own events (CAT-2).</summary>
    internal StreamAppend? NoteUse(Configuration decidedWith, IEnumerable<string> statusIds, CommandEnvelope envelope)
    {
        var now = clock.Now();
        var events = statusIds
            .Distinct(StringComparer.Ordinal)
            .SelectMany(id => ConfigurationDecider.Decide(decidedWith, new UseStatus(id), now).Events)
            .ToArray();
        var held = _held;
        // Decided with an older one: the append is to fail, so that it is decided again.
        return events.Length == 0 ? null : Append(held with { Configuration = decidedWith }, events, envelope);
    }

    /// <summary>Reads what others appended; true where there was something.</summary>
    public async Task<bool> RefreshAsync(CancellationToken ct)
    {
        await _refreshing.WaitAsync(ct);
        try
        {
            var held = _held;
            var before = held.Configuration.Version;
            while (true)
            {
                var page = await log.ReadStreamAsync(StreamNames.Configuration, held.Configuration.Version + 1, 1000, ct);
                foreach (var e in page)
                    held = new(held.Configuration.Evolve((ConfigurationEvent)WireNames.Read(e.Record)), e.Record.Hash);
                if (page.Count < 1000)
                    break;
            }
            _held = held;
            return held.Configuration.Version > before;
        }
        finally
        {
            _refreshing.Release();
        }
    }

    /// <inheritdoc />
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await RefreshAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    /// <inheritdoc />
    public override void Dispose()
    {
        _refreshing.Dispose();
        base.Dispose();
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var next = log.NextAppend;
            try
            {
                await RefreshAsync(stoppingToken);
                await Task.WhenAny(next, Task.Delay(Poll, clock, stoppingToken));
                await Task.Delay(Pause, clock, stoppingToken);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (Exception e) when (e is System.Data.Common.DbException or TimeoutException or LedgerUnavailableException or IOException)
            {
                await Task.Delay(Poll, clock, CancellationToken.None);
            }
        }
    }

    private StreamAppend Append(Held held, IReadOnlyList<LedgerEvent> events, CommandEnvelope envelope) =>
        new(
            StreamNames.Configuration,
            held.Configuration.Version,
            Sealing.Seal(
                StreamNames.Configuration,
                held.Configuration.Version,
                held.Hash,
                events,
                due: 0,
                envelope with
                {
                    ConnectionId = null,
                },
                client: null,
                held.Configuration.Version,
                clock.Now()
            )
        );

    private sealed record Held(Configuration Configuration, byte[] Hash);
}
