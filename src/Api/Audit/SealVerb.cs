using System.CommandLine;
using System.Globalization;
using PresenceLedger.Api.Hosting;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Seals;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Seals;

namespace PresenceLedger.Api.Audit;

/// <summary>The verb <c>seal</c>: seals everything that is recorded by now.</summary>
internal static class SealVerb
{
    private const int LongestReason = 500;

    /// <summary>The command.</summary>
    /// <param name="stores">The options for the database and the ledger.</param>
    /// <param name="guard">Runs it, and makes exit codes of what goes wrong.</param>
    public static Command Create(StoreOptions stores, Func<Func<Task<int>>, Task<int>> guard)
    {
        var seal = new Command("seal", "Seals everything that is recorded by now, beside the service or without it.");
        seal.SetAction(
            (parsed, ct) =>
                RunAsync(
                    parsed,
                    async sealer => await Console.Out.WriteLineAsync(Told(await sealer.SealAsync(Actor.Ledger, gently: false, ct))),
                    ct
                )
        );

        var reason = new Option<string>("--reason")
        {
            Description = "Which backup was restored, when, why and by whom; it is recorded in the ledger.",
            Required = true,
        };
        var accept = new Command(
            "accept-restore",
            "Takes a ledger up that was rightly restored from a backup, although it lacks seals that are noted here; and seals it."
        )
        {
            reason,
        };
        accept.SetAction(
            (parsed, ct) =>
                RunAsync(
                    parsed,
                    async sealer =>
                    {
                        var words = Checked(parsed.GetRequiredValue(reason));
                        var accepted = await sealer.AcceptRestoreAsync(words, ct);
                        await Console.Out.WriteLineAsync(Told(accepted));
                        await Console.Out.WriteLineAsync(Told(await sealer.SealAsync(Actor.Ledger, gently: false, ct)));
                    },
                    ct
                )
        );
        seal.Subcommands.Add(accept);
        return seal;

        Task<int> RunAsync(ParseResult parsed, Func<Sealer, Task> run, CancellationToken ct) =>
            guard(() =>
                AuditLog.GuardAsync(async () =>
                {
                    var choice = stores.Of(parsed);
                    await using var opened = await OpenedLog.OpenAsync(choice, prepare: true, ct);
                    using var book = new SealBook(opened.Log);
                    using var sealer = new Sealer(opened.Log, book, SealSettings.Of(choice).Keys, opened.Clock);
                    await run(sealer);
                    return 0;
                })
            );
    }

    private static string Checked(string reason) =>
        string.IsNullOrWhiteSpace(reason) || reason.Length > LongestReason || reason.Any(TerminalText.IsSteering)
            ? throw new MisconfiguredException($"--reason is a line of 1 to {LongestReason} characters.")
            : reason;

    private static string Told(RestoreAccepted accepted)
    {
        var before = accepted.NotedSeal is { } noted
            ? string.Create(CultureInfo.InvariantCulture, $"Seal {noted} was noted, ")
            : "The note could not be read, ";
        return before
            + (
                accepted.LastSeal is { } last
                    ? string.Create(CultureInfo.InvariantCulture, $"and the ledger goes on after seal {last}.")
                    : "and the ledger goes on without a seal."
            )
            + " That is recorded, with the reason. Nodes with a key folder of their own have to accept it too.";
    }

    private static string Told(Sealed made) =>
        made.Last is not { } last
            ? "There is nothing to seal."
            : string.Create(
                CultureInfo.InvariantCulture,
                $"{made.Seals} seals were made. Seal {last.Number} of {Instant.Format(last.SealedAt)} is the last; the first {last.EndOrdinal()} events are sealed.{Environment.NewLine}Note it where nobody who can write to the database or to this machine can change it: {last.Number}:{last.Statement().Hash()}{Environment.NewLine}Later, presence-ledger verify --seal {last.Number}:{last.Statement().Hash()} shows that the ledger still contains it."
            );
}
