using System.Text.Json;
using Npgsql;
using PresenceLedger.Testing;

namespace PresenceLedger.Api.Tests;

/// <summary>One service in mode Open on a database of its own, for all tests that only talk to it.</summary>
public sealed class OpenService : IAsyncLifetime
{
    public const string Administrator = "administrator:root";
    public const string Supervisor = "supervisor:sue";
    public const string Auditor = "auditor:audrey";
    public const string Routing = "service:routing-1";

    private TestDatabase _database = null!;
    private ServiceProcess _process = null!;
    private int _ids;

    public ServiceClient Client { get; private set; } = null!;

    public Uri Url => _process.Url;

    public NpgsqlDataSource Database { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        _database = await TestPostgres.CreateDatabaseAsync();
        _process = await ServiceProcess.StartAsync(ArgumentsFor(_database));
        Client = new ServiceClient(_process.Url);
        Client.Answered = (await DescribedAnswers.OfAsync(Client)).Check;
        Database = NpgsqlDataSource.Create(_database.SuperuserConnectionString);
    }

    public async Task DisposeAsync()
    {
        Client.Dispose();
        await _process.DisposeAsync();
        await Database.DisposeAsync();
        await _database.DisposeAsync();
    }

    /// <summary>What makes the service use a database of the tests.</summary>
    public static string[] ArgumentsFor(TestDatabase database) => database.Arguments;

    /// <summary>What makes a verb use its database.</summary>
    public string[] Arguments => ArgumentsFor(_database);

    /// <summary>The database, as the service uses it.</summary>
    public string ConnectionString => _database.ServiceConnectionString;

    /// <summary>Another node on the same database.</summary>
    public Task<ServiceProcess> StartAnotherAsync(params string[] arguments) =>
        ServiceProcess.StartAsync([.. ArgumentsFor(_database), .. arguments]);

    public string NewId(string name) => $"{name}-{Interlocked.Increment(ref _ids)}";

    /// <summary>A registered agent that no other test knows.</summary>
    public async Task<string> AgentAsync(object? settings = null)
    {
        var id = NewId("ana");
        var answer = await Client.PutAsync($"agents/{id}", settings ?? new { units = 100 }, Administrator);
        Assert.True(answer.Status == 200, answer.ToString());
        // So that lists, too, have it from here on.
        answer = await Client.GetAsync($"agents/{id}/presence", null, ("Ledger-Position", answer.Headers["Ledger-Position"]));
        Assert.True(answer.Status == 200, answer.ToString());
        return id;
    }

    /// <summary>A registered agent that is signed in on connection <c>main</c>.</summary>
    public async Task<string> SignedInAsync(object? settings = null)
    {
        var id = await AgentAsync(settings);
        await DoneAsync("POST", $"agents/{id}/sign-in", new { connectionId = "main" }, "agent:" + id);
        return id;
    }

    /// <summary>A signed-in agent with a conversation that awaits acceptance, or is accepted. Others may have one of the same id.</summary>
    public async Task<string> WithConversationAsync(bool accepted = true, string conversationId = "c1")
    {
        var id = await SignedInAsync();
        await DoneAsync(
            "PUT",
            $"agents/{id}/conversations/{conversationId}",
            new
            {
                units = 40,
                channel = "chat",
                queue = "q1",
            },
            Routing
        );
        if (accepted)
            await DoneAsync("POST", $"agents/{id}/conversations/{conversationId}/accept", null, "agent:" + id);
        return id;
    }

    /// <summary>Sends what has to succeed.</summary>
    public async Task<JsonElement> DoneAsync(string method, string path, object? body, string? actor)
    {
        var answer = await Client.SendAsync(method, path, body, actor);
        Assert.True(answer.Status is 200 or 204, $"{method} {path}: {answer}");
        return answer.Status == 200 ? answer.Json : default;
    }

    /// <summary>How many events the ledger holds, but for what became due by itself.</summary>
    public async Task<long> EventsAsync()
    {
        await using var command = Database.CreateCommand("select count(*) from ledger.event where metadata #>> '{actor,kind}' <> 'system'");
        return (long)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>One value of the database.</summary>
    public async Task<object?> ScalarAsync(string sql, params object[] parameters)
    {
        await using var command = Database.CreateCommand(sql);
        foreach (var parameter in parameters)
            command.Parameters.Add(new NpgsqlParameter { Value = parameter });
        return await command.ExecuteScalarAsync();
    }
}

/// <summary>Tests that share the one service.</summary>
[CollectionDefinition(Name)]
public sealed class OpenServiceCollection : ICollectionFixture<OpenService>
{
    public const string Name = "one service in mode Open";
}

internal static class Expect
{
    private static readonly JsonSerializerOptions Readable = new()
    {
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>JSON to look at.</summary>
    public static string Indented(object value) => JsonSerializer.Serialize(value, Readable);

    /// <summary>Problem details as the contract has them.</summary>
    public static void Problem(Answer answer, int status, string code)
    {
        Assert.True(answer.Status == status, $"expected {status} {code}, got {answer}");
        Assert.Equal("application/problem+json", answer.ContentType);
        var problem = answer.Json;
        Assert.Equal("urn:presence-ledger:" + code, problem.GetProperty("type").GetString());
        Assert.Equal(code, problem.GetProperty("code").GetString());
        Assert.Equal(status, problem.GetProperty("status").GetInt32());
        Assert.NotEmpty(problem.GetProperty("title").GetString()!);
        Assert.NotEmpty(problem.GetProperty("detail").GetString()!);
        Assert.Matches("^[0-9a-f]{32}$", problem.GetProperty("traceId").GetString());
        Assert.True(status != 400 || problem.TryGetProperty("errors", out _), $"no errors by field in {answer}");
    }

    /// <summary>A bad request that names the field.</summary>
    public static void BadField(Answer answer, string field)
    {
        Problem(answer, 400, "validation");
        Assert.True(answer.Json.TryGetProperty("errors", out var errors), $"no errors by field in {answer}");
        Assert.True(errors.TryGetProperty(field, out var messages), $"no error for '{field}' in {answer}");
        Assert.NotEmpty(messages[0].GetString()!);
    }

    public static string Status(JsonElement presence) => presence.GetProperty("statusId").GetString()!;

    public static string[] Ids(JsonElement page, string member) =>
        [.. page.GetProperty("items").EnumerateArray().Select(i => i.GetProperty(member).GetString()!)];
}
