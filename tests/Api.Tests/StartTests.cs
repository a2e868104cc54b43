using System.Net;
using System.Net.Sockets;
using PresenceLedger.Testing;

namespace PresenceLedger.Api.Tests;

/// <summary>What the service refuses to start with, and how it says so.</summary>
public sealed class StartTests
{
    private static readonly string[] Serve = ["serve", "--connection", "Host=/nowhere;Database=nothing"];

    public static TheoryData<string, string, string> NotLoopback =>
        new()
        {
            { "--urls", "http://0.0.0.0:18080", "0.0.0.0" },
            { "--urls", "http://*:18080", "http://*:18080" },
            { "--urls", "http://+:18080", "http://+:18080" },
            { "--urls", "http://[::]:18080", "[::]" },
            { "--urls", "http://10.1.2.3:18080", "10.1.2.3" },
            { "--urls", "http://presence.example:18080", "presence.example" },
            { "--urls", "http://127.0.0.1:0;http://0.0.0.0:18080", "0.0.0.0" },
            { "ASPNETCORE_URLS", "http://0.0.0.0:18080", "0.0.0.0" },
            { "DOTNET_URLS", "http://0.0.0.0:18080", "0.0.0.0" },
            { "Kestrel__Endpoints__Any__Url", "http://0.0.0.0:18080", "0.0.0.0" },
            { "ASPNETCORE_Kestrel__Endpoints__Any__Url", "http://0.0.0.0:18080", "0.0.0.0" },
            { "--Kestrel:Endpoints:Any:Url", "http://*:18080", "http://*:18080" },
        };

    [Theory]
    [MemberData(nameof(NotLoopback))]
    public async Task Mode_Open_does_not_start_on_an_address_that_others_reach(string where, string value, string named)
    {
        var ended = where.StartsWith("--", StringComparison.Ordinal)
            ? await ServiceProcess.RunAsync([.. Serve, where, value])
            : await ServiceProcess.RunAsync(Serve, (where, value));
        Assert.Equal(2, ended.ExitCode);
        Assert.Contains(named, ended.Errors, StringComparison.Ordinal);
        Assert.Contains("loopback", ended.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", ended.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ASPNETCORE_HTTP_PORTS")]
    [InlineData("DOTNET_HTTP_PORTS")]
    [InlineData("HTTP_PORTS")]
    [InlineData("ASPNETCORE_HTTPS_PORTS")]
    public async Task Ports_from_the_environment_which_would_open_every_address_are_not_listened_on(string name)
    {
        await using var database = await TestPostgres.CreateDatabaseAsync();
        var port = FreePort();
        await using var service = await ServiceProcess.StartAsync(OpenService.ArgumentsFor(database), (name, port.ToString(null, null)));
        Assert.Equal("127.0.0.1", service.Url.Host);
        Assert.NotEqual(port, service.Url.Port);
        using var socket = new TcpClient();
        await Assert.ThrowsAnyAsync<SocketException>(() => socket.ConnectAsync(IPAddress.Loopback, port));
    }

    [Theory]
    [InlineData("Access__Mode=Closed", "Access")]
    [InlineData("Access__Mode=Jwt", "Access:Authority or Access:SigningKey")]
    [InlineData("Access__Mode=Jwt Access__SigningKey=0123456789012345678901234567890123456789", "Access:Audience")]
    [InlineData("Access__Mode=Jwt Access__Audience=a Access__SigningKey=short", "32 bytes")]
    [InlineData("Access__Mode=Jwt Access__Audience=a Access__SigningKey=s Access__Authority=https://a.example", "either")]
    [InlineData(
        "Access__Mode=Jwt Access__Audience=a Access__Roles__boss=system Access__SigningKey=0123456789012345678901234567890123456789",
        "boss"
    )]
    [InlineData("Access__Origins=https://desktop.example", "Access:Mode=Jwt")]
    [InlineData(
        "Access__Mode=Jwt Access__Audience=a Access__SigningKey=0123456789012345678901234567890123456789 Access__Origins=https://a.example/",
        "'https://a.example/'"
    )]
    [InlineData("Ledger__Store=Paper", "Paper")]
    public async Task A_configuration_that_cannot_be_is_refused_with_a_sentence(string environment, string named)
    {
        var variables = environment.Split(' ').Select(v => v.Split('=', 2)).Select(v => (v[0], v[1])).ToArray();
        var ended = await ServiceProcess.RunAsync([.. Serve, "--urls", "http://127.0.0.1:0"], variables);
        Assert.Equal(2, ended.ExitCode);
        Assert.Contains(named, ended.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", ended.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Host=/nowhere;Database=nothing")]
    [InlineData("Host=127.0.0.1;Port=1;Database=nothing")]
    [InlineData("nonsense")]
    public async Task A_database_that_is_not_there_is_said_so(string connection)
    {
        var ended = await ServiceProcess.RunAsync(["serve", "--urls", "http://127.0.0.1:0", "--connection", connection]);
        Assert.Equal(2, ended.ExitCode);
        Assert.StartsWith("presence-ledger: ", ended.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", ended.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_port_that_is_taken_is_said_so()
    {
        await using var database = await TestPostgres.CreateDatabaseAsync();
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        var ended = await ServiceProcess.RunAsync(["serve", "--urls", $"http://127.0.0.1:{port}", .. OpenService.ArgumentsFor(database)]);
        Assert.Equal(2, ended.ExitCode);
        Assert.Contains($"127.0.0.1:{port}", ended.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", ended.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("insert into ledger.script (name) values ('999-tomorrow.sql')", "999-tomorrow.sql")]
    [InlineData(
        "insert into read.read_model select name, 99, place, position, prepare, as_of, newest, store from read.read_model where name = 'presence'",
        "version 99 of the read model presence"
    )]
    public async Task A_database_that_a_newer_version_has_worked_on_is_refused_with_a_sentence(string sql, string named)
    {
        await using var database = await TestPostgres.CreateDatabaseAsync();
        await (await ServiceProcess.StartAsync(OpenService.ArgumentsFor(database))).DisposeAsync();
        await using (var source = Npgsql.NpgsqlDataSource.Create(database.SuperuserConnectionString))
        await using (var command = source.CreateCommand(sql))
            await command.ExecuteNonQueryAsync();

        var ended = await ServiceProcess.RunAsync(["serve", "--urls", "http://127.0.0.1:0", .. OpenService.ArgumentsFor(database)]);

        Assert.Equal(2, ended.ExitCode);
        Assert.StartsWith("presence-ledger: A newer version", ended.Errors, StringComparison.Ordinal);
        Assert.Contains(named, ended.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", ended.Errors + ended.Output, StringComparison.Ordinal);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
