using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Configurations;

namespace PresenceLedger.Domain.Tests.Properties;

/// <summary>The CAP rules once more, sentence by sentence, to compare with: slow, and from what is recorded alone.</summary>
internal static class CapacityAsWritten
{
    public static (string Status, string Rule) Decide(Agent agent, Configuration configuration, IReadOnlyList<AgentEvent> stream)
    {
        var open = agent.Conversations.Values.ToList();
        var counting = open.Where(c =>
                c.State is ConversationState.Assigned or ConversationState.Active
                || (c.State is ConversationState.WrapUp && c.HoldsCapacity)
            )
            .ToList();
        var total = agent.Settings.Units;
        var used = counting.Sum(c => c.Work.Units);
        var profiles = agent
            .Settings.Profiles.Select(p => configuration.Profiles[p.Key])
            .Select(p =>
                (
                    p.Blocking,
                    Limit: agent.Settings.Profiles[p.Id] ?? p.Limit,
                    Used: p.Reset is ProfileReset.Immediate
                        ? counting.Count(c => c.Work.Profiles.Contains(p.Id))
                        : CountedToday(p.Id, stream)
                )
            )
            .ToList();

        if (used > total || profiles.Any(p => p.Used > p.Limit))
            return ("do-not-disturb", "CAP-6");
        if (open.Count(c => c.State is not ConversationState.Waiting) > configuration.Policy.MaxOpenSessions)
            return ("do-not-disturb", "CAP-5");

        var unitsExhausted = used >= total && (total != 0 || AssignedSinceSignIn(stream));
        var blocking = profiles.Where(p => p.Blocking).ToList();
        var profilesExhausted = blocking.Count > 0 ? blocking.Any(p => p.Used >= p.Limit) : profiles.All(p => p.Used >= p.Limit);
        var exhausted = (total is not null, profiles.Count > 0) switch
        {
            (true, true) => unitsExhausted && profilesExhausted,
            (true, false) => unitsExhausted,
            (false, true) => profilesExhausted,
            (false, false) => false,
        };
        if (exhausted)
            return ("do-not-disturb", total == 0 ? "CAP-8" : "CAP-3");

        var busy = counting.Any(c =>
            configuration.Policy.ZeroCapacityWorkSetsBusy || c.Work.Units > 0 || c.Work.Profiles.Any(agent.Settings.Profiles.ContainsKey)
        );
        return busy || profiles.Any(p => p.Used > 0) ? ("busy", "CAP-2") : ("available", "CAP-1");
    }

    private static int CountedToday(string profileId, IReadOnlyList<AgentEvent> stream) =>
        stream
            .Reverse()
            .TakeWhile(e => e is not CapacityReset reset || reset.ProfileId != profileId)
            .OfType<ConversationAssigned>()
            .Count(e => e.DayProfiles.Contains(profileId));

    private static bool AssignedSinceSignIn(IReadOnlyList<AgentEvent> stream) =>
        stream.Reverse().TakeWhile(e => e is not AgentSignedIn { Returned: false }).Any(e => e is ConversationAssigned);
}
