using System.Globalization;
using System.Text.Json.Nodes;
using PresenceLedger.Contracts;
using PresenceLedger.Dashboard.Service;
using PresenceLedger.Domain.Naming;

namespace PresenceLedger.Dashboard.Administration;

/// <summary>The settings of an agent as they are typed in.</summary>
internal sealed class AgentDraft
{
    public string? DisplayName { get; set; }

    /// <summary>Empty for the one out of the box.</summary>
    public string DefaultStatusId { get; set; } = "";

    /// <summary>Empty for none.</summary>
    public string Units { get; set; } = "";

    /// <summary>By profile, the custom limit: empty for the profile's own.</summary>
    public Dictionary<string, string> Profiles { get; } = new(StringComparer.Ordinal);

    /// <summary>With commas between them.</summary>
    public string Queues { get; set; } = "";

    /// <summary>With commas between them, each perhaps with <c>=</c> and a proficiency.</summary>
    public string Skills { get; set; } = "";

    /// <summary>What is.</summary>
    public static AgentDraft Of(AgentSettingsAnswer settings)
    {
        var draft = new AgentDraft
        {
            DisplayName = settings.DisplayName,
            DefaultStatusId = settings.DefaultStatusId ?? "",
            Units = settings.Units?.ToString(CultureInfo.InvariantCulture) ?? "",
            Queues = Join(settings.Queues),
            Skills = Join(settings.Skills.Select(s => s.Typed())),
        };
        foreach (var profile in settings.Profiles)
            draft.Profiles[profile.ProfileId] = profile.CustomLimit?.ToString(CultureInfo.InvariantCulture) ?? "";
        return draft;
    }

    /// <summary>
    /// What is to be sent: only what was changed, so that nothing is undone that somebody else changes meanwhile. All of it for an agent
    /// who is to be registered.
    /// </summary>
    /// <param name="begunWith">What the form was filled with.</param>
    public JsonObject Changes(AgentDraft? begunWith)
    {
        var (now, before) = (Body(), begunWith?.Body());
        return new JsonObject(
            now.Where(member => before is null ? member.Value is not null : !JsonNode.DeepEquals(member.Value, before[member.Key]))
                .Select(member => KeyValuePair.Create(member.Key, member.Value?.DeepClone()))
        );
    }

    private JsonObject Body() =>
        new()
        {
            ["displayName"] = string.IsNullOrWhiteSpace(DisplayName) ? null : DisplayName.Trim(),
            ["defaultStatusId"] = DefaultStatusId.Length == 0 ? null : DefaultStatusId,
            ["units"] = Whole(Units),
            ["profiles"] = new JsonArray([
                .. Profiles
                    .OrderBy(p => p.Key, StringComparer.Ordinal)
                    .Select(p => new JsonObject { ["profileId"] = p.Key, ["customLimit"] = Whole(p.Value) }),
            ]),
            ["queues"] = new JsonArray([.. Split(Queues).Select(q => JsonValue.Create(q))]),
            ["skills"] = new JsonArray([
                .. Split(Skills)
                    .Select(s => s.Split('=', 2, StringSplitOptions.TrimEntries))
                    .Select(s => new JsonObject { ["skill"] = s[0], ["proficiency"] = s.Length == 2 && s[1].Length > 0 ? s[1] : null }),
            ]),
        };

    private static IEnumerable<string> Split(string list) => Identifier.SplitList(list).Where(item => item.Length > 0);

    private static string Join(IEnumerable<string> items) => string.Join(", ", items.Select(item => Identifier.JoinList([item])));

    private static int? Whole(string text) =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;
}
