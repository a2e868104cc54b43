using System.Globalization;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Domain.Agents;

/// <summary>A prerequisite of an agent's presence (DIA-2).</summary>
/// <param name="Check">Its name.</param>
/// <param name="Passes">It holds.</param>
/// <param name="Finding">What was found.</param>
/// <param name="WhatToDo">What to do where it does not hold; null where it does.</param>
public sealed record Prerequisite(string Check, bool Passes, string Finding, string? WhatToDo);

/// <summary>Looks at the prerequisites that the ledger knows of; who calls is looked at by the API.</summary>
public static class Prerequisites
{
    /// <summary>Each prerequisite, pass or fail.</summary>
    /// <param name="agent">The agent.</param>
    /// <param name="configuration">Statuses, profiles and policy.</param>
    /// <param name="signsOfLife">By connection.</param>
    /// <param name="conflicts">The agent's conversations that are open with others, too.</param>
    /// <param name="nameOf">How another agent is called.</param>
    /// <param name="now">The clock.</param>
    public static IEnumerable<Prerequisite> Of(
        Agent agent,
        Configuration configuration,
        IReadOnlyDictionary<string, SignOfLife> signsOfLife,
        IReadOnlyList<Conflict> conflicts,
        Func<string, string> nameOf,
        DateTimeOffset now
    )
    {
        yield return Check(
            "agent-registered",
            agent.IsRegistered,
            "The agent is registered.",
            "The agent is not registered.",
            $"An administrator registers it: PUT /api/v1/agents/{agent.AgentId}."
        );

        var defaultId = agent.Settings.DefaultStatusId ?? BuiltInStatuses.Available.Id;
        yield return Check(
            "default-presence-valid",
            configuration.Status(defaultId) is { Retired: false },
            $"The default presence is {configuration.StatusText(defaultId)}.",
            $"The default presence {configuration.StatusText(defaultId)} is retired; at sign-in it counts as Available (CAT-5).",
            "An administrator gives the agent another defaultStatusId."
        );

        yield return Check(
            "capacity-configured",
            agent.Settings.Units is not null || !agent.Settings.Profiles.IsEmpty,
            "Capacity is configured.",
            "Neither units nor capacity profiles are configured, so capacity is never exhausted (CAP-4).",
            "An administrator gives the agent units or capacity profiles."
        );

        yield return Check(
            "connection-alive",
            agent.SignedIn,
            string.Create(CultureInfo.InvariantCulture, $"{agent.Connections.Count} connections live."),
            "The agent is not signed in: no connection lives.",
            "The agent signs in. If the client believes that it is, look whether its heartbeats reach the service."
        );

        var interval = configuration.Policy.HeartbeatInterval;
        var late = agent
            .Connections.Where(c => now - Seen(c, signsOfLife) > 2 * interval)
            .Select(c => $"{c.Key} (last seen {Seen(c, signsOfLife):HH:mm:ss}Z)")
            .ToArray();
        yield return Check(
            "heartbeats-on-time",
            agent.SignedIn && late.Length == 0,
            "Heartbeats arrive on time.",
            agent.SignedIn ? $"No heartbeat for more than two intervals: {string.Join(", ", late)}." : "No connection sends heartbeats.",
            string.Create(
                CultureInfo.InvariantCulture,
                $"The client sends a heartbeat every {interval.TotalSeconds} s; look at the network between, and at tabs that the browser put to sleep."
            )
        );

        var flagged = Flags.Of(agent, configuration.Policy, now).ToLookup(f => f.Flag, f => f.ConversationId);
        yield return Check(
            "no-stuck-conversation",
            flagged.Count == 0,
            "No conversation is stuck.",
            string.Join(
                ' ',
                flagged
                    .OrderBy(f => f.Key)
                    .Select(f =>
                        (f.Key is ConversationFlag.Offer ? "Awaiting acceptance for long: " : "Open for long without activity: ")
                        + string.Join(", ", f)
                        + " (STK-1)."
                    )
            ),
            "Close them, or a supervisor releases them by force (STK-2)."
        );

        yield return Check(
            "no-conversation-conflict",
            conflicts.Count == 0,
            "No conversation is open with another agent, too.",
            $"Open with others at once: {string.Join("; ", conflicts.Select(c => $"{c.ConversationId} with {string.Join(", ", c.Others.Select(nameOf))}"))} (STK-3).",
            "A supervisor finds out who has the customer, and releases the other by force (STK-2)."
        );

        var window = configuration.Policy.FlappingWindow;
        yield return Check(
            "connection-stable",
            !agent.IsFlapping(configuration.Policy, now),
            "The connections are stable.",
            string.Create(
                CultureInfo.InvariantCulture,
                $"Connections flap: lost and regained {agent.RegainedWithin(window, now)} times within {window.TotalMinutes:0.#} minutes."
            ),
            "Look at the agent's network and power saving; each loss takes the agent from routing until it is back."
        );
    }

    private static DateTimeOffset Seen(KeyValuePair<string, Connection> connection, IReadOnlyDictionary<string, SignOfLife> signs) =>
        signs.TryGetValue(connection.Key, out var sign) && sign.LastSeenAt > connection.Value.OpenedAt
            ? sign.LastSeenAt
            : connection.Value.OpenedAt;

    private static Prerequisite Check(string check, bool passes, string good, string bad, string whatToDo) =>
        new(check, passes, passes ? good : bad, passes ? null : whatToDo);
}
