using System.Globalization;
using System.Threading.RateLimiting;
using PresenceLedger.Api.Http;
using PresenceLedger.Api.Live;
using PresenceLedger.Api.Reports.RealTime;

namespace PresenceLedger.Api.Hosting;

/// <summary>How much the service takes on at once, so that too much is answered and not suffered.</summary>
internal static class Limits
{
    /// <summary>The largest body, in bytes; a batch of some thousand heartbeats fits.</summary>
    public const int BodyBytes = 256 * 1024;

    public static void Configure(WebApplicationBuilder builder)
    {
        var atOnce = builder.Configuration.GetValue("Limits:ConcurrentRequests", 1000);
        var waiting = builder.Configuration.GetValue("Limits:WaitingRequests", 10_000);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = BodyBytes;
            kestrel.Limits.MaxRequestHeadersTotalSize = 32 * 1024;
            // A report names up to a thousand agents in its address.
            kestrel.Limits.MaxRequestLineSize = 32 * 1024;
            if (OpenFiles() is { } files)
                kestrel.Limits.MaxConcurrentConnections = Math.Max(64, files - 300);
        });
        builder.Services.AddRateLimiter(limiter =>
        {
            limiter.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(context =>
                IsUnlimited(context.Request.Path)
                    ? RateLimitPartition.GetNoLimiter("unlimited")
                    : RateLimitPartition.GetConcurrencyLimiter(
                        "all",
                        _ => new ConcurrencyLimiterOptions
                        {
                            PermitLimit = atOnce,
                            QueueLimit = waiting,
                            QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
                        }
                    )
            );
            limiter.OnRejected = async (rejected, _) =>
            {
                rejected.HttpContext.Response.Headers.RetryAfter = "1";
                await Problems
                    .Of(StatusCodes.Status429TooManyRequests, "too-many-requests", "The service has too much to do. Try again in a second.")
                    .ExecuteAsync(rejected.HttpContext);
            };
        });
    }

    /// <summary>Probes must be answered, and what is live lasts; connections are limited as such.</summary>
    private static bool IsUnlimited(PathString path) =>
        path.StartsWithSegments("/health", StringComparison.OrdinalIgnoreCase)
        || path.StartsWithSegments(LiveStream.FullPath, StringComparison.OrdinalIgnoreCase)
        || path.StartsWithSegments(RealTimeStream.FullPath, StringComparison.OrdinalIgnoreCase)
        || path.StartsWithSegments(PresenceHub.Path, StringComparison.OrdinalIgnoreCase);

    /// <summary>At the limit of open files a .NET server aborts; the number of connections must stay below. Null where unknown.</summary>
    private static long? OpenFiles()
    {
        try
        {
            var line = File.ReadLines("/proc/self/limits").FirstOrDefault(l => l.StartsWith("Max open files", StringComparison.Ordinal));
            var soft = line?["Max open files".Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0];
            return long.TryParse(soft, NumberStyles.None, CultureInfo.InvariantCulture, out var files) ? files : null;
        }
        catch (IOException)
        {
            return null;
        }
    }
}
