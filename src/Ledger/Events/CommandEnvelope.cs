using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;

namespace PresenceLedger.Ledger.Events;

/// <summary>What is known of a command beside what it asks (WHO-1).</summary>
/// <param name="Actor">Who asks.</param>
/// <param name="CommandId">The command; the causation of its events.</param>
/// <param name="CorrelationId">The interaction it belongs to.</param>
public sealed record CommandEnvelope(Actor Actor, Guid CommandId, string CorrelationId)
{
    /// <summary>The reason given, if any.</summary>
    public Reason? Reason { get; init; }

    /// <summary>By what the text of the reason is found beside the ledger; without it the text is not recorded.</summary>
    public string? ReasonDigest { get; init; }

    /// <summary>The connection it was sent over, if it names one; a sign of life of that connection (CON-1).</summary>
    public string? ConnectionId { get; init; }

    /// <summary>What the client of that connection calls itself; found out when the command is decided.</summary>
    public string? Client { get; init; }

    /// <summary>
    /// When it arrived at the service, by the ledger's clock: what decides over connections and windows, however late it is processed
    /// (CON-1). Null for what the service does by itself, which takes effect when it is decided.
    /// </summary>
    public DateTimeOffset? ArrivedAt { get; init; }

    /// <summary>The version of the agent the caller decided on; null for any.</summary>
    public long? IfMatch { get; init; }

    /// <summary>The idempotency key, scoped to its actor; null where none was given.</summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>SHA-256 over what was asked, for a key that comes again with something else.</summary>
    public byte[] Fingerprint { get; init; } = [];

    /// <summary>With where a command came from (WHO-1): the connection it is about or names, and the client that this connection is of.</summary>
    public CommandEnvelope CameFrom(Agent agent, AgentCommand command)
    {
        var connectionId = command switch
        {
            SignIn c => c.ConnectionId,
            CloseConnection c => c.ConnectionId,
            _ => ConnectionId,
        };
        var client =
            (command as SignIn)?.Client
            ?? (connectionId is not null && agent.Connections.TryGetValue(connectionId, out var known) ? known.Client : null);
        return this with { ConnectionId = connectionId, Client = client };
    }
}
