using System.Globalization;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using System.Text.RegularExpressions;
using PresenceLedger.Api.Audit;
using PresenceLedger.Contracts;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Queries.Timeline;

namespace PresenceLedger.Api.Tests.Audit;

/// <summary>The words of the audit, apart from what they say.</summary>
public sealed partial class WordingTests
{
    private const string RulePrefix = "rule.";

    [Fact]
    public void Every_phrase_has_words_and_no_words_are_left_over()
    {
        var phrases = new[] { typeof(Phrase), typeof(ReasonAnswer), typeof(Wording), typeof(TextView) }
            .Select(type => type.Assembly.Location)
            .Distinct(StringComparer.Ordinal)
            .SelectMany(Literals)
            .ToHashSet();
        var words = Wording.All.Keys.Where(key => !key.StartsWith(RulePrefix, StringComparison.Ordinal)).ToHashSet();
        Assert.Empty(phrases.Where(p => IsPhrase().IsMatch(p)).Except(words));
        Assert.Empty(words.Except(phrases));
    }

    [Fact]
    public void Every_rule_has_a_title()
    {
        var titled = Wording
            .All.Keys.Where(key => key.StartsWith(RulePrefix, StringComparison.Ordinal))
            .Select(key => key[RulePrefix.Length..]);
        Assert.Equal(Rules.All.Order(), titled.Order());
        Assert.All(Rules.All, rule => Assert.NotEqual(rule, Wording.English.Title(rule)));
    }

    [Fact]
    public void Another_language_puts_things_in_its_own_order()
    {
        var words = new Wording(key =>
            key switch
            {
                "sentence" => "{what}.",
                "change.man-1" => "Von Hand gesetzt: {to} statt {from}",
                _ => null,
            }
        );
        var change = new PresenceChanged(
            new StandingStatus("available", BaseStatus.Available, Origin.Default),
            new StandingStatus("away", BaseStatus.Away, Origin.Manual),
            null,
            null
        )
        {
            Rule = Rules.Man1,
        };
        var sentence = new Phrase("sentence", ("what", Explanation.Of(change, null)));
        Assert.Equal("Von Hand gesetzt: Abwesend statt Bereit.", words.Say(sentence, id => id == "away" ? "Abwesend" : "Bereit"));
    }

    [Fact]
    public void A_language_without_words_is_said_in_English() =>
        Assert.Equal(Wording.English.Title(Rules.Cap3), Wording.In(CultureInfo.GetCultureInfo("fr")).Title(Rules.Cap3));

    [Fact]
    public void Russian_has_words_for_all_and_puts_in_the_same_things()
    {
        var russian = Wording.AllIn(CultureInfo.GetCultureInfo("ru"));
        Assert.Equal(Wording.All.Keys.Order(StringComparer.Ordinal), russian.Keys.Order(StringComparer.Ordinal));
        Assert.All(russian, said => Assert.Equal(Places(Wording.All[said.Key]), Places(said.Value)));

        static IEnumerable<string> Places(string template) => Place().Matches(template).Select(m => m.Value).Order(StringComparer.Ordinal);
    }

    [Fact]
    public void Statuses_out_of_the_box_are_called_in_the_language_of_the_reader_and_custom_ones_as_the_centre_calls_them()
    {
        var russian = Wording.In(CultureInfo.GetCultureInfo("ru"));
        var change = new Phrase("fact.presence-changed", ("status", new StatusName("away")));
        var custom = new Phrase("fact.presence-changed", ("status", new StatusName("lunch")));
        Assert.Equal("Статус сменился на «Нет на месте»", russian.Say(change, _ => "Away"));
        Assert.Equal("Статус сменился на «Lunch break»", russian.Say(custom, _ => "Lunch break"));
    }

    [Theory]
    [InlineData(0, "0 ms")]
    [InlineData(0.25, "250 ms")]
    [InlineData(5.19, "5.1 s")]
    [InlineData(59.99, "59.9 s")]
    [InlineData(111, "1 min 51 s")]
    [InlineData(3_660, "1 h 1 min")]
    [InlineData(90_000, "1 d 1 h")]
    public void A_length_of_time_is_told_in_its_two_largest_units(double seconds, string told) =>
        Assert.Equal(told, Wording.English.Duration(TimeSpan.FromSeconds(seconds)));

    [Fact]
    public void What_is_not_given_is_seen_in_the_text() =>
        Assert.Equal("Conversation {conversation} was closed", Wording.English.Say(new Phrase("fact.conversation-closed"), id => id));

    [GeneratedRegex(@"\{[^}]*\}")]
    private static partial Regex Place();

    /// <summary>What the keys of phrases look like.</summary>
    [GeneratedRegex(
        @"\A(sentence|(sentence|list|actor|command|reason|fact|change|origin|capacity|why|meanwhile|conversation|base|duration|replay)(\.[a-z0-9-]+)+)\z"
    )]
    private static partial Regex IsPhrase();

    /// <summary>The literal texts of an assembly.</summary>
    private static HashSet<string> Literals(string assembly)
    {
        using var file = new PEReader(File.OpenRead(assembly));
        var metadata = file.GetMetadataReader();
        var literals = new HashSet<string>(StringComparer.Ordinal);
        for (var handle = MetadataTokens.UserStringHandle(1); !handle.IsNil; handle = metadata.GetNextHandle(handle))
            literals.Add(metadata.GetUserString(handle));
        return literals;
    }
}
