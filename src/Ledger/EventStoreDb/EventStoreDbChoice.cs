namespace PresenceLedger.Ledger.EventStoreDb;

/// <summary>That the ledger is kept in an EventStoreDB, and in which.</summary>
/// <param name="Settings">How to reach it.</param>
/// <param name="Prefix">Stands before the name of every stream on the server; empty where the ledger has it for itself.</param>
public sealed record EventStoreDbChoice(EventStoreDbSettings Settings, string Prefix = "");
