using System.Collections.Specialized;
using System.Web;
using Microsoft.AspNetCore.Http;

namespace PresenceLedger.Dashboard.Wall;

/// <summary>All that a viewer chooses on the wall, as it stands in the address: a link, a reload and the way back show the same.</summary>
/// <param name="Filter">Which agents.</param>
/// <param name="Order">In which order.</param>
/// <param name="Range">Of which time the numbers are.</param>
public sealed record WallAddress(WallFilter Filter, WallOrder Order, string Range)
{
    /// <summary>Reads it; what makes no sense is as if it were not there.</summary>
    /// <param name="address">The address of the page.</param>
    public static WallAddress Read(string address)
    {
        var query = HttpUtility.ParseQueryString(new Uri(address).Query);
        var filter = new WallFilter(
            Word(query, "q"),
            Word(query, "queue"),
            Word(query, "skill"),
            WallFilter.Tabs.FirstOrDefault(tab => tab == query["tab"]),
            Word(query, "status"),
            Word(query, "base"),
            Flag(query, "stuck"),
            Flag(query, "full"),
            Flag(query, "routable"),
            Flag(query, "conflicts")
        );
        var column = Column.All.FirstOrDefault(c => c.Key == query["sort"]);
        var range = Ranges.All.FirstOrDefault(r => r == query["range"]) ?? Ranges.Today;
        return new WallAddress(filter, column is null ? WallOrder.ByName : new WallOrder(column, query["order"] == "desc"), range);
    }

    /// <summary>The address.</summary>
    public override string ToString()
    {
        (string Name, string? Value)[] parts =
        [
            ("tab", Filter.Tab),
            ("q", Filter.Text),
            ("status", Filter.Status),
            ("base", Filter.Base),
            ("queue", Filter.Queue),
            ("skill", Filter.Skill),
            ("stuck", Filter.Stuck ? "true" : null),
            ("full", Filter.AtCapacity ? "true" : null),
            ("routable", Filter.Routable ? "true" : null),
            ("conflicts", Filter.Conflicts ? "true" : null),
            ("range", Range == Ranges.Today ? null : Range),
            ("sort", Order == WallOrder.ByName ? null : Order.By.Key),
            ("order", Order.Descending ? "desc" : null),
        ];
        return "/" + QueryString.Create(parts.Where(p => p.Value is not null).Select(p => KeyValuePair.Create(p.Name, p.Value)));
    }

    private static string? Word(NameValueCollection query, string name) => query[name] is { Length: > 0 and <= 200 } word ? word : null;

    private static bool Flag(NameValueCollection query, string name) => query[name] == "true";
}
