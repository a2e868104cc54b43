using System.Collections.Frozen;
using System.Text.Json;
using PresenceLedger.Api.Http;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Api.Audit;

/// <summary>Which events of a timeline are wanted: those that fit one of each kind of criterion that is given.</summary>
public sealed class TimelineFilter
{
    private static readonly FrozenSet<string> KnownTypes = WireNames
        .All.Where(pair => pair.Key.IsAssignableTo(typeof(AgentEvent)))
        .Select(pair => WireNames.Short(pair.Value))
        .ToFrozenSet(StringComparer.Ordinal);

    private static readonly FrozenDictionary<string, Persona> Personas = Enum.GetValues<Persona>()
        .ToFrozenDictionary(kind => JsonNamingPolicy.KebabCaseLower.ConvertName(kind.ToString()), StringComparer.Ordinal);

    private readonly string[] _types;
    private readonly string[] _rules;
    private readonly (Persona Kind, string? Id)[] _actors;

    private TimelineFilter(string[] types, string[] rules, (Persona Kind, string? Id)[] actors)
    {
        _types = types;
        _rules = rules;
        _actors = actors;
    }

    /// <summary>Whether every event is wanted.</summary>
    public bool TakesAll => _types.Length + _rules.Length + _actors.Length == 0;

    /// <summary>Reads what is wanted, each as a list with commas.</summary>
    public static (string Field, string Error)? Read(string? type, string? rule, string? actor, out TimelineFilter filter)
    {
        return ReadLists(Items(type), Items(rule), Items(actor), out filter);

        static string[] Items(string? list) => [.. QueryLists.Items(list)];
    }

    /// <summary>Reads what is wanted; gives the field that is wrong, and how.</summary>
    /// <param name="types">Types of events, as <c>presence-changed</c>.</param>
    /// <param name="rules">Rules, as <c>CAP-3</c>.</param>
    /// <param name="actors">Who did it: <c>supervisor</c> for all of them, or <c>supervisor:sue</c>.</param>
    /// <param name="filter">What is wanted.</param>
    public static (string Field, string Error)? ReadLists(string[] types, string[] rules, string[] actors, out TimelineFilter filter)
    {
        filter = new TimelineFilter(types, rules, new (Persona, string?)[actors.Length]);
        if (types.FirstOrDefault(t => !KnownTypes.Contains(t)) is { } unknown)
            return ("type", $"'{unknown}' is not a type of event; there are {string.Join(", ", KnownTypes.Order(StringComparer.Ordinal))}");
        if (rules.FirstOrDefault(r => !Rules.All.Contains(r)) is { } noRule)
            return ("rule", $"'{noRule}' is not a rule; they are named as in CAP-3");
        for (var n = 0; n < actors.Length; n++)
        {
            var parts = actors[n].Split(':', 2);
            if (!Personas.TryGetValue(parts[0], out var kind) || (parts.Length > 1 && !Identifiers.IsValid(parts[1])))
                return (
                    "actor",
                    $"'{actors[n]}' is neither KIND nor KIND:ID; kinds are {string.Join(", ", Personas.Keys.Order(StringComparer.Ordinal))}"
                );
            filter._actors[n] = (kind, parts.Length > 1 ? parts[1] : null);
        }
        return null;
    }

    /// <summary>Whether an event is wanted.</summary>
    internal bool Takes(AuditedEvent e) =>
        (_types.Length == 0 || _types.Contains(WireNames.Short(e.Stored.Record.Type)))
        && (_rules.Length == 0 || (e.Metadata.Rule is { } rule && _rules.Contains(rule)))
        && (_actors.Length == 0 || _actors.Any(a => a.Kind == e.Metadata.Actor.Kind && (a.Id is null || a.Id == e.Metadata.Actor.Id)));
}
