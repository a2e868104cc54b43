using PresenceLedger.Testing;

namespace PresenceLedger.Api.Tests;

/// <summary>What browsers are told of calls from pages of another origin, and the module that such pages load.</summary>
[Collection(OpenServiceCollection.Name)]
public sealed class PageTests(OpenService open, JwtService jwt) : IClassFixture<JwtService>
{
    private const string Allowed = "Access-Control-Allow-Origin";

    [Theory]
    [InlineData("http://localhost:3000", true)]
    [InlineData("http://127.0.0.1:9", true)]
    [InlineData("https://desktop.example", false)]
    [InlineData("http://localhost.evil.example", false)]
    [InlineData("null", false)]
    public Task In_mode_Open_pages_of_this_machine_may_call(string origin, bool may) => AskAsync(open.Client, origin, may);

    [Theory]
    [InlineData("https://desktop.example", true)]
    [InlineData("https://other.example:8443", true)]
    [InlineData("http://desktop.example", false)]
    [InlineData("https://other.example", false)]
    [InlineData("http://localhost:3000", false)]
    public Task With_tokens_pages_of_the_listed_origins_may_call(string origin, bool may) => AskAsync(jwt.Client, origin, may);

    [Fact]
    public async Task Refusals_are_for_the_page_to_read_too()
    {
        var answer = await jwt.Client.GetAsync("agents", null, ("Origin", "https://desktop.example"));
        Assert.Equal(401, answer.Status);
        Assert.Equal("https://desktop.example", answer.Headers[Allowed]);
        foreach (var header in new[] { "ETag", "Ledger-Position", "Idempotency-Replayed", "Retry-After", "Date" })
            Assert.Contains(header, answer.Headers["Access-Control-Expose-Headers"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_module_for_pages_is_served_to_everybody_and_again_where_it_changed()
    {
        var module = await jwt.Client.GetAsync("/presence-ledger.js", null, ("Origin", "https://desktop.example"));
        Assert.Equal(200, module.Status);
        Assert.Equal("text/javascript; charset=utf-8", module.ContentType);
        Assert.Equal("no-cache", module.Headers["Cache-Control"]);
        Assert.Equal("https://desktop.example", module.Headers[Allowed]);
        Assert.Contains("export async function connect(", module.Text, StringComparison.Ordinal);
        Assert.Equal(304, (await open.Client.GetAsync("/presence-ledger.js", null, ("If-None-Match", module.Headers["ETag"]))).Status);
    }

    /// <summary>Asks as browsers do before a call with headers of its own: nobody says who calls.</summary>
    private static async Task AskAsync(ServiceClient client, string origin, bool may)
    {
        var answer = await client.SendAsync(
            "OPTIONS",
            "agents/ana/sign-in",
            null,
            null,
            ("Origin", origin),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "authorization,content-type,idempotency-key,x-actor")
        );
        Assert.Equal(204, answer.Status);
        Assert.Equal(may ? origin : null, answer.Headers.GetValueOrDefault(Allowed));
        Assert.Equal(may, answer.Headers.ContainsKey("Access-Control-Max-Age"));
    }
}
