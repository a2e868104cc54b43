using System.Net;
using System.Text.Json;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Queries;
using PresenceLedger.Simulation;

namespace PresenceLedger.Api.Simulation;

/// <summary>How the calls to a service went.</summary>
internal sealed class CallCounts
{
    private long _done;
    private long _refused;
    private long _failed;

    /// <summary>Accepted, no-ops among them.</summary>
    public long Done => Volatile.Read(ref _done);

    /// <summary>Refused by a rule, for the service knew better by then.</summary>
    public long Refused => Volatile.Read(ref _refused);

    /// <summary>Not answered, or not in time.</summary>
    public long Failed => Volatile.Read(ref _failed);

    public void Count(HttpStatusCode? answer)
    {
        if (answer is null or >= HttpStatusCode.InternalServerError)
            Interlocked.Increment(ref _failed);
        else if (answer >= HttpStatusCode.BadRequest)
            Interlocked.Increment(ref _refused);
        else
            Interlocked.Increment(ref _done);
    }
}

/// <summary>Passes on to a running service what happens in a team: each agent's calls one after another, agents beside each other.</summary>
internal sealed class Caller(HttpClient service, CallCounts counts) : IWitness, IDisposable
{
    private const int AtOnce = 32;

    private readonly SemaphoreSlim _lines = new(AtOnce);
    private readonly Dictionary<string, Task> _lastOf = new(StringComparer.Ordinal);

    /// <summary>Completes when all that was seen so far is passed on.</summary>
    public Task Silent => Task.WhenAll(_lastOf.Values);

    /// <inheritdoc />
    public void Saw(Desk desk, AgentCommand command, Decision<AgentEvent> decision, CommandEnvelope envelope, DateTimeOffset at)
    {
        if (command is AssignConversation { FromAgentId: { } from })
            // The service does both halves of a transfer at once; what this agent does next comes after it.
            _lastOf[desk.AgentId] = Task.WhenAll(LastOf(desk.AgentId), LastOf(from));
        else if (CallOf(desk, command, envelope.Reason) is var (method, path, body))
            _lastOf[desk.AgentId] = AfterAsync(LastOf(desk.AgentId), method, $"agents/{desk.AgentId}{path}", body, envelope.Actor);
    }

    /// <summary>Calls the service; null where it did not answer.</summary>
    public async Task<HttpResponseMessage?> CallAsync(HttpMethod method, string path, object? body, Actor actor)
    {
        await _lines.WaitAsync();
        try
        {
            using var request = new HttpRequestMessage(method, "api/v1/" + path);
            request.Headers.Add("X-Actor", actor.ToString());
            if (body is not null)
                request.Content = JsonContent.Create(body, options: WireJson.Options);
            var answer = await service.SendAsync(request);
            counts.Count(answer.StatusCode);
            return answer;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            counts.Count(null);
            return null;
        }
        finally
        {
            _lines.Release();
        }
    }

    public void Dispose() => _lines.Dispose();

    private Task LastOf(string agentId) => _lastOf.GetValueOrDefault(agentId, Task.CompletedTask);

    private async Task AfterAsync(Task last, HttpMethod method, string path, object? body, Actor actor)
    {
        await last;
        (await CallAsync(method, path, body, actor))?.Dispose();
    }

    /// <summary>The call that a command is; null for what the service does by itself.</summary>
    private static (HttpMethod Method, string Path, object? Body)? CallOf(Desk desk, AgentCommand command, Reason? reason) =>
        command switch
        {
            ConfigureAgent c => (HttpMethod.Put, "", Settings(desk, c.Change(desk.Agent.Settings))),
            SignIn c => (HttpMethod.Post, "/sign-in", new { c.ConnectionId, c.Client }),
            SignOut => (HttpMethod.Post, "/sign-out", null),
            CloseConnection c => (HttpMethod.Delete, "/connections/" + c.ConnectionId, null),
            SetPresence c => (HttpMethod.Put, "/presence", new { c.StatusId, reason }),
            ResetPresence => (HttpMethod.Post, "/presence/reset", null),
            AssignConversation c => (HttpMethod.Put, Conversation(c.ConversationId), Assignment(c, reason)),
            MoveConversation c => (
                HttpMethod.Post,
                $"{Conversation(c.ConversationId)}/{JsonNamingPolicy.KebabCaseLower.ConvertName(c.Verb.ToString())}",
                null
            ),
            TransferConversation c => (
                HttpMethod.Post,
                Conversation(c.ConversationId) + "/transfer",
                new
                {
                    c.ToAgentId,
                    c.ToQueue,
                    c.External,
                }
            ),
            ForceReleaseConversation c => (HttpMethod.Post, Conversation(c.ConversationId) + "/force-release", new { reason }),
            CorrectPresence c => (
                HttpMethod.Post,
                "/corrections",
                new
                {
                    c.From,
                    c.To,
                    c.StatusId,
                    reason,
                }
            ),
            JoinConsult c => (HttpMethod.Put, "/consults/" + c.ConversationId, new { c.Mode }),
            LeaveConsult c => (HttpMethod.Delete, "/consults/" + c.ConversationId, null),
            _ => null,
        };

    private static string Conversation(string conversationId) => "/conversations/" + conversationId;

    private static object Assignment(AssignConversation c, Reason? reason) =>
        new
        {
            c.Work.Channel,
            c.Work.Queue,
            c.Work.Workstream,
            c.Work.Units,
            c.Work.Profiles,
            c.Work.WrapUp,
            c.Work.CreatedAt,
            Direction = c.Work.IsOutbound ? Direction.Outbound : Direction.Inbound,
            c.AutoAccept,
            reason,
        };

    private static object Settings(Desk desk, AgentSettings settings) =>
        new
        {
            DisplayName = Roster.NameOf(desk.Number),
            settings.DefaultStatusId,
            settings.Units,
            Profiles = settings.Profiles.Select(p => new { ProfileId = p.Key, CustomLimit = p.Value }),
            settings.Queues,
            Skills = settings.Skills.Select(s => new { Skill = s.Name, s.Proficiency }),
        };
}
