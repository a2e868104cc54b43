using System.CommandLine;
using System.Globalization;
using PresenceLedger.Api.Hosting;
using PresenceLedger.Domain.Access;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Seals;

namespace PresenceLedger.Api.Audit;

/// <summary>The verb <c>seal</c>: seals everything that is recorded by now.</summary>
internal static class SealVerb
{
    /// <summary>The command.</summary>
    /// <param name="stores">The options for the database and the ledger.</param>
    /// <param name="guard">Runs it, and makes exit codes of what goes wrong.</param>
    public static Command Create(StoreOptions stores, Func<Func<Task<int>>, Task<int>> guard)
    {
        var seal = new Command("seal", "Seals everything that is recorded by now, beside the service or without it.");
        seal.SetAction(
            (parsed, ct) =>
                guard(() =>
                    AuditLog.GuardAsync(async () =>
                    {
                        var choice = stores.Of(parsed);
                        await using var opened = await OpenedLog.OpenAsync(choice, prepare: true, ct);
                        using var book = new SealBook(opened.Log);
                        using var sealer = new Sealer(opened.Log, book, SealSettings.Of(choice).Keys, opened.Clock);
                        await opened.Log.SettleAsync(ct);
                        var made = await sealer.SealAsync(Actor.Ledger, gently: false, ct);
                        await Console.Out.WriteLineAsync(Told(made));
                        return 0;
                    })
                )
        );
        return seal;
    }

    private static string Told(Sealed made) =>
        made.Last is not { } last
            ? "There is nothing to seal."
            : string.Create(
                CultureInfo.InvariantCulture,
                $"{made.Seals} seals were made. Seal {last.Number} of {Instant.Format(last.SealedAt)} is the last; the first {last.EndOrdinal()} events are sealed."
            );
}
