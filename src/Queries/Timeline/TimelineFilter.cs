using System.Collections.Frozen;
using System.Text.Json;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Naming;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Queries.Timeline;

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

    /// <summary>Those that are of one of the types, of one of the rules, and by one of the actors; none given is any.</summary>
    /// <param name="types">Types of events, as <c>presence-changed</c>.</param>
    /// <param name="rules">Rules, as <c>CAP-3</c>.</param>
    /// <param name="actors">Who did it: <c>supervisor</c> for all of them, or <c>supervisor:sue</c>.</param>
    /// <exception cref="InvalidQueryException">There is no such type, rule or kind of actor.</exception>
    public static TimelineFilter Of(string[] types, string[] rules, string[] actors)
    {
        if (types.FirstOrDefault(t => !KnownTypes.Contains(t)) is { } unknown)
            throw new InvalidQueryException(
                "type",
                $"'{unknown}' is not a type of event; there are {string.Join(", ", KnownTypes.Order(StringComparer.Ordinal))}"
            );
        if (rules.FirstOrDefault(r => !Rules.All.Contains(r)) is { } noRule)
            throw new InvalidQueryException("rule", $"'{noRule}' is not a rule; they are named as in CAP-3");
        return new TimelineFilter(types, rules, [.. actors.Select(ActorOf)]);
    }

    /// <summary>The same, each as a list with commas.</summary>
    /// <inheritdoc cref="Of(string[], string[], string[])" />
    public static TimelineFilter Of(string? types, string? rules, string? actors)
    {
        return Of(Items(types), Items(rules), Items(actors));

        static string[] Items(string? list) => [.. Identifier.SplitList(list ?? "").Where(item => item.Length > 0)];
    }

    private static (Persona Kind, string? Id) ActorOf(string text)
    {
        var parts = text.Split(':', 2);
        return Personas.TryGetValue(parts[0], out var kind) && (parts.Length == 1 || Identifier.IsValid(parts[1]))
            ? (kind, parts.Length > 1 ? parts[1] : null)
            : throw new InvalidQueryException(
                "actor",
                $"'{text}' is neither KIND nor KIND:ID; kinds are {string.Join(", ", Personas.Keys.Order(StringComparer.Ordinal))}"
            );
    }

    /// <summary>Whether an event is wanted.</summary>
    public bool Takes(AuditedEvent e) =>
        (_types.Length == 0 || _types.Contains(WireNames.Short(e.Stored.Record.Type)))
        && (_rules.Length == 0 || (e.Metadata.Rule is { } rule && _rules.Contains(rule)))
        && (_actors.Length == 0 || _actors.Any(a => a.Kind == e.Metadata.Actor.Kind && (a.Id is null || a.Id == e.Metadata.Actor.Id)));
}
