namespace PresenceLedger.Client.Tests;

/// <summary>The example of the README, which says the same.</summary>
internal static class Example
{
    public static async Task RunAsync(Uri url)
    {
        // An agent application: Ana is signed in until it is disposed.
        using var desktop = new PresenceLedgerClient(new PresenceLedgerOptions { Url = url, Actor = "agent:ana" });
        await using var ana = await desktop.ConnectAsync("ana", client: "desktop 1.0");

        // A routing engine assigns a conversation.
        using var routing = new PresenceLedgerClient(new PresenceLedgerOptions { Url = url, Actor = "service:routing" });
        await routing.Agent("ana").AssignAsync("c1", new Work { Units = 40, Queue = "billing" });

        // The application sees it, as it sees everything that changes her presence, and accepts.
        await foreach (var presence in ana.PresencesAsync())
        {
            Console.WriteLine($"{presence.StatusText}, by {presence.Origin}, rule {presence.Rule}");
            if (presence.Conversations is [{ State: "assigned" } conversation])
                await ana.AcceptAsync(conversation.ConversationId);
            if (presence.Base == "busy")
                break;
        }

        // The engine follows everybody: how it is, then each change once.
        await foreach (var e in routing.FollowAsync())
        {
            if (e is Snapshot { Items: var agents })
            {
                Console.WriteLine($"{agents.Count(a => a.SignedIn)} of {agents.Count} agents are signed in");
                await ana.CloseAsync("c1");
            }
            if (e is Change { Presence: { Conversations: [] } changed })
            {
                Console.WriteLine($"{changed.AgentId}: {changed.StatusText}, rule {changed.Rule}");
                break;
            }
        }

        // What a rule or a right is against is refused.
        try
        {
            await ana.SetPresenceAsync("on-the-moon", new CommandOptions { Reason = new Reason("vacation") });
        }
        catch (RefusedException refused)
        {
            Console.WriteLine($"{refused.Code}: {refused.Detail}");
        }
    }
}
