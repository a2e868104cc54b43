using System.Collections.Immutable;
using PresenceLedger.Domain.Policies;

namespace PresenceLedger.Domain.Agents;

/// <summary>What somebody should look at in an open conversation. Nothing is decided by it.</summary>
public enum ConversationFlag
{
    /// <summary>Awaiting acceptance for longer than the policy's threshold of offers (STK-1).</summary>
    Offer,

    /// <summary>Open without activity for longer than the threshold of its channel (STK-1).</summary>
    Stuck,

    /// <summary>Open with another agent at the same time (STK-3).</summary>
    Conflict,
}

/// <summary>A conversation of an agent that is open with others at the same time (STK-3).</summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="Others">The other agents, in the order of their ids.</param>
public sealed record Conflict(string ConversationId, ImmutableArray<string> Others);

/// <summary>Finds conversations that are flagged.</summary>
public static class Flags
{
    /// <summary>Conversations of an agent without activity for too long, each with its flag (STK-1).</summary>
    public static IEnumerable<(string ConversationId, ConversationFlag Flag)> Of(Agent agent, Policy policy, DateTimeOffset now)
    {
        foreach (var (id, conversation) in agent.Conversations)
        {
            var isOffer = conversation.State is ConversationState.Assigned;
            var threshold = isOffer ? policy.OfferAfter : policy.StuckThreshold(conversation.Work.Channel);
            if (now - conversation.LastActivityAt > threshold)
                yield return (id, isOffer ? ConversationFlag.Offer : ConversationFlag.Stuck);
        }
    }

    /// <summary>
    /// Of each agent who has any, the conversations that are open with others at the same time (STK-3). A conversation on its way
    /// from one agent to another is no conflict: where the two are recorded one after the other, it is open with both for a moment.
    /// </summary>
    public static IReadOnlyDictionary<string, ImmutableArray<Conflict>> Conflicts(IEnumerable<Agent> agents)
    {
        var conflicts = new Dictionary<string, ImmutableArray<Conflict>>(StringComparer.Ordinal);
        var open = agents.SelectMany(agent => agent.Conversations.Select(c => (c.Key, Held: (agent.AgentId, Conversation: c.Value))));
        foreach (var held in open.GroupBy(c => c.Key, c => c.Held, StringComparer.Ordinal))
        {
            var all = held.ToArray();
            if (all.Length < 2)
                continue;
            string[] holders =
            [
                .. all.Where(from => !all.Any(to => IsOnItsWay(from.AgentId, from.Conversation, to.Conversation)))
                    .Select(h => h.AgentId)
                    .Order(StringComparer.Ordinal),
            ];
            if (holders.Length < 2)
                continue;
            foreach (var holder in holders)
                conflicts[holder] =
                [
                    .. conflicts.GetValueOrDefault(holder, []),
                    new Conflict(held.Key, [.. holders.Where(other => other != holder)]),
                ];
        }
        return conflicts;
    }

    private static bool IsOnItsWay(string fromAgentId, Conversation from, Conversation to) =>
        to.FromAgentId == fromAgentId && from.AssignedAt <= to.AssignedAt;
}
