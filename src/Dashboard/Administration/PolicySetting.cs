using System.Globalization;
using System.Text.Json.Nodes;
using PresenceLedger.Domain.Naming;

namespace PresenceLedger.Dashboard.Administration;

/// <summary>How a setting of the policy is typed in.</summary>
internal enum SettingKind
{
    /// <summary>A number of seconds.</summary>
    Seconds,

    /// <summary>A whole number.</summary>
    Count,

    /// <summary>Yes or no.</summary>
    Flag,

    /// <summary>Seconds by channel: <c>default=14400, voice=3600</c>.</summary>
    SecondsByChannel,

    /// <summary>A time of day in a time zone, <c>23:00 Europe/Berlin</c>, or nothing.</summary>
    TimeOfDay,
}

/// <summary>A setting of the policy, as text: so it is typed in and stands in the address, and is sent as the API has it.</summary>
/// <param name="Name">As the API calls it.</param>
/// <param name="Kind">How it is typed in.</param>
/// <param name="Rules">The rules that it is about.</param>
internal sealed record PolicySetting(string Name, SettingKind Kind, string Rules)
{
    /// <summary>All of them, in the order in which they are shown.</summary>
    public static IReadOnlyList<PolicySetting> All { get; } =
    [
        new("heartbeatTimeout", SettingKind.Seconds, "CON-1"),
        new("heartbeatSeconds", SettingKind.Seconds, "CON-7"),
        new("refreshGrace", SettingKind.Seconds, "CON-6"),
        new("restoreWindow", SettingKind.Seconds, "CON-4"),
        new("missedNotificationSetsInactive", SettingKind.Flag, "NOT-1"),
        new("rejectedNotificationSetsDoNotDisturb", SettingKind.Flag, "NOT-2"),
        new("maxOpenSessions", SettingKind.Count, "CAP-5"),
        new("zeroCapacityWorkSetsBusy", SettingKind.Flag, "CAP-14"),
        new("endOfDay", SettingKind.TimeOfDay, "CAP-7"),
        new("stuckAfterSeconds", SettingKind.SecondsByChannel, "STK-1"),
        new("flappingTimes", SettingKind.Count, "DIA-2"),
        new("flappingWindow", SettingKind.Seconds, "DIA-2"),
    ];

    /// <summary>The setting of a policy as text.</summary>
    public string Text(JsonObject policy) =>
        (Kind, policy[Name]) switch
        {
            (_, null) => "",
            (SettingKind.Flag, var value) => value.GetValue<bool>() ? "true" : "false",
            (SettingKind.SecondsByChannel, JsonObject channels) => string.Join(
                ", ",
                channels.Select(c => $"{Identifier.JoinList([c.Key])}={Number(c.Value!)}")
            ),
            (SettingKind.TimeOfDay, JsonObject end) => $"{end["time"]} {end["timeZone"]}",
            (_, var value) => Number(value),
        };

    /// <summary>Reads what was typed; false where it is none. What it may be is for the API to say.</summary>
    public bool TryRead(string text, out JsonNode? value)
    {
        text = text.Trim();
        value = null;
        switch (Kind)
        {
            case SettingKind.Flag:
                value = text == "true";
                return text is "true" or "false";
            case SettingKind.Count:
                value = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) ? count : null;
                return value is not null;
            case SettingKind.SecondsByChannel:
                var channels = new JsonObject();
                foreach (var one in Identifier.SplitList(text).Where(one => one.Length > 0))
                    if (one.LastIndexOf('=') is not (> 0 and var at) || Seconds(one[(at + 1)..].Trim()) is not { } s)
                        return false;
                    else
                        channels[one[..at].Trim()] = s;
                value = channels;
                return true;
            case SettingKind.TimeOfDay:
                if (text.Length == 0)
                    return true;
                value = text.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [var time, var zone]
                    ? new JsonObject { ["time"] = time, ["timeZone"] = zone }
                    : null;
                return value is not null;
            default:
                value = Seconds(text);
                return value is not null;
        }
    }

    /// <summary>Whether two texts say the same.</summary>
    public bool Same(string a, string b) =>
        a.Trim() == b.Trim() || (TryRead(a, out var one) && TryRead(b, out var other) && JsonNode.DeepEquals(one, other));

    /// <summary>Those of some typed texts that can be read and are other than what is, as the API takes them.</summary>
    public static JsonObject Changes(JsonObject present, IReadOnlyDictionary<string, string> typed) =>
        new(
            All.Where(setting => typed.TryGetValue(setting.Name, out var text) && !setting.Same(text, setting.Text(present)))
                .Select(setting =>
                    (setting.Name, setting.Kind, CanBeRead: setting.TryRead(typed[setting.Name], out var value), Value: value)
                )
                .Where(change => change.CanBeRead)
                .Select(change =>
                    KeyValuePair.Create(
                        change.Name,
                        change.Kind is SettingKind.SecondsByChannel ? WithoutOthers(change.Value, present[change.Name]) : change.Value
                    )
                )
        );

    /// <summary>In a map null takes an entry away; one that is left out would stay.</summary>
    private static JsonNode? WithoutOthers(JsonNode? typed, JsonNode? present)
    {
        if (typed is JsonObject map && present is JsonObject before)
            foreach (var gone in before.Select(b => b.Key).Where(key => !map.ContainsKey(key)).ToArray())
                map[gone] = null;
        return typed;
    }

    private static double? Seconds(string text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) ? seconds : null;

    private static string Number(JsonNode value) => value.GetValue<double>().ToString(CultureInfo.InvariantCulture);
}
