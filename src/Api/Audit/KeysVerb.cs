using System.CommandLine;
using PresenceLedger.Api.Hosting;
using PresenceLedger.Contracts;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Seals;

namespace PresenceLedger.Api.Audit;

/// <summary>The verb <c>keys</c>: the keys that seals are signed with, and their rotation.</summary>
internal static class KeysVerb
{
    /// <summary>The command.</summary>
    /// <param name="stores">The options for the database and the ledger.</param>
    /// <param name="guard">Runs it, and makes exit codes of what goes wrong.</param>
    public static Command Create(StoreOptions stores, Func<Func<Task<int>>, Task<int>> guard)
    {
        var list = new Command("list", "The keys of the ledger, and which of them are at hand here.");
        list.SetAction((parsed, ct) => RunAsync(parsed, writes: false, ListAsync, ct));

        var rotate = new Command("rotate", "Makes a key beside those in use; seals are signed by all until one is retired.");
        rotate.SetAction((parsed, ct) => RunAsync(parsed, writes: true, RotateAsync, ct));

        var id = new Argument<string>("KEYID") { Description = "The key." };
        var retire = new Command("retire", "Retires a key: its signatures are no longer trusted for what is sealed from now on.") { id };
        retire.SetAction(
            (parsed, ct) =>
                RunAsync(
                    parsed,
                    writes: true,
                    async (book, keys, opened, stop) =>
                    {
                        using var sealer = new Sealer(opened.Log, book, keys, opened.Clock);
                        await sealer.RetireAsync(parsed.GetRequiredValue(id), stop);
                        await Console.Out.WriteLineAsync(
                            $"Key {parsed.GetRequiredValue(id)} is retired. Keep its public half, for older seals are checked with it; its private half can be destroyed."
                        );
                    },
                    ct
                )
        );
        return new Command("keys", "The keys that seals are signed with.") { list, rotate, retire };

        Task<int> RunAsync(
            ParseResult parsed,
            bool writes,
            Func<SealBook, SealingKeys, OpenedLog, CancellationToken, Task> run,
            CancellationToken ct
        ) =>
            guard(() =>
                AuditLog.GuardAsync(async () =>
                {
                    var choice = stores.Of(parsed);
                    await using var opened = await OpenedLog.OpenAsync(choice, writes, ct);
                    using var book = new SealBook(opened.Log);
                    await run(book, SealSettings.Of(choice).Keys, opened, ct);
                    return 0;
                })
            );
    }

    private static async Task ListAsync(SealBook book, SealingKeys keys, OpenedLog opened, CancellationToken ct)
    {
        var content = await book.RefreshAsync(ct);
        var signing = keys.Signing();
        foreach (var key in KeyAnswer.Of(content.KeyEvents))
        {
            var state = key.RetiredAt is { } at ? "retired " + Instant.Format(at) : "in use";
            var here = signing.Any(k => k.Id == key.KeyId) ? "private key here" : "no private key here";
            await Console.Out.WriteLineAsync($"{key.KeyId}  introduced {Instant.Format(key.IntroducedAt)}  {state}  {here}");
        }
        if (content.KeyEvents.Count == 0)
            await Console.Out.WriteLineAsync(
                "The ledger has no key yet; the service makes one when it starts, or 'presence-ledger seal' does."
            );
        foreach (var key in signing)
            key.Dispose();
    }

    private static async Task RotateAsync(SealBook book, SealingKeys keys, OpenedLog opened, CancellationToken ct)
    {
        using var sealer = new Sealer(opened.Log, book, keys, opened.Clock);
        var key = await sealer.RotateAsync(ct);
        await Console.Out.WriteLineAsync(
            $"Key {key.Id} is in use beside those before it. Copy {Path.Combine(keys.Folder, key.Id)}.pem and .pub to every node, hand out the "
                + "public half, and then retire the old one: presence-ledger keys retire KEYID."
        );
    }
}
