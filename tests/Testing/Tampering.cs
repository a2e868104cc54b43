namespace PresenceLedger.Testing;

/// <summary>What somebody does to a ledger who has all rights on its database, and with the trigger off.</summary>
public static class Tampering
{
    /// <summary>Numbers all events anew, so that none is missing where some were deleted. The numbers are unique at every moment.</summary>
    public const string CloseGaps = """
        update ledger.event e set position = -n.number
            from (select stream, version, row_number() over (order by position) as number from ledger.event) n
            where e.stream = n.stream and e.version = n.version;
        update ledger.event set position = -position
        """;
}
