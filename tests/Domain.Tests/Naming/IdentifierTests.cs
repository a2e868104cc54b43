using PresenceLedger.Domain.Naming;

namespace PresenceLedger.Domain.Tests.Naming;

/// <summary>What an identifier is, how two are compared, and how one is written where not every character may stand.</summary>
public sealed class IdentifierTests
{
    public static TheoryData<string> Taken =>
        new()
        {
            "ana",
            "auth0|5f7c",
            "SIP/8007",
            "Billing 1st line",
            "Jürgen Müller",
            "Анна",
            "山田",
            "a,b",
            @"DOMAIN\ana",
            "100%",
            "...",
            "<script>",
            "\U0001F600",
            new string('a', 200),
            // 200 characters, and 400 of UTF-16.
            string.Concat(Enumerable.Repeat("\U0001F600", 200)),
        };

    public static TheoryData<string?> Refused =>
        new()
        {
            null,
            "",
            " ",
            ".",
            "..",
            " ana",
            "ana ",
            "ana\u00A0",
            "a\tb",
            "a\nb",
            "a\0b",
            "a\u007Fb",
            "a\u0085b",
            "a\u202Eb",
            "a\u2066b",
            "a\u200Bb",
            "\uFEFFa",
            "a\u2028b",
            "a\uFFFEb",
            "a\uE000b",
            new string('a', 201),
            string.Concat(Enumerable.Repeat("\U0001F600", 201)),
        };

    [Theory]
    [MemberData(nameof(Taken))]
    public void Printable_Unicode_is_an_identifier_and_can_be_written_and_read_back(string text)
    {
        Assert.True(Identifier.TryRead(text, out var id));
        Assert.Equal(text, id);
        var encoded = Identifier.Encode(id);
        Assert.All(encoded, c => Assert.True(char.IsAsciiLetterOrDigit(c) || "._~:@-%".Contains(c, StringComparison.Ordinal)));
        Assert.True(Identifier.TryDecode(encoded, out var decoded));
        Assert.Equal(id, decoded);
    }

    [Theory]
    [MemberData(nameof(Refused))]
    public void What_cannot_be_seen_or_lies_about_how_it_looks_is_none(string? text) => Assert.False(Identifier.IsValid(text));

    [Fact]
    public void Half_of_a_character_is_none()
    {
        // Not as data of a theory: a test runner does not pass them on.
        foreach (var text in new[] { "\uD800", "a\uDC00b", "\uD83D" })
            Assert.False(Identifier.IsValid(text));
    }

    [Theory]
    [InlineData("ana")]
    [InlineData("agent:ana@example.org~1._-")]
    public void What_was_an_identifier_before_Unicode_was_is_written_as_it_always_was(string id) => Assert.Equal(id, Identifier.Encode(id));

    [Theory]
    [InlineData("%")]
    [InlineData("%4")]
    [InlineData("%zz")]
    [InlineData("%C3")]
    [InlineData("%ED%A0%80")]
    [InlineData("%C0%AF")]
    public void What_is_not_percent_encoded_UTF_8_cannot_be_read_back(string text) => Assert.False(Identifier.TryDecode(text, out _));

    [Theory]
    [InlineData("Ju\u0308rgen", "J\u00FCrgen")]
    [InlineData("\u212B", "\u00C5")]
    [InlineData("A\u030A", "\u00C5")]
    [InlineData("\u1112\u1161\u11AB", "\uD55C")]
    [InlineData("\uD558\u11AB", "\uD55C")]
    [InlineData("q\u0307\u0323", "q\u0323\u0307")]
    [InlineData("\u0958", "\u0915\u093C")]
    [InlineData("\u1E0B\u0323", "\u1E0D\u0307")]
    [InlineData("s\u0323\u0307", "\u1E69")]
    [InlineData("\U0001D15E", "\U0001D157\U0001D165")]
    [InlineData("\uF900", "\u8C48")]
    [InlineData("\u0344", "\u0308\u0301")]
    [InlineData("\u1100\u0300\u1161", "\u1100\u0300\u1161")]
    public void Two_ways_to_write_a_character_are_one(string given, string expected)
    {
        Assert.True(Identifier.TryRead(given, out var id));
        Assert.Equal(expected, id);
        Assert.True(Identifier.TryRead(id, out var again));
        Assert.Equal(id, again);
    }

    [Fact]
    public void A_longer_way_to_write_it_does_not_count_against_its_length()
    {
        Assert.True(Identifier.TryRead(string.Concat(Enumerable.Repeat("e\u0301", 200)), out var id));
        Assert.Equal(200, id.Length);
    }

    [Fact]
    public void Case_tells_identifiers_apart()
    {
        Assert.True(Identifier.TryRead("Ana", out var upper));
        Assert.NotEqual("ana", upper);
    }

    [Theory]
    [InlineData("a,b", new[] { "a", "b" })]
    [InlineData(@"a\,b,c", new[] { "a,b", "c" })]
    [InlineData(@"DOMAIN\ana", new[] { @"DOMAIN\ana" })]
    [InlineData(@"a\\,b", new[] { @"a\,b" })]
    [InlineData("a, b", new[] { "a", "b" })]
    [InlineData(",", new[] { "", "" })]
    public void A_comma_between_items_parts_them_and_one_of_an_item_is_marked(string list, string[] items)
    {
        Assert.Equal(items, Identifier.SplitList(list));
        if (!items.Contains(""))
            Assert.Equal(items, Identifier.SplitList(Identifier.JoinList(items)));
    }
}
