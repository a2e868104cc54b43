using System.Text.RegularExpressions;

namespace PresenceLedger.Api.Http;

/// <summary>Identifiers are opaque: 1 to 128 characters out of <c>A-Z a-z 0-9 . _ ~ : @ -</c>.</summary>
internal static partial class Identifiers
{
    public const string Error = "must be 1 to 128 characters out of A-Z a-z 0-9 . _ ~ : @ -";

    public static bool IsValid(string? id) => id is not null && Pattern().IsMatch(id);

    [GeneratedRegex(@"\A[A-Za-z0-9._~:@-]{1,128}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}

/// <summary>Looks at every identifier in the path before anything else is done with it.</summary>
internal sealed class IdentifierFilter : IEndpointFilter
{
    public ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        foreach (var (name, value) in context.HttpContext.Request.RouteValues)
            if (name.EndsWith("Id", StringComparison.Ordinal) && !Identifiers.IsValid(value as string))
                return ValueTask.FromResult<object?>(Problems.Validation(name, Identifiers.Error));
        return next(context);
    }
}
