using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger.Clock;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.Reasons;

namespace PresenceLedger.Ledger.Configurations;

/// <summary>A command on the configuration was accepted: the configuration after it.</summary>
public sealed record ConfigurationAccepted(Configuration Configuration) : CommandOutcome;

/// <summary>
/// Statuses, capacity profiles and policy, held in memory on every node and kept current by following the log. A decision names
/// the version it was made with, so a node that is a moment behind records that honestly.
/// </summary>
public sealed class ConfigurationStream(ILog log, IReasonTexts texts, TimeProvider clock, ILogger<ConfigurationStream> logger)
    : BackgroundService
{
    private const int Attempts = 20;
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private readonly SemaphoreSlim _refreshing = new(1, 1);
    private readonly Wake _changed = new();
    private readonly Trouble _behind = new(logger, clock);
    private volatile Held _held = new(Configuration.Initial, HashChain.Genesis);

    /// <summary>The configuration as this node knows it.</summary>
    public Configuration Current => _held.Configuration;

    /// <summary>Completes when this node learns of a change. Take it before <see cref="Current"/>, so that nothing falls between.</summary>
    public Task NextChange => _changed.Next;

    /// <summary>Handles a command that somebody gives: may they, then transact.</summary>
    /// <param name="command">What is asked.</param>
    /// <param name="envelope">Who asks, and how.</param>
    /// <param name="answer">The answer to remember under the envelope's idempotency key, from the outcome.</param>
    /// <param name="ct">Cancellation.</param>
    public async Task<CommandOutcome> HandleAsync(
        ConfigurationCommand command,
        CommandEnvelope envelope,
        Func<CommandOutcome, string>? answer,
        CancellationToken ct
    ) =>
        Permissions.CheckConfigure(envelope.Actor) is { } forbidden
            ? new CommandOutcome.Refused(forbidden)
            : await TransactAsync(command, envelope, answer, ct);

    /// <summary>Decides and appends a command.</summary>
    /// <param name="command">What is asked.</param>
    /// <param name="envelope">Who asks, and how.</param>
    /// <param name="answer">The answer to remember under the envelope's idempotency key, from the outcome.</param>
    /// <param name="ct">Cancellation.</param>
    public async Task<CommandOutcome> TransactAsync(
        ConfigurationCommand command,
        CommandEnvelope envelope,
        Func<CommandOutcome, string>? answer,
        CancellationToken ct
    )
    {
        await clock.KnownAsync(ct);
        var reason = new CommandReason(texts);
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            // An administrator's change is rare: always decide on the newest.
            await RefreshAsync(ct);
            var held = _held;
            var now = clock.Now();
            if (envelope.IfMatch is { } version && version != held.Configuration.Version)
                return new CommandOutcome.VersionConflict(version, held.Configuration.Version);
            var decision = ConfigurationDecider.Decide(held.Configuration, command, now);
            CommandOutcome outcome = decision.Refusal is { } refusal
                ? new CommandOutcome.Refused(refusal)
                : new ConfigurationAccepted(decision.Events.Aggregate(held.Configuration, (configuration, e) => configuration.Evolve(e)));
            StreamAppend[] streams = decision.Events.IsEmpty
                ? []
                : [Append(held, decision.Events, reason.Of(StreamNames.Configuration, envelope, now))];
            var toRemember =
                envelope.IdempotencyKey is { } key && answer is not null
                    ? new RecordedAnswer(key, envelope.Fingerprint, answer(outcome), now)
                    : null;
            if (streams.Length == 0 && toRemember is null)
                return outcome;
            await reason.KeepAsync();
            switch ((await log.AppendAsync(new Commit(streams, toRemember))).Verdict)
            {
                case AppendVerdict.KeyTaken:
                    await reason.TakeBackAsync();
                    return await log.RepeatedAsync(toRemember!, ct);
                case AppendVerdict.Appended:
                    await RefreshAsync(ct);
                    return outcome;
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
        // Of the reason only the code: its text is of the agent's stream, and is erased with that one's.
        return events.Length == 0 ? null : Append(held with { Configuration = decidedWith }, events, envelope);
    }

    /// <summary>Reads what others appended; true where there was something.</summary>
    public async Task<bool> RefreshAsync(CancellationToken ct)
    {
        using var turn = await _refreshing.EnterAsync(ct);
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
        if (held.Configuration.Version == before)
            return false;
        _changed.Give();
        return true;
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
                _behind.IsOver("The configuration is followed again");
                await Task.WhenAny(next, Task.Delay(Poll, clock, stoppingToken));
                await Task.Delay(Pause, clock, stoppingToken);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (Exception e)
            {
                // What is known goes on to hold; every event names the version it was decided with.
                _behind.Is("The configuration is not followed for now: " + e.Message);
                await Task.Delay(Poll, clock, CancellationToken.None);
            }
        }
    }

    private StreamAppend Append(Held held, IReadOnlyList<LedgerEvent> events, CommandEnvelope envelope) =>
        new(
            StreamNames.Configuration,
            held.Configuration.Version,
            EventRecords.Create(
                StreamNames.Configuration,
                held.Configuration.Version,
                held.Hash,
                events,
                due: 0,
                envelope with
                {
                    ConnectionId = null,
                    Client = null,
                },
                held.Configuration.Version,
                clock.Now()
            )
        );

    private sealed record Held(Configuration Configuration, byte[] Hash);
}
