using PresenceLedger.Api.Hosting;
using PresenceLedger.Ledger.Seals;

namespace PresenceLedger.Api.Audit;

/// <summary>What the verbs of seals and keys have in common.</summary>
internal static class AuditLog
{
    /// <summary>Does something, and makes a word to the operator of what is wrong with keys or seals.</summary>
    /// <exception cref="MisconfiguredException">There is no key for it, or no such thing.</exception>
    public static async Task<int> GuardAsync(Func<Task<int>> run)
    {
        try
        {
            return await run();
        }
        catch (Exception e) when (e is SealingKeyException or SealNoteException or InvalidDataException)
        {
            throw new MisconfiguredException(e.Message);
        }
    }
}
