using System.Globalization;
using System.Text.Json;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Testing;

namespace PresenceLedger.Api.Tests.Reports;

/// <summary>A service on a ledger whose past was written to the millisecond, by the decider with a clock that is set.</summary>
public sealed class WrittenPast : IAsyncLifetime
{
    public static readonly string[] AgentIds = ["@home", "cora", "long", "lola", "rep2", "rex", "sam"];

    private readonly StillClock _clock = new();
    private TestDatabase _database = null!;
    private ServiceProcess _process = null!;
    private Node _node = null!;
    private string _position = "";

    public ServiceClient Client { get; private set; } = null!;

    public Uri Url => _process.Url;

    public async Task InitializeAsync()
    {
        _database = await Node.CreateDatabaseAsync();
        _clock.Now = At("2025-01-01T00:00");
        await using (_node = await Node.StartAsync(_database, _clock))
            await WriteAsync();
        _process = await ServiceProcess.StartAsync(OpenService.ArgumentsFor(_database));
        Client = new ServiceClient(_process.Url);
        Client.Answered = (await DescribedAnswers.OfAsync(Client)).Check;
    }

    public async Task DisposeAsync()
    {
        Client.Dispose();
        await _process.DisposeAsync();
        await _database.DisposeAsync();
        Assert.DoesNotContain("fail:", _process.Output, StringComparison.Ordinal);
    }

    /// <summary>Asks for something, once the service has all of the past; it has to be there.</summary>
    public async Task<Answer> GetAsync(string path, string? accept = null)
    {
        var answer = await AskAsync();
        // What another test has left may still be told.
        for (var tries = 0; answer.Status == 429 && tries < 100; tries++)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100));
            answer = await AskAsync();
        }
        Assert.True(answer.Status == 200, answer.ToString());
        return answer;

        Task<Answer> AskAsync() =>
            Client.GetAsync(path, OpenService.Supervisor, ("Ledger-Position", _position), ("Accept", accept ?? "*/*"));
    }

    /// <summary>A report of items.</summary>
    public async Task<JsonElement[]> ItemsAsync(string query) =>
        [.. (await GetAsync("reports/historical/agents?" + query)).Json.GetProperty("items").EnumerateArray()];

    /// <summary>One number of each item.</summary>
    public async Task<double?[]> NumbersAsync(string query, string metric) => [.. (await ItemsAsync(query)).Select(i => Number(i, metric))];

    /// <summary>A number of an item; null where it is undefined.</summary>
    public static double? Number(JsonElement item, string metric) =>
        item.GetProperty(metric) is { ValueKind: JsonValueKind.Number } number ? number.GetDouble() : null;

    private async Task WriteAsync()
    {
        // Nobody sends heartbeats here.
        await _node.ConfigureAsync(new AmendPolicy(p => p with { HeartbeatTimeout = TimeSpan.FromDays(1000) }));
        await _node.ConfigureAsync(new DefineStatus("away-lunch", "lunch", "At lunch", BaseStatus.Away, null));

        await DoAsync("2025-01-06T00:00", "rep2", Register());
        await DoAsync("2025-01-06T05:00", "rep2", new SignIn("main", null));
        await DoAsync("2025-01-06T05:23", "rep2", new SetPresence("away-lunch"));
        await DoAsync("2025-01-06T06:15", "rep2", new SetPresence("available"));
        await DoAsync("2025-01-06T07:00", "rep2", new SignOut());

        // Away from winter to winter, over every change of every clock.
        await DoAsync("2025-02-20T00:00", "long", Register());
        await DoAsync("2025-02-20T00:00", "long", new SignIn("main", null));
        await DoAsync("2025-02-20T00:00", "long", new SetPresence("away"));

        await DoAsync("2025-05-05T08:00", "cora", Register());
        await DoAsync("2025-05-05T08:00", "cora", new SignIn("main", null));
        await DoAsync("2025-05-05T20:00", "cora", new SignOut());
        await DoAsync("2025-05-06T09:00", "cora", new CorrectPresence(At("2025-05-05T17:00"), At("2025-05-05T20:00"), "offline"));

        // Gone at 09:00:10; found out at noon.
        await DoAsync("2025-05-07T08:00", "lola", Register());
        await DoAsync("2025-05-07T08:00", "lola", new SignIn("main", null));
        await DoAsync("2025-05-07T09:00", "lola", new CloseConnection("main"));
        await DoAsync("2025-05-07T12:00", "lola", new SettleDue());

        await WriteSessionsAsync();
        await WriteWaitsAsync();

        await DoAsync("2025-06-10T10:20", "rex", Register());
        await DoAsync("2025-06-10T10:20", "@home", Register());
        await DoAsync("2025-11-20T00:00", "long", new SignOut());
    }

    private async Task WriteSessionsAsync()
    {
        await DoAsync("2025-05-08T07:00", "sam", Register());
        await DoAsync("2025-05-08T08:00", "sam", new SignIn("main", null));
        await AssignAsync("2025-05-08T08:10", "c1", "chat", "q1", 100, createdAt: At("2025-05-08T08:09:30"));
        await MoveAsync("2025-05-08T08:10:20", "c1", ConversationVerb.Accept);
        await MoveAsync("2025-05-08T08:20", "c1", ConversationVerb.Wait);
        await MoveAsync("2025-05-08T08:25", "c1", ConversationVerb.Resume);
        await MoveAsync("2025-05-08T08:40", "c1", ConversationVerb.WrapUp);
        await MoveAsync("2025-05-08T08:45", "c1", ConversationVerb.Close);
        await AssignAsync("2025-05-08T09:00", "c2", "voice", "q2", 40);
        await MoveAsync("2025-05-08T09:00:15", "c2", ConversationVerb.Reject);
        await AssignAsync("2025-05-08T09:10", "c3", "voice", "q2", 40);
        await MoveAsync("2025-05-08T09:10:30", "c3", ConversationVerb.Miss);
        await DoAsync("2025-05-08T09:15", "sam", new SetPresence("available"));
        await AssignAsync("2025-05-08T09:20", "c4", "voice", "q2", 40);
        await MoveAsync("2025-05-08T09:20:10", "c4", ConversationVerb.Accept);
        await DoAsync("2025-05-08T09:30", "sam", new TransferConversation("c4", null, "q9", null));
        await AssignAsync("2025-05-08T09:40", "c5", "chat", "q1", 40);
        await MoveAsync("2025-05-08T09:40:20", "c5", ConversationVerb.Close);
        await DoAsync("2025-05-08T10:00", "sam", new JoinConsult("x1", ConsultMode.Consult));
        await DoAsync("2025-05-08T10:12", "sam", new LeaveConsult("x1"));
        await DoAsync("2025-05-08T10:20", "sam", new JoinConsult("x2", ConsultMode.Monitor));
        await DoAsync("2025-05-08T10:25", "sam", new LeaveConsult("x2"));
        await DoAsync("2025-05-08T11:00", "sam", new SignOut());
    }

    /// <summary>Recorded while the time at which a customer began to wait was not looked at yet.</summary>
    private async Task WriteWaitsAsync()
    {
        await DoAsync("2025-05-09T13:00", "sam", new SignIn("main", null));
        foreach (var (n, createdAt) in new[] { "12:59:20", "13:05", "13:00:23" }.Index())
        {
            var id = "w" + n.ToString(CultureInfo.InvariantCulture);
            await AssignAsync("2025-05-09T13:00", id, "chat", "q1", 0, createdAt: At("2025-05-09T" + createdAt));
        }
        foreach (var id in new[] { "w0", "w1", "w2" })
            await MoveAsync("2025-05-09T13:00:20", id, ConversationVerb.Accept);
        foreach (var id in new[] { "w0", "w1", "w2" })
            await MoveAsync("2025-05-09T13:10", id, ConversationVerb.Close);
        await DoAsync("2025-05-09T14:00", "sam", new SignOut());
    }

    private Task AssignAsync(string at, string id, string channel, string queue, int units, DateTimeOffset? createdAt = null) =>
        DoAsync(at, "sam", new AssignConversation(id, new Work(channel, queue, "ws", units, [], WrapUp.Default, createdAt)));

    private Task MoveAsync(string at, string id, ConversationVerb verb) => DoAsync(at, "sam", new MoveConversation(id, verb));

    private async Task DoAsync(string at, string agentId, AgentCommand command)
    {
        _clock.Now = At(at) > _clock.Now ? At(at) : _clock.Now;
        AgentAccepted accepted = await _node.AcceptAsync(agentId, command);
        _position = accepted.Position.ToString();
    }

    private static ConfigureAgent Register() => new(settings => settings with { Units = 100 });

    private static DateTimeOffset At(string text) => DateTimeOffset.Parse(text + "Z", CultureInfo.InvariantCulture);
}

/// <summary>Tests that share the one past.</summary>
[CollectionDefinition(Name)]
public sealed class WrittenPastCollection : ICollectionFixture<WrittenPast>
{
    public const string Name = "one written past";
}
