using System.Security.Cryptography;
using System.Text;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Ledger.Agents;

/// <summary>
/// A transfer from one agent to another (TRF-1). Both halves are decided before anything is appended, so that no rule refuses half of it. They
/// are one commit where the log spans streams. Where not, the second agent's half is appended first, and the same command sent again under its
/// key completes what an earlier try began (decision 11).
/// </summary>
internal sealed class Transfer(
    ILog log,
    AgentCommits commits,
    ConfigurationStream configuration,
    TimeProvider clock,
    PendingCommand command
)
{
    /// <summary>So many events of an agent are looked through for those of an earlier try.</summary>
    private const int MostSince = 1000;

    private readonly TransferConversation _transfer = (TransferConversation)command.Command;
    private readonly PendingCommand _command = log.SpansStreams ? command : WithSameId(command);

    /// <summary>Whether a command concerns two agents.</summary>
    public static bool Is(string agentId, AgentCommand command) =>
        command is TransferConversation { ToAgentId: { } toAgentId } && toAgentId != agentId;

    /// <summary>Decides it and appends both halves.</summary>
    public Task<CommandOutcome> RunAsync(CancellationToken ct) =>
        commits.RunAsync([_command.AgentId, _transfer.ToAgentId!], (known, caughtUp) => TryAsync(known[0], known[1], caughtUp, ct), ct);

    private async Task<CommandOutcome?> TryAsync(KeptState from, KeptState to, bool caughtUp, CancellationToken ct)
    {
        var settings = configuration.Current;
        var pending = _command.CameFrom(from.Agent);
        var (letGo, refused) = await commits.DecideAsync(from.Agent, pending, settings, ct);
        var take = refused is null ? await TakeAsync(pending, from.Agent, to.Agent, caughtUp, settings, ct) : AgentCommits.Nothing;
        if (take.Refusal is { } refusal)
            refused = new CommandOutcome.Refused(refusal);

        var now = clock.Now();
        if (!caughtUp && (AgentCommits.RecordsLoss(letGo) || AgentCommits.RecordsLoss(take)))
            return null;
        var first = refused is null ? AgentCommits.Change(from, letGo, pending, settings, now) : null;
        var second = refused is null ? AgentCommits.Change(to, take, pending, settings, now) : null;
        AgentChange[] changes = [.. new[] { first, second }.OfType<AgentChange>()];
        // What is appended in steps has nothing that would refuse the first step for a stale state of the other agent: look first.
        if (!caughtUp && (changes.Length == 0 || (changes.Length == 2 && !log.SpansStreams)))
            return null;

        var outcome = refused ?? new AgentAccepted((first?.After ?? from).Agent, settings, [.. changes.SelectMany(c => c.Append.Events)]);
        // The conversation is gone. Where an earlier try brought it to the second agent, it has succeeded, whoever let go of it.
        if (
            refused is CommandOutcome.Refused { Refusal.Code: RefusalCodes.ConversationUnknown }
            && !log.SpansStreams
            && await ReachedAsync(from.Agent, to.Agent, ct)
        )
            outcome = new AgentAccepted(
                from.Agent,
                settings,
                [.. await CausedByThisAsync(from.Agent, ct), .. await CausedByThisAsync(to.Agent, ct)]
            );
        // Where the log does not span streams, the second agent may have its half by now.
        return await commits.CommitAsync(pending, settings, changes, outcome, now, leavesNothing: log.SpansStreams, ct);
    }

    /// <summary>The second agent's half: the same conversation, as it is.</summary>
    private async ValueTask<Decision<AgentEvent>> TakeAsync(
        PendingCommand pending,
        Agent from,
        Agent to,
        bool caughtUp,
        Configuration settings,
        CancellationToken ct
    )
    {
        if (
            !log.SpansStreams
            && (pending.Envelope.IdempotencyKey is not null || caughtUp)
            && !to.Conversations.ContainsKey(_transfer.ConversationId)
            && await ReachedAsync(from, to, ct)
        )
            // An earlier try brought it there, and the second agent is done with it: only letting go is left.
            return AgentCommits.Nothing;
        var work = from.Conversations[_transfer.ConversationId].Work;
        var assign = new AssignConversation(_transfer.ConversationId, work.HandedOn(), FromAgentId: from.AgentId);
        return await commits.DecideAsync(to, assign, pending, settings, ct);
    }

    /// <summary>Whether an earlier try brought the conversation to the second agent.</summary>
    private async Task<bool> ReachedAsync(Agent from, Agent to, CancellationToken ct) =>
        (await CausedByThisAsync(to, ct))
            .Select(WireNames.Read)
            .OfType<ConversationAssigned>()
            .Any(e => e.ConversationId == _transfer.ConversationId && e.FromAgentId == from.AgentId);

    /// <summary>Recent events of an agent that this command caused.</summary>
    private async Task<IEnumerable<EventRecord>> CausedByThisAsync(Agent agent, CancellationToken ct)
    {
        var late = await log.ReadStreamBackwardsAsync(StreamNames.Agent(agent.AgentId), agent.Version, MostSince, ct);
        return late.Select(e => e.Record)
            .Where(e => clock.Now() - e.RecordedAt < RecordedAnswer.Kept)
            .Where(e => LedgerJson.Read<EventMetadata>(e.Metadata).CausationId == _command.Envelope.CommandId)
            .Reverse();
    }

    /// <summary>A command that is sent again under its key is the same command.</summary>
    private static PendingCommand WithSameId(PendingCommand command)
    {
        if (command.Envelope.IdempotencyKey is not { } key)
            return command;
        var id = SHA256.HashData([.. Encoding.UTF8.GetBytes(key), 0, .. command.Envelope.Fingerprint]).AsSpan(0, 16);
        return command with { Envelope = command.Envelope with { CommandId = new Guid(id, bigEndian: true) } };
    }
}
