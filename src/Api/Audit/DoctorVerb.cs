using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using PresenceLedger.Api.Hosting;
using PresenceLedger.Domain.Naming;
using PresenceLedger.Ledger.Reasons;
using PresenceLedger.Projections.Divergences;

namespace PresenceLedger.Api.Audit;

/// <summary>The verb <c>doctor</c>: compares what is kept of agents with a replay of the ledger.</summary>
internal static class DoctorVerb
{
    /// <summary>Each needs two connections at a time.</summary>
    private static readonly int AtATime = Math.Min(Environment.ProcessorCount, 4);

    /// <summary>The command with its options.</summary>
    /// <param name="stores">The options for the database and the ledger.</param>
    /// <param name="guard">Runs it, and makes exit codes of what goes wrong.</param>
    public static Command Create(StoreOptions stores, Func<Func<Task<int>>, Task<int>> guard)
    {
        var agents = new Argument<string[]>("AGENT")
        {
            Description = "The agents; without any, all of them.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var doctor = new Command(
            "doctor",
            "Compares what the read model and the texts of reasons have of agents with a replay of the ledger."
        )
        {
            agents,
        };
        doctor.SetAction(
            (parsed, ct) =>
                guard(() => RunAsync(stores.Of(parsed), [.. (parsed.GetValue(agents) ?? []).Select(Identifier.Normalize)], Console.Out, ct))
        );
        return doctor;
    }

    /// <summary>Compares; returns the exit code: 1 where something differs.</summary>
    /// <exception cref="MisconfiguredException">An agent is not there, or it cannot start as configured.</exception>
    private static async Task<int> RunAsync(DatabaseChoice choice, string[] names, TextWriter output, CancellationToken ct)
    {
        using var interrupted = CancellationTokenSource.CreateLinkedTokenSource(ct);
        using var byTerminal = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
        using var bySystem = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);
        await using var opened = await OpenedStores.OpenAsync(choice, Add, interrupted.Token);
        var check = opened.Services.GetRequiredService<ReplayCheck>();
        var findings = new Findings(output, rewrites: output == Console.Out && !Console.IsOutputRedirected);
        try
        {
            var agents = names.Length > 0 ? names : await opened.Services.GetRequiredService<LedgerAgents>().AllAsync(interrupted.Token);
            await Parallel.ForEachAsync(
                agents,
                new ParallelOptions { MaxDegreeOfParallelism = AtATime, CancellationToken = interrupted.Token },
                async (agentId, token) =>
                {
                    try
                    {
                        var replayed = await check.WholeAsync(agentId, cached: null, token);
                        // Tables may have been swapped in between: what differs, differs twice.
                        if (replayed.Divergences.Count > 0)
                            replayed = await check.WholeAsync(agentId, cached: null, token);
                        else if (replayed.Events == 0 && names.Length > 0)
                            throw new MisconfiguredException($"There is no agent '{agentId}' in the ledger.");
                        findings.Take(replayed, agents.Count);
                    }
                    catch (InvalidDataException e)
                    {
                        findings.TakeUnreadable(agentId, e.Message);
                    }
                }
            );
            return findings.Conclude();
        }
        catch (OperationCanceledException) when (interrupted.IsCancellationRequested)
        {
            findings.Interrupted();
            return 1;
        }

        void Interrupt(PosixSignalContext context)
        {
            context.Cancel = true;
            interrupted.Cancel();
        }
    }

    private static void Add(IServiceCollection services)
    {
        Serving.AddReadModel(services);
        services.AddSingleton<IReasonTexts, PostgresReasonTexts>();
        services.AddSingleton<ReplayCheck>();
        services.AddSingleton<LedgerAgents>();
    }

    /// <summary>What was found so far, by several at a time.</summary>
    private sealed class Findings(TextWriter output, bool rewrites)
    {
        private const int MostOfAgent = 20;

        private readonly Lock _lock = new();
        private readonly SortedSet<string> _whatToDo = new(StringComparer.Ordinal);
        private readonly long _began = TimeProvider.System.GetTimestamp();
        private long _said = TimeProvider.System.GetTimestamp();
        private long _agents;
        private long _events;
        private long _divergent;

        private TimeSpan Between => TimeSpan.FromSeconds(rewrites ? 1 : 10);

        public void Take(ReplayedAgent replayed, int of)
        {
            lock (_lock)
            {
                _agents++;
                _events += replayed.Events;
                if (replayed.Divergences.Count > 0)
                {
                    _divergent++;
                    foreach (var divergence in replayed.Divergences.Take(MostOfAgent))
                        Say($"{replayed.AgentId}: {divergence}");
                    if (replayed.Divergences.Count > MostOfAgent)
                        Say($"{replayed.AgentId}: and {replayed.Divergences.Count - MostOfAgent} more");
                    _whatToDo.UnionWith(replayed.Divergences.Select(d => d.WhatToDo));
                }
                if (TimeProvider.System.GetElapsedTime(_said) >= Between)
                    Say(
                        string.Create(
                            CultureInfo.InvariantCulture,
                            $"{_agents} of {of} agents, {_events} events replayed, {_divergent} agents differ …"
                        ),
                        open: rewrites
                    );
            }
        }

        public void TakeUnreadable(string agentId, string error)
        {
            lock (_lock)
            {
                _agents++;
                _divergent++;
                Say($"{agentId}: the events cannot be folded: {error}");
            }
        }

        public void Interrupted() => Say("Interrupted. " + Totals());

        public int Conclude()
        {
            Say(_divergent == 0 ? Totals() + " Nothing differs." : $"{Totals()} {_divergent} agents differ.");
            foreach (var what in _whatToDo)
                Say("What to do: " + what);
            return _divergent == 0 ? 0 : 1;
        }

        private string Totals() =>
            string.Create(
                CultureInfo.InvariantCulture,
                $"{_agents} agents compared with a replay of {_events} events in {TimeProvider.System.GetElapsedTime(_began).TotalSeconds:F1} s."
            );

        private void Say(string text, bool open = false)
        {
            _said = TimeProvider.System.GetTimestamp();
            if (rewrites)
                Terminal.ClearLine(output);
            output.Write(open ? text : text + Environment.NewLine);
            output.Flush();
        }
    }
}
