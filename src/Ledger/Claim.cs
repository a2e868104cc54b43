namespace PresenceLedger.Ledger;

/// <summary>What nodes share between them is claimed for a moment by one of them.</summary>
public static class Claim
{
    /// <summary>How long what a node claimed is its own; by then it is done, or the node is gone.</summary>
    public static readonly TimeSpan Lasts = TimeSpan.FromSeconds(2);
}
