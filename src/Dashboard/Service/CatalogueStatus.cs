namespace PresenceLedger.Dashboard.Service;

/// <summary>A status of the catalogue, as pages show it.</summary>
public sealed record CatalogueStatus(
    string StatusId,
    string Text,
    string Base,
    string? Name = null,
    string? Description = null,
    bool BuiltIn = false,
    bool Retired = false,
    bool Used = false
);
