using System.Reflection;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Primitives;
using PresenceLedger.Api.Privacy;

namespace PresenceLedger.Api.Http;

/// <summary>Says that a query parameter is a list: repeated, or with commas between its items.</summary>
/// <param name="alsoCalled">Other names of it.</param>
[AttributeUsage(AttributeTargets.Parameter | AttributeTargets.Property)]
internal sealed class QueryListAttribute(params string[] alsoCalled) : Attribute
{
    public string[] AlsoCalled { get; } = alsoCalled;
}

/// <summary>Which query parameters an endpoint knows, by the signature of its handler and by what its metadata says.</summary>
/// <param name="singles">Those that take one value.</param>
/// <param name="lists">Those that take several.</param>
internal sealed class QueryShape(IReadOnlySet<string> singles, IReadOnlySet<string> lists)
{
    public const string MinVersion = "minVersion";

    private static readonly string[] OfCallersWithoutHeaders = ["actor", "access_token"];

    /// <summary>The shape of an endpoint.</summary>
    public static QueryShape Of(RouteEndpoint endpoint)
    {
        var singles = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        var lists = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        var inPath = endpoint.RoutePattern.Parameters.Select(p => p.Name).ToHashSet(StringComparer.OrdinalIgnoreCase);
        foreach (var parameter in endpoint.Metadata.GetMetadata<MethodInfo>()?.GetParameters() ?? [])
            if (parameter.GetCustomAttribute<AsParametersAttribute>() is not null)
                foreach (var property in parameter.ParameterType.GetProperties())
                    Add(property, property.GetCustomAttribute<FromQueryAttribute>()?.Name ?? property.Name);
            else if (IsOfQuery(parameter.ParameterType) && !inPath.Contains(parameter.Name!))
                Add(parameter, parameter.Name!);
        if (endpoint.Metadata.GetMetadata<Paged>() is not null)
            singles.UnionWith(["limit", "cursor"]);
        if (inPath.Contains("agentId") && endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods.Contains("GET") == true)
            singles.UnionWith(ReadRecording.IsOn(endpoint.Metadata) ? [MinVersion, ReadRecording.PurposeParameter] : [MinVersion]);
        return new QueryShape(singles, lists);

        void Add(ICustomAttributeProvider of, string name)
        {
            if (of.GetCustomAttributes(typeof(QueryListAttribute), inherit: true) is [QueryListAttribute list])
                lists.UnionWith([name, .. list.AlsoCalled]);
            else
                singles.Add(name);
        }
    }

    /// <summary>What is wrong with a parameter; null where nothing is.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="values">Its values.</param>
    /// <param name="saysWho">Whether the request may say in its query who calls.</param>
    public string? Error(string name, StringValues values, bool saysWho)
    {
        if (lists.Contains(name))
            return QueryLists.Items(values).Any() ? null : "must name at least one, or be left out";
        if (!singles.Contains(name) && !(saysWho && OfCallersWithoutHeaders.Contains(name)))
            return Nearest(name) is { } nearest
                ? $"is not known here; the nearest that is known is '{nearest}'"
                : "is not known here: this takes no parameters";
        return values.Count > 1 ? "must be given once" : null;
    }

    private string? Nearest(string name) =>
        singles
            .Concat(lists)
            .OrderBy(known => Distance(name.ToUpperInvariant(), known.ToUpperInvariant()))
            .ThenBy(known => known, StringComparer.Ordinal)
            .FirstOrDefault();

    /// <summary>How many letters are to be added, taken away or changed to make one text of the other (Levenshtein).</summary>
    private static int Distance(string from, string to)
    {
        // A longer one is near to nothing.
        from = from.Length > 100 ? from[..100] : from;
        var before = Enumerable.Range(0, to.Length + 1).ToArray();
        for (var f = 1; f <= from.Length; f++)
        {
            var row = new int[to.Length + 1];
            row[0] = f;
            for (var t = 1; t <= to.Length; t++)
                row[t] = Math.Min(Math.Min(row[t - 1], before[t]) + 1, before[t - 1] + (from[f - 1] == to[t - 1] ? 0 : 1));
            before = row;
        }
        return before[to.Length];
    }

    private static bool IsOfQuery(Type type)
    {
        var given = Nullable.GetUnderlyingType(type) ?? type;
        return given == typeof(string) || given.IsPrimitive || given.IsEnum;
    }
}
