using Microsoft.Extensions.Localization;
using PresenceLedger.Dashboard.Service;

namespace PresenceLedger.Dashboard.Agents;

/// <summary>What statuses are called: those out of the box in the language of the viewer, custom ones as the centre calls them.</summary>
/// <param name="words">The words of the pages.</param>
/// <param name="catalogue">The statuses as they are now.</param>
public sealed class StatusNames(IStringLocalizer words, IEnumerable<CatalogueStatus> catalogue)
{
    private readonly Dictionary<string, string> _texts = catalogue.ToDictionary(s => s.StatusId, s => s.Text, StringComparer.Ordinal);

    /// <summary>The name of a status.</summary>
    /// <param name="statusId">Its id.</param>
    /// <param name="text">Its text, where the answer at hand has it: as it was then.</param>
    public string Of(string statusId, string? text = null) =>
        words["status." + statusId] is { ResourceNotFound: false } word ? word.Value : text ?? _texts.GetValueOrDefault(statusId, statusId);

    /// <summary>The base by which it is coloured; Inactive has a colour of its own.</summary>
    public static string LookOf(string statusId, string @base) => statusId == "inactive" ? statusId : @base;
}
