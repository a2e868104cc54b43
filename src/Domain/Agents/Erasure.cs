namespace PresenceLedger.Domain.Agents;

/// <summary>
/// The person behind the agent was erased: the name and the texts of reasons that were given before are gone. What the agent did
/// stays, under an id that says nothing of a person.
/// </summary>
public sealed record PersonErased : AgentEvent;

/// <summary>Erase the person behind an agent who is signed out.</summary>
public sealed record ErasePerson : AgentCommand;
