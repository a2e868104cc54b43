using PresenceLedger.Domain.Naming;

namespace PresenceLedger.Api.Http;

/// <summary>Identifiers as requests name them; what one is, <see cref="Identifier"/> says.</summary>
internal static class Identifiers
{
    public const string Error = Identifier.Rule;

    public static bool IsValid(string? id) => Identifier.IsValid(id);
}
