using System.Runtime.CompilerServices;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Domain.Seals;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.Tests.Log;
using Snapshooter;
using Snapshooter.Xunit;

namespace PresenceLedger.Ledger.Tests.Events;

/// <summary>What is stored once is read for good: a difference here is a new version of the event, never a new snapshot.</summary>
public sealed class WireFormatTests
{
    private static readonly EventMetadata Metadata = new(
        new Actor(Persona.Supervisor, "sue"),
        Guid.Parse("0198f2a0-7c00-7000-8000-000000000001"),
        "4bf92f3577b34da6a3ce929d0e0e4736",
        17,
        Rules.Man1,
        "web 1.2",
        "main",
        new RecordedReason("coaching", Digest: "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef")
    );

    public static TheoryData<string> Names => [.. WireNames.All.Select(pair => pair.Value).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Names))]
    public void An_event_is_stored_as_it_always_was(string name) =>
        Snapshot.Match(WireNames.Write(Examples.Of(name)), new SnapshotNameExtension(name));

    [Theory]
    [MemberData(nameof(Names))]
    public void A_snapshot_of_the_event_is_kept(string name)
    {
        var kept = Path.Combine(
            Path.GetDirectoryName(ThisFile())!,
            "__snapshots__",
            $"{nameof(WireFormatTests)}.{nameof(An_event_is_stored_as_it_always_was)}_{name}.snap"
        );

        Assert.Equal(WireNames.Write(Examples.Of(name)), File.ReadAllText(kept).TrimEnd());
    }

    [Fact]
    public void A_policy_of_before_there_was_flapping_has_the_defaults()
    {
        var json = System.Text.Json.Nodes.JsonNode.Parse(WireNames.Write(Examples.Of("policy-changed.v1")))!;
        var policy = json["policy"]!.AsObject();
        Assert.True(policy.Remove("flappingTimes") && policy.Remove("flappingWindow"));

        var read = (PolicyChanged)WireNames.Read(Record("policy-changed.v1", json.ToJsonString()));

        Assert.Equal(new Policy().FlappingTimes, read.Policy.FlappingTimes);
        Assert.Equal(new Policy().FlappingWindow, read.Policy.FlappingWindow);
    }

    [Fact]
    public void A_policy_of_before_offers_had_a_threshold_has_the_default()
    {
        var json = System.Text.Json.Nodes.JsonNode.Parse(WireNames.Write(Examples.Of("policy-changed.v1")))!;
        Assert.True(json["policy"]!.AsObject().Remove("offerAfter"));

        var read = (PolicyChanged)WireNames.Read(Record("policy-changed.v1", json.ToJsonString()));

        Assert.Equal(TimeSpan.FromSeconds(120), read.Policy.OfferAfter);
    }

    [Fact]
    public void Until_when_a_status_stands_is_stored_where_it_was_said_and_nowhere_else()
    {
        var changed = (PresenceChanged)Examples.Of("presence-changed.v1");
        Assert.DoesNotContain("until", WireNames.Write(changed), StringComparison.Ordinal);
        var timed = changed with { To = changed.To with { Until = Some.Time } };

        var written = WireNames.Write(timed);

        Assert.Contains($"\"until\":\"{Instant.Format(Some.Time)}\"", written, StringComparison.Ordinal);
        Assert.Equal(timed.To, ((PresenceChanged)WireNames.Read(Record("presence-changed.v1", written))).To);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void An_event_comes_back_as_it_was(string name)
    {
        var written = Examples.Of(name) with { OccurredAt = Some.Time, Rule = Rules.Man1 };

        var read = WireNames.Read(Record(name, WireNames.Write(written)));

        Assert.Equal(LedgerJson.Write<object>(written), LedgerJson.Write<object>(read));
        Assert.Equal(written.GetType(), read.GetType());
        Assert.Equal(Some.Time, read.OccurredAt);
        Assert.Equal(Rules.Man1, read.Rule);
        if (written is not (PresenceChanged or ConversationAssigned or SealEvent))
            Assert.Equal(written, read);
    }

    [Fact]
    public void The_envelope_is_stored_as_it_always_was()
    {
        Assert.Equal(
            """{"actor":{"kind":"supervisor","id":"sue"},"causationId":"0198f2a0-7c00-7000-8000-000000000001","correlationId":"4bf92f3577b34da6a3ce929d0e0e4736","policyVersion":17,"rule":"MAN-1","client":"web 1.2","connectionId":"main","reason":{"code":"coaching","digest":"5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"}}""",
            LedgerJson.Write(Metadata)
        );
        Assert.Equal(Metadata, LedgerJson.Read<EventMetadata>(LedgerJson.Write(Metadata)));
    }

    [Fact]
    public void An_envelope_from_before_texts_of_reasons_were_kept_beside_is_read_and_is_the_same_to_the_letter()
    {
        const string before =
            """{"actor":{"kind":"agent","id":"ana"},"causationId":"0198f2a0-7c00-7000-8000-000000000001","correlationId":"c","policyVersion":-1,"reason":{"code":"coaching","text":"Übung \"eins\""}}""";

        var read = LedgerJson.Read<EventMetadata>(before);

        Assert.Equal(new RecordedReason("coaching", "Übung \"eins\""), read.Reason);
        Assert.Equal(before, LedgerJson.Write(read));
    }

    [Fact]
    public void Every_event_has_a_wire_name_of_its_own()
    {
        var events = typeof(LedgerEvent).Assembly.GetTypes().Where(type => !type.IsAbstract && type.IsAssignableTo(typeof(LedgerEvent)));

        Assert.Equal(events.OrderBy(type => type.Name), WireNames.All.Select(pair => pair.Key).OrderBy(type => type.Name));
        Assert.Equal(WireNames.All.Count(), WireNames.All.Select(pair => pair.Value).Distinct(StringComparer.Ordinal).Count());
        Assert.All(WireNames.All, pair => Assert.Matches("^[a-z]+(-[a-z]+)*\\.v[1-9][0-9]*$", pair.Value));
    }

    [Fact]
    public void An_event_without_its_optional_members_is_read()
    {
        var assigned = Read<ConversationAssigned>(
            "conversation-assigned.v1",
            """{"conversationId":"c1","work":{"units":5,"profiles":[],"wrapUp":{"policy":"always-block"}},"dayProfiles":[]}"""
        );
        Assert.Equal(new Work(null, null, null, 5, [], WrapUp.Default, null), assigned.Work);
        Assert.Null(assigned.FromAgentId);

        var registered = Read<AgentRegistered>("agent-registered.v1", """{"settings":{"profiles":{},"queues":[],"skills":[]}}""");
        Assert.Equal(AgentSettings.None, registered.Settings);

        var changed = Read<PresenceChanged>(
            "presence-changed.v1",
            """{"from":{"statusId":"offline","base":"offline","origin":"connection"},"to":{"statusId":"away","base":"away","origin":"manual"}}"""
        );
        Assert.Null(changed.Follows);
        Assert.Null(changed.Capacity);
    }

    [Fact]
    public void Only_an_outbound_attempt_has_a_direction_so_that_what_was_stored_before_is_the_same_to_the_letter()
    {
        const string inbound =
            """{"work":{"units":5,"profiles":[],"wrapUp":{"policy":"always-block"}},"dayProfiles":[],"conversationId":"c1"}""";
        const string outbound =
            """{"work":{"units":5,"profiles":[],"wrapUp":{"policy":"always-block"},"direction":"outbound"},"dayProfiles":[],"conversationId":"c1"}""";

        Assert.False(Read<ConversationAssigned>("conversation-assigned.v1", inbound).Work.IsOutbound);
        Assert.True(Read<ConversationAssigned>("conversation-assigned.v1", outbound).Work.IsOutbound);
        Assert.Equal("""{"automatic":true,"conversationId":"c1"}""", WireNames.Write(new ConversationAccepted("c1", Automatic: true)));
        Assert.Equal(
            """{"automatic":true,"direction":"outbound","conversationId":"c1"}""",
            WireNames.Write(new ConversationAccepted("c1", Automatic: true, Direction.Outbound))
        );
        Assert.Equal(inbound, WireNames.Write(Read<ConversationAssigned>("conversation-assigned.v1", inbound)));
        Assert.Equal(outbound, WireNames.Write(Read<ConversationAssigned>("conversation-assigned.v1", outbound)));
    }

    [Fact]
    public void A_policy_from_before_there_were_limits_of_offers_has_the_defaults()
    {
        var json = System.Text.Json.Nodes.JsonNode.Parse(WireNames.Write(Examples.Of("policy-changed.v1")))!;
        var policy = json["policy"]!.AsObject();
        Assert.True(policy.Remove("missedLimit") && policy.Remove("undeliveredLimit"));

        var read = (PolicyChanged)WireNames.Read(Record("policy-changed.v1", json.ToJsonString()));

        Assert.Equal((1, 3), (read.Policy.MissedLimit, read.Policy.UndeliveredLimit));
    }

    [Fact]
    public void A_policy_from_before_a_setting_existed_has_its_default()
    {
        var changed = Read<PolicyChanged>("policy-changed.v1", """{"policy":{"heartbeatTimeout":60}}""");

        Assert.Equal(new Policy { HeartbeatTimeout = TimeSpan.FromSeconds(60) }, changed.Policy);
    }

    [Fact]
    public void A_state_from_before_a_member_existed_has_its_default()
    {
        Assert.Equal(LedgerJson.Write(Agent.Unknown("ana")), LedgerJson.Write(LedgerJson.Read<Agent>("""{"agentId":"ana"}""")));
    }

    [Fact]
    public void A_configuration_comes_back_as_it_was()
    {
        var configuration = Examples.All.OfType<ConfigurationEvent>().Aggregate(Configuration.Initial, (c, e) => c.Evolve(e));

        var read = LedgerJson.Read<Configuration>(LedgerJson.Write(configuration));

        Assert.Equal(configuration.Policy, read.Policy);
        Assert.Equal(configuration.Statuses, read.Statuses);
        Assert.Equal(configuration.Profiles, read.Profiles);
        Assert.Equal(configuration.Version, read.Version);
    }

    [Theory]
    [InlineData("never-heard-of.v1", "{}")]
    [InlineData("agent-signed-in.v2", "{}")]
    [InlineData("agent-signed-in.v1", "[]")]
    [InlineData("agent-signed-in.v1", "null")]
    [InlineData("consult-joined.v1", """{"conversationId":"c1","mode":"whisper"}""")]
    public void What_cannot_be_read_says_where_it_stands(string type, string data)
    {
        var e = Assert.Throws<InvalidDataException>(() => WireNames.Read(Record(type, data)));

        Assert.StartsWith("agent-ana@3: ", e.Message, StringComparison.Ordinal);
        Assert.Contains(type, e.Message, StringComparison.Ordinal);
    }

    private static T Read<T>(string type, string data) => Assert.IsType<T>(WireNames.Read(Record(type, data)));

    private static EventRecord Record(string type, string data) =>
        Some.Event("ana", 3, data) with
        {
            Type = type,
            Metadata = LedgerJson.Write(Metadata),
        };

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
