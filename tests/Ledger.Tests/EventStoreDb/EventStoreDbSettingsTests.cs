using PresenceLedger.Ledger.EventStoreDb;

namespace PresenceLedger.Ledger.Tests.EventStoreDb;

/// <summary>Connection strings: what they say, and what is said of those that cannot be read.</summary>
public sealed class EventStoreDbSettingsTests
{
    private const string Secret = "s3cr3t";

    [Fact]
    public void What_is_not_said_is_the_default()
    {
        var settings = EventStoreDbSettings.Parse("esdb://db.example");

        Assert.Equal([new NodeAddress("db.example", 2113)], settings.Nodes);
        Assert.False(settings.Discover);
        Assert.Null(settings.User);
        Assert.Null(settings.Password);
        Assert.True(settings.Tls);
        Assert.True(settings.VerifyCertificate);
        Assert.Null(settings.AuthorityFile);
        Assert.Equal(NodePreference.Leader, settings.Preference);
        Assert.Equal(TimeSpan.FromSeconds(5), settings.Deadline);
        Assert.Equal(TimeSpan.FromSeconds(10), settings.KeepAliveInterval);
        Assert.Equal(TimeSpan.FromSeconds(5), settings.KeepAliveTimeout);
        Assert.Equal(TimeSpan.FromSeconds(2), settings.GossipTimeout);
        Assert.Equal(TimeSpan.FromMilliseconds(100), settings.DiscoveryInterval);
        Assert.Equal("presence-ledger", settings.ConnectionName);
    }

    [Fact]
    public void Every_option_is_taken_whatever_the_case_of_its_name()
    {
        var settings = EventStoreDbSettings.Parse(
            "esdb://a:1,b?TLS=False&tlsverifycert=FALSE&TlsCaFile=%2Fetc%2Fa%26b.crt&NODEPREFERENCE=readonlyreplica&defaultdeadline=100"
                + "&KeepAliveInterval=1000&keepAliveTIMEOUT=-1&gossiptimeout=50&discoveryInterval=10&connectionName=node%201"
                + "&maxDiscoverAttempts=10&throwOnAppendFailure=false"
        );

        Assert.False(settings.Tls);
        Assert.False(settings.VerifyCertificate);
        Assert.Equal("/etc/a&b.crt", settings.AuthorityFile);
        Assert.Equal(NodePreference.ReadOnlyReplica, settings.Preference);
        Assert.Equal(TimeSpan.FromMilliseconds(100), settings.Deadline);
        Assert.Equal(TimeSpan.FromSeconds(1), settings.KeepAliveInterval);
        Assert.Equal(Timeout.InfiniteTimeSpan, settings.KeepAliveTimeout);
        Assert.Equal(TimeSpan.FromMilliseconds(50), settings.GossipTimeout);
        Assert.Equal(TimeSpan.FromMilliseconds(10), settings.DiscoveryInterval);
        Assert.Equal("node 1", settings.ConnectionName);
        Assert.Equal(
            Timeout.InfiniteTimeSpan,
            EventStoreDbSettings.Parse("esdb://a?keepAliveInterval=-1&keepAliveTimeout=2000").KeepAliveInterval
        );
    }

    [Theory]
    [InlineData("leader", NodePreference.Leader)]
    [InlineData("Follower", NodePreference.Follower)]
    [InlineData("readOnlyReplica", NodePreference.ReadOnlyReplica)]
    [InlineData("RANDOM", NodePreference.Random)]
    public void Node_preferences_are_named(string name, NodePreference preference) =>
        Assert.Equal(preference, EventStoreDbSettings.Parse("esdb://a?nodePreference=" + name).Preference);

    [Theory]
    [InlineData("esdb://a", false, "a:2113")]
    [InlineData("esdb://a/", false, "a:2113")]
    [InlineData("esdb://a:1/?tls=false", false, "a:1")]
    [InlineData("ESDB://a", false, "a:2113")]
    [InlineData("kurrent://a", false, "a:2113")]
    [InlineData("kurrentdb://a", false, "a:2113")]
    [InlineData("esdb+discover://a", true, "a:2113")]
    [InlineData("kurrentdb+discover://a:1", true, "a:1")]
    [InlineData("KurrentDB+Discover://a", true, "a:2113")]
    [InlineData("esdb://a,b:1,c", true, "a:2113 b:1 c:2113")]
    [InlineData("esdb://event_store.internal:2114", false, "event_store.internal:2114")]
    [InlineData("esdb://10.0.0.1:2114", false, "10.0.0.1:2114")]
    [InlineData("esdb://[::1]", false, "[::1]:2113")]
    [InlineData("esdb://[2001:db8::1]:2114,[2001:db8::2]", true, "[2001:db8::1]:2114 [2001:db8::2]:2113")]
    [InlineData("esdb://user:password@a,b", true, "a:2113 b:2113")]
    [InlineData("esdb://user:password@[::1]:1", false, "[::1]:1")]
    public void Nodes_are_taken_as_they_stand(string text, bool discover, string nodes)
    {
        var settings = EventStoreDbSettings.Parse(text);

        Assert.True(EventStoreDbSettings.IsMeant(text));
        Assert.Equal(nodes, string.Join(' ', settings.Nodes));
        Assert.Equal(discover, settings.Discover);
    }

    [Theory]
    [InlineData("ledger:right", "ledger", "right")]
    [InlineData("a%40b:c%3Ad%2Fe%3Ff%25g%26h%23i", "a@b", "c:d/e?f%g&h#i")]
    [InlineData("ledger:", "ledger", "")]
    [InlineData("ledger:p@ss", "ledger", "p@ss")]
    [InlineData("ledger:p/ss#,", "ledger", "p/ss#,")]
    [InlineData("l%C3%A4dger:%F0%9F%98%80", "lädger", "😀")]
    public void User_and_password_stand_before_the_nodes(string credentials, string user, string password)
    {
        var settings = EventStoreDbSettings.Parse($"esdb://{credentials}@a:1?tls=false");

        Assert.Equal((user, password), (settings.User, settings.Password));
        Assert.Equal([new NodeAddress("a", 1)], settings.Nodes);
    }

    [Theory]
    [InlineData("", "it begins with esdb://")]
    [InlineData("Host=localhost;Database=presence_ledger", "it begins with esdb://")]
    [InlineData("http://a:2113", "it begins with esdb://")]
    [InlineData("esdbs://a", "it begins with esdb://")]
    [InlineData("esdb+srv://a", "it begins with esdb://")]
    [InlineData("esdb:a", "it begins with esdb://")]
    [InlineData("esdb://", "a node is missing")]
    [InlineData("esdb://a,,b", "a node is missing")]
    [InlineData("esdb://a,", "a node is missing")]
    [InlineData("esdb://?tls=false", "a node is missing")]
    [InlineData("esdb://ledger:s3cr3t@?tls=false", "a node is missing")]
    [InlineData("esdb://a:port", "'a:port' is no node")]
    [InlineData("esdb://a:65536", "'a:65536' is no node")]
    [InlineData("esdb://a b", "'a b' is no node")]
    [InlineData("esdb://a/streams", "'a/streams' is no node")]
    [InlineData("esdb://::1", "'::1' is no node")]
    [InlineData("esdb://ledger:s3cr3t@a:port", "'a:port' is no node")]
    [InlineData("esdb://ledger@a", "before the '@' stand user and password")]
    [InlineData("esdb://:s3cr3t@a", "before the '@' stand user and password")]
    [InlineData("esdb://led:ger:s3cr3t@a", "before the '@' stand user and password")]
    [InlineData("esdb://ledger:s3cr3t?s3cr3t@a", "'?' within are %40, %3A and %3F")]
    [InlineData("esdb://ledger:1?s3cr3t@a?tls=false", "'?' within are %40, %3A and %3F")]
    [InlineData("esdb://ledger:1?s3cr3t=s3cr3t@a?tls=false", "'?' within are %40, %3A and %3F")]
    [InlineData("esdb://ledger:p@w?s3cr3t@a?tls=false", "'?' within are %40, %3A and %3F")]
    [InlineData("esdb://a?tlsCaFile=/me@work/ca.crt", "'@' in an option too")]
    [InlineData("esdb://ledger:s3cr3t@a?tls", "the option 'tls' has no value")]
    [InlineData("esdb://ledger:s3cr3t@a?tls=", "tls is true or false, not ''")]
    [InlineData("esdb://ledger:s3cr3t@a?tls=yes", "tls is true or false, not 'yes'")]
    [InlineData("esdb://a?tlsVerifyCert=0", "tlsVerifyCert is true or false, not '0'")]
    [InlineData("esdb://a?tls=true&tls=true", "the option 'tls' comes twice")]
    [InlineData("esdb://a?tls=true&TLS=false", "the option 'TLS' comes twice")]
    [InlineData("esdb://a?nodePreference=", "nodePreference is leader, follower, readOnlyReplica or random, not ''")]
    [InlineData("esdb://a?nodePreference=1", "not '1'")]
    [InlineData("esdb://a?nodePreference=-1", "not '-1'")]
    [InlineData("esdb://a?nodePreference=leader,follower", "not 'leader,follower'")]
    [InlineData("esdb://a?defaultDeadline=99", "defaultDeadline is a number of milliseconds from 100 on, not '99'")]
    [InlineData("esdb://a?defaultDeadline=-1", "not '-1'")]
    [InlineData("esdb://a?defaultDeadline=5s", "not '5s'")]
    [InlineData("esdb://a?defaultDeadline=99999999999", "not '99999999999'")]
    [InlineData("esdb://a?keepAliveInterval=999", "keepAliveInterval is a number of milliseconds from 1000 on")]
    [InlineData("esdb://a?keepAliveTimeout=999", "keepAliveTimeout is a number of milliseconds from 1000 on")]
    [InlineData("esdb://a?gossipTimeout=49", "gossipTimeout is a number of milliseconds from 50 on")]
    [InlineData("esdb://a?discoveryInterval=9", "discoveryInterval is a number of milliseconds from 10 on")]
    [InlineData("esdb://a?userCertFile=a.crt", "'userCertFile' is not supported")]
    [InlineData("esdb://a?userKeyFile=a.key", "'userKeyFile' is not supported")]
    [InlineData("esdb://ledger:s3cr3t@a?tlsCertFile=a.crt", "'tlsCertFile' is no option; there are tls,")]
    public void What_cannot_be_read_is_said_and_the_password_is_not(string text, string told)
    {
        var e = Assert.Throws<FormatException>(() => EventStoreDbSettings.Parse(text));

        Assert.Contains(told, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Theory]
    [InlineData("Host=localhost;Password=esdb://")]
    [InlineData("postgres://a")]
    [InlineData("esdb")]
    public void Anything_else_is_not_meant_as_one(string text) => Assert.False(EventStoreDbSettings.IsMeant(text));
}
