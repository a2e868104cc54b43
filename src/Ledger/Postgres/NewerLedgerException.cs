namespace PresenceLedger.Ledger.Postgres;

/// <summary>A newer version of the product has worked on the database: what this one would make of it may be wrong.</summary>
/// <param name="found">What this version does not know.</param>
public sealed class NewerLedgerException(string found)
    : Exception(
        $"A newer version of PresenceLedger has worked on this database: it has {found}, which this version does not know. Start that "
            + "version, or restore a backup from before the upgrade (docs/operations.md)."
    );
