using Microsoft.Extensions.DependencyInjection;
using PresenceLedger.Projections.Presence;
using PresenceLedger.Queries.AsOf;
using PresenceLedger.Queries.Historical;
using PresenceLedger.Queries.Presence;
using PresenceLedger.Queries.Privacy;
using PresenceLedger.Queries.RealTime;
using PresenceLedger.Queries.Timeline;

namespace PresenceLedger.Queries;

/// <summary>Everything that answers questions.</summary>
public static class QueryServices
{
    /// <summary>Adds it; the ledger, the read model and the documents are there already.</summary>
    public static IServiceCollection AddQueries(this IServiceCollection services) =>
        services
            .AddSingleton<Names>()
            .AddSingleton<Records>()
            .AddSingleton(s => s.GetRequiredService<Records>().Reasons)
            .AddSingleton<Entries>()
            .AddSingleton<ShownEntries>()
            .AddSingleton<AgentTimeline>()
            .AddSingleton<Inquiry>()
            .AddSingleton<PastStates>()
            .AddSingleton<PastCorrections>()
            .AddSingleton<States>()
            .AddSingleton<LatestAgents>()
            .AddSingleton<Conflicts>()
            .AddSingleton<Presences>()
            .AddSingleton<EligibleAgents>()
            .AddSingleton<FactsReader>()
            .AddSingleton<ReportLedger>()
            .AddSingleton<Explain>()
            .AddSingleton<CoverageReport>()
            .AddSingleton<RealTimeAgents>()
            .AddSingleton<DisputeList>()
            .AddSingleton<ReaderList>();
}
