using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using PresenceLedger.Api.Hosting;
using PresenceLedger.Domain.Naming;
using PresenceLedger.Domain.Seals;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Seals;
using PresenceLedger.Ledger.Verification;
using PresenceLedger.Queries;

namespace PresenceLedger.Api.Audit;

/// <summary>The verb <c>verify</c>: checks the ledger, streams of it, or an evidence bundle.</summary>
internal static class VerifyVerb
{
    private const int MostTold = 100;
    private static readonly JsonSerializerOptions Json = new(WireJson.Options) { WriteIndented = true };

    /// <summary>The command.</summary>
    /// <param name="stores">The options for the database and the ledger.</param>
    /// <param name="guard">Runs it, and makes exit codes of what goes wrong.</param>
    public static Command Create(StoreOptions stores, Func<Func<Task<int>>, Task<int>> guard)
    {
        var agents = new Argument<string[]>("AGENT")
        {
            Description = "Checks the chains of these agents alone; without them, the whole ledger.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var keys = new Option<string[]>("--key")
        {
            Description = "A public key whose signatures count (PEM); those of the key folder where left out.",
            DefaultValueFactory = _ => [],
        };
        var since = new Option<long>("--since-seal") { Description = "Begins with what this seal covers." };
        var parallel = new Option<int>("--parallel")
        {
            Description = "How much is hashed at a time.",
            DefaultValueFactory = _ => Environment.ProcessorCount,
        };
        var resume = new Option<bool>("--resume") { Description = "Goes on where a run was broken off." };
        var json = new Option<bool>("--json") { Description = "Writes the result as JSON." };
        var bundle = new Option<string?>("--bundle")
        {
            Description = "Checks an evidence bundle, without a ledger unless --ledger is given.",
        };
        var ledger = new Option<bool>("--ledger") { Description = "Checks too that the ledger contains what the bundle has." };
        var seals = new Option<string[]>("--seal")
        {
            Description = "A seal that was noted elsewhere, as NUMBER:HASH, which the ledger is to contain.",
            DefaultValueFactory = _ => [],
        };
        var verify = new Command("verify", "Checks streams, order, hash chains, seals and signatures; names every event that is wrong.")
        {
            agents,
            keys,
            since,
            parallel,
            resume,
            json,
            bundle,
            ledger,
            seals,
        };
        verify.SetAction(
            (parsed, ct) =>
                guard(() =>
                    AuditLog.GuardAsync(async () =>
                    {
                        var asked = new Asked(
                            [.. (parsed.GetValue(agents) ?? []).Select(Identifier.Normalize)],
                            [.. (parsed.GetValue(keys) ?? []).Select(SealingKeys.ReadPublic)],
                            parsed.GetValue(json),
                            stores.Of(parsed),
                            Console.Out
                        );
                        var noted = (parsed.GetValue(seals) ?? []).Select(ReadSeal).ToArray();
                        var file = parsed.GetValue(bundle);
                        var withLedger = parsed.GetValue(ledger);
                        if (withLedger && file is null)
                            throw new MisconfiguredException(
                                "--ledger goes with --bundle FILE; without it, the ledger is what is verified."
                            );
                        if (noted.Length > 0 && (asked.Agents.Length > 0 || file is not null))
                            throw new MisconfiguredException("--seal is checked with the whole ledger: leave out AGENT and --bundle.");
                        if (asked.Agents.Length > 0 && file is not null)
                            throw new MisconfiguredException("A bundle is about one agent: leave out AGENT.");
                        if (file is not null && !withLedger)
                            return await TellAsync(ReadBundle(file, asked), inLedger: null, asked);
                        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
                        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
                        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
                        var verified = file is null ? null : ReadBundle(file, asked);
                        await using var opened = await OpenedLog.OpenAsync(asked.Choice, prepare: false, stop.Token);
                        if (verified is not null)
                        {
                            using var book = new SealBook(opened.Log);
                            return await TellAsync(
                                verified,
                                await new BundleInLedger(opened.Log, book).CompareAsync(verified, stop.Token),
                                asked
                            );
                        }
                        if (asked.Agents.Length > 0)
                            return await AgentsAsync(opened, asked, stop.Token);
                        var options = new VerifierOptions
                        {
                            Keys = Trusted(asked),
                            Noted = [.. new SealNotes(SealSettings.Of(asked.Choice).Keys.NoteFolder, opened.Log.Name).Noted(), .. noted],
                            SinceSeal = parsed.GetValue(since),
                            Parallel = Math.Clamp(parsed.GetValue(parallel), 1, 64),
                            Resume = parsed.GetValue(resume),
                            StateFile = Path.Combine(asked.Choice.DataFolder, "verify", "state.json"),
                        };
                        return await LedgerAsync(new Verifier(opened.Log, opened.Database, options), opened, asked, stop.Token);

                        void Stop(PosixSignalContext signal)
                        {
                            signal.Cancel = true;
                            stop.Cancel();
                        }
                    })
                )
        );
        return verify;
    }

    /// <summary>Those that were named; else those in the key folder.</summary>
    private static IReadOnlyList<PublicKey> Trusted(Asked asked) =>
        asked.Keys.Count > 0 ? asked.Keys : SealSettings.Of(asked.Choice).Keys.Public();

    private static async Task<int> LedgerAsync(Verifier verifier, OpenedLog opened, Asked asked, CancellationToken ct)
    {
        var progress = new Progress(Console.Error, rewrites: !Console.IsErrorRedirected);
        VerificationResult result;
        try
        {
            result = await Task.Run(() => verifier.RunAsync(progress, ct), CancellationToken.None);
            if (opened.Texts is { } texts)
            {
                var reasons = await new ReasonCheck(opened.Log, opened.Database, texts).RunAsync(ct);
                result = result with { Findings = [.. result.Findings, .. reasons] };
            }
        }
        catch (OperationCanceledException)
        {
            progress.End();
            await asked.Output.WriteLineAsync(
                Invariant($"Broken off after {verifier.Events} events; presence-ledger verify --resume goes on from there.")
            );
            return 1;
        }
        progress.End();
        if (asked.Json)
            await asked.Output.WriteLineAsync(JsonSerializer.Serialize(result, Json));
        else
            await TellAsync(result, progress.Elapsed, asked.Output);
        return result.Sound ? 0 : 1;
    }

    private static async Task TellAsync(VerificationResult result, TimeSpan took, TextWriter output)
    {
        await TellAsync(result.Findings, output);
        if (result.Events == 0)
        {
            await output.WriteLineAsync("There is nothing to verify: this ledger has no events. Check that it is the one that was meant.");
            return;
        }
        var rate = took.TotalSeconds > 0 ? result.Events / took.TotalSeconds : 0;
        await output.WriteLineAsync(
            Invariant($"{result.Events} events of {result.Streams} streams in {took.TotalSeconds:F1} s, {rate:F0} events/s.")
        );
        await output.WriteLineAsync(
            result.LastSeal is { } last
                ? Invariant(
                    $"{result.Seals} seals, the last one {last} of {Instant.Format(result.SealedAt!.Value)}: {result.SealedEvents} events are sealed, "
                ) + Invariant($"{result.UnsealedEvents} are not yet, and only their chains could be checked.")
                : "The ledger has no seals: only its chains could be checked. Whoever can write to the store could have made them anew."
        );
        foreach (var noted in result.Noted)
            if (!result.Findings.Any(f => f.Stream == StreamNames.Seals && f.Version is null && f.Seal == noted.Number))
                await output.WriteLineAsync(Invariant($"It contains seal {noted.Number}, noted {noted.Where}."));
        if (result.Noted.Count == 0)
            await output.WriteLineAsync(
                "No seal is noted here or was named with --seal: that the newest seals were taken away would not be seen."
            );
        foreach (var restored in result.Restores)
            await output.WriteLineAsync(
                TerminalText.Escape(
                    Invariant($"A restore from a backup was accepted at {Instant.Format(restored.AcceptedAt)}")
                        + Invariant($", after seal {restored.LastSeal?.ToString(CultureInfo.InvariantCulture) ?? "none"}")
                        + (restored.NotedSeal is { } seal ? Invariant($", where seal {seal} had been made") : "")
                        + $": {restored.Reason}"
                )
            );
        await TellTrustAsync(result.TrustGiven, result.Keys, "the ledger's first key was trusted because it is the first", output);
        await output.WriteLineAsync(
            result.Sound ? "The ledger is sound." : Invariant($"The ledger is not sound: {result.Findings.Count} findings.")
        );
    }

    private static Task TellTrustAsync(bool given, IReadOnlyList<string> keys, string otherwise, TextWriter output) =>
        output.WriteLineAsync(
            given ? $"Signatures were checked with key {string.Join(", ", keys)}."
            : keys.Count > 0
                ? $"No key was given, so {otherwise} ({string.Join(", ", keys)}). Compare it with what was published, or name one with --key."
            : "No key was given, and there is none."
        );

    private static async Task TellAsync(IReadOnlyList<Finding> findings, TextWriter output)
    {
        foreach (var finding in findings.Take(MostTold))
        {
            var kind = JsonNamingPolicy.KebabCaseLower.ConvertName(finding.Kind.ToString());
            var id = finding.EventId is { } eventId ? $" (event {eventId:D})" : "";
            await output.WriteLineAsync($"{kind}: {TerminalText.Escape(finding.Text)}{id}");
        }
        if (findings.Count > MostTold)
            await output.WriteLineAsync(Invariant($"… and {findings.Count - MostTold} more; --json writes all of them."));
    }

    private static async Task<int> AgentsAsync(OpenedLog opened, Asked asked, CancellationToken ct)
    {
        using var book = new SealBook(opened.Log);
        var sound = true;
        foreach (var agentId in asked.Agents)
        {
            var result = await new StreamVerifier(opened.Log, book, opened.Texts).VerifyAsync(StreamNames.Agent(agentId), ct);
            if (result.Last is not { } last)
                throw new MisconfiguredException($"There is no agent '{agentId}'.");
            sound &= result.Findings.Count == 0;
            if (asked.Json)
            {
                await asked.Output.WriteLineAsync(
                    JsonSerializer.Serialize(
                        new AgentVerificationAnswer(
                            agentId,
                            result.Findings.Count == 0,
                            result.Events,
                            last.Record.Version,
                            Convert.ToHexStringLower(last.Record.Hash),
                            result.Seal?.Number,
                            result.SealedVersion,
                            result.Findings
                        ),
                        Json
                    )
                );
                continue;
            }
            await TellAsync(result.Findings, asked.Output);
            var covered = result.Seal is { } seal
                ? Invariant(
                    $"seal {seal.Number} covers version {result.SealedVersion}, and the whole ledger has to be verified to check it"
                )
                : "no seal covers its last events";
            await asked.Output.WriteLineAsync($"{agentId}: {Holds(result.Findings)}, " + Invariant($"{result.Events} events; {covered}."));
        }
        return sound ? 0 : 1;
    }

    private static string Holds(IReadOnlyList<Finding> findings) =>
        findings.Count == 0 ? "the chain holds"
        : findings.All(f => f.Kind is FindingKind.TextMissing or FindingKind.TextChanged)
            ? "the chain holds, and texts of reasons are not as they were given"
        : "the chain does not hold";

    private static BundleVerification ReadBundle(string file, Asked asked)
    {
        if (!File.Exists(file))
            throw new MisconfiguredException($"There is no file {file}.");
        using var stream = File.OpenRead(file);
        // What lies in a key folder here may be of another ledger: for a bundle only what is named counts.
        return BundleVerifier.Verify(stream, asked.Keys);
    }

    /// <summary>Says what came of a bundle; gives the exit code.</summary>
    /// <param name="bundle">What the bundle came to by itself.</param>
    /// <param name="inLedger">What the ledger has otherwise; null where it was not asked.</param>
    /// <param name="asked">What was asked for.</param>
    private static async Task<int> TellAsync(BundleVerification bundle, IReadOnlyList<Finding>? inLedger, Asked asked)
    {
        var result = bundle with { Findings = [.. bundle.Findings, .. inLedger ?? []] };
        if (asked.Json)
        {
            await asked.Output.WriteLineAsync(JsonSerializer.Serialize(result, Json));
            return result.Sound ? 0 : 1;
        }
        await TellAsync(result.Findings, asked.Output);
        await asked.Output.WriteLineAsync(
            Invariant($"{result.Events} events of agent {result.AgentId}, {result.Unsealed} of them not sealed; {result.Seals} seals")
                + (result.SealedAt is { } at ? $", the newest of {Instant.Format(at)}." : ".")
        );
        await TellTrustAsync(result.TrustGiven, result.Keys, "the keys in the bundle were trusted", asked.Output);
        await asked.Output.WriteLineAsync(bundle.Sound ? "The bundle is sound." : "The bundle is not sound.");
        if (inLedger is not null)
            await asked.Output.WriteLineAsync(
                inLedger.Count == 0
                    ? "The ledger contains its seals and its events."
                    : Invariant($"The ledger does not have what the bundle has: {inLedger.Count} findings.")
            );
        return result.Sound ? 0 : 1;
    }

    private static NotedSeal ReadSeal(string text)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var hash = colon < 0 ? "" : text[(colon + 1)..].ToLowerInvariant();
        return
            colon > 0
            && long.TryParse(text[..colon], NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && hash.Length == 64
            && hash.All(char.IsAsciiHexDigit)
            ? new NotedSeal(number, hash, "elsewhere")
            : throw new MisconfiguredException(
                $"--seal {text} is no seal; it is given as NUMBER:HASH, as 'presence-ledger seal' prints it."
            );
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>What was asked for.</summary>
    private sealed record Asked(string[] Agents, IReadOnlyList<PublicKey> Keys, bool Json, DatabaseChoice Choice, TextWriter Output);

    private sealed class Progress(TextWriter output, bool rewrites) : IProgress<VerificationProgress>
    {
        private readonly long _began = TimeProvider.System.GetTimestamp();
        private long _said = TimeProvider.System.GetTimestamp();
        private bool _open;

        public TimeSpan Elapsed => TimeProvider.System.GetElapsedTime(_began);

        public void Report(VerificationProgress value)
        {
            if (TimeProvider.System.GetElapsedTime(_said) < TimeSpan.FromSeconds(1))
                return;
            _said = TimeProvider.System.GetTimestamp();
            var part = value.Total > 0 ? Invariant($" of {Math.Max(value.Total, value.Events)}") : "";
            var line = Invariant($"{value.Events}{part} events, {value.Seals} seals, {value.Findings} findings");
            End();
            output.Write(rewrites ? line : line + Environment.NewLine);
            _open = rewrites;
        }

        public void End()
        {
            if (_open)
                Terminal.ClearLine(output);
        }
    }
}
