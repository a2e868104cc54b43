using System.Net.Http.Json;
using Microsoft.Extensions.Hosting;
using PresenceLedger.Dashboard.Hosting;
using PresenceLedger.Dashboard.Service;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;

namespace PresenceLedger.Dashboard.Console;

/// <summary>How a practice conversation begins.</summary>
public enum PracticeKind
{
    /// <summary>It rings at the agent.</summary>
    Offer,

    /// <summary>It is offered, and cannot be delivered to the agent's device (NOT-6).</summary>
    Undelivered,

    /// <summary>The agent begins it (CAP-10).</summary>
    Outbound,
}

/// <summary>A conversation to practice with.</summary>
/// <param name="Channel">How it comes in.</param>
/// <param name="Units">What it takes of the agent's capacity.</param>
/// <param name="RingSeconds">After how long it counts as missed, where it rings.</param>
/// <param name="Kind">How it begins.</param>
public sealed record PracticeContact(string Channel, int Units, int RingSeconds, PracticeKind Kind = PracticeKind.Offer);

/// <summary>
/// Stands in for routing, so that one person alone can try the console: offers a conversation, and takes it back where nobody answers.
/// An agent may not assign; so this is for mode Open, where whoever calls is believed.
/// </summary>
public sealed class PracticeRouting(Door door, DashboardOptions options, TimeProvider clock, IHostApplicationLifetime lifetime)
{
    private const int UnitsOfNewAgent = 100;
    private static readonly Actor Routing = new(Persona.Service, "console-practice");
    private static readonly Actor Administrator = new(Persona.Administrator, "console-practice");

    /// <summary>Whether there is practice here.</summary>
    public bool IsOffered => options.IsOpen;

    /// <summary>A conversation rings at the agent, cannot be delivered, or is begun by the agent.</summary>
    /// <returns>Why not; null where it is done.</returns>
    public async Task<Problem?> BeginAsync(string agentId, PracticeContact contact, CancellationToken ct)
    {
        var conversation = LedgerApi.Path($"agents/{agentId}/conversations/practice-{Guid.NewGuid().ToString("N")[..8]}");
        var body = new
        {
            contact.Channel,
            Queue = "practice",
            contact.Units,
            Direction = contact.Kind is PracticeKind.Outbound ? Direction.Outbound : Direction.Inbound,
        };
        var problem = await SendAsync(HttpMethod.Put, conversation, Routing, body, ct);
        if (problem is null && contact.Kind is PracticeKind.Undelivered)
            problem = await SendAsync(HttpMethod.Post, conversation + "/undelivered", Routing, null, ct);
        else if (problem is null && contact.Kind is PracticeKind.Offer)
            _ = RingOutAsync(conversation, TimeSpan.FromSeconds(contact.RingSeconds));
        return problem;
    }

    /// <summary>Registers an agent with 100 units.</summary>
    /// <returns>Why not; null where it is done.</returns>
    public Task<Problem?> RegisterAsync(string agentId, CancellationToken ct) =>
        SendAsync(HttpMethod.Put, LedgerApi.Path($"agents/{agentId}"), Administrator, new { Units = UnitsOfNewAgent }, ct);

    private async Task RingOutAsync(string conversation, TimeSpan after)
    {
        try
        {
            await Task.Delay(after, clock, lifetime.ApplicationStopping);
            // Refused where it was answered meanwhile.
            await SendAsync(HttpMethod.Post, conversation + "/miss", Routing, null, lifetime.ApplicationStopping);
        }
        catch (OperationCanceledException)
        {
            // The service stops: it rings on until the agent answers.
        }
    }

    private async Task<Problem?> SendAsync(HttpMethod method, string path, Actor actor, object? body, CancellationToken ct)
    {
        if (!IsOffered)
            throw new InvalidOperationException("There is practice in mode Open only.");
        try
        {
            using var content = body is null ? null : JsonContent.Create(body, options: LedgerApi.Json);
            using var answer = await door.SendAsync(method, path, actor, content, [], ct);
            return answer.IsSuccessStatusCode ? null : await answer.Content.ReadFromJsonAsync<Problem>(LedgerApi.Json, ct);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return new Problem(503, "unavailable", "The service cannot be reached; it may be restarting.", null);
        }
    }
}
