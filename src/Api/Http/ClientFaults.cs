using Microsoft.AspNetCore.Connections;

namespace PresenceLedger.Api.Http;

/// <summary>
/// What a client does is not the service's failure: a body that cannot be read is a bad request, however the server finds out, and a client
/// that leaves before it is answered is no error.
/// </summary>
internal static class ClientFaults
{
    public static void Use(WebApplication app)
    {
        var logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(ClientFaults).FullName!);
        var unavailable = app.Services.GetRequiredService<Unavailability>();
        app.Use(
            async (http, next) =>
            {
                if (http.Request.ContentLength is > 0 || http.Request.Headers.TransferEncoding.Count > 0)
                    http.Request.Body = new SentBody(http.Request.Body);
                try
                {
                    await next(http);
                    if (
                        http.Response.StatusCode < StatusCodes.Status400BadRequest
                        && http.Request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase)
                    )
                        unavailable.Of(http.Request).IsOver("Requests are served again");
                }
                catch (Exception e) when (http.RequestAborted.IsCancellationRequested || IsOfConnection(e))
                {
                    logger.LogDebug(e, "The client left: {Method} {Path}", http.Request.Method, http.Request.Path);
                    if (!http.Response.HasStarted)
                        http.Response.StatusCode = StatusCodes.Status499ClientClosedRequest;
                }
            }
        );
    }

    private static bool IsOfConnection(Exception? e) =>
        e is ConnectionResetException or ConnectionAbortedException || (e is not null && IsOfConnection(e.InnerException));

    /// <summary>The body as it is read, by whomever.</summary>
    private sealed class SentBody(Stream body) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            try
            {
                return await body.ReadAsync(buffer, cancellationToken);
            }
            // The server does not foresee every way in which a body can be wrong: the length of a chunk may be beyond all numbers.
            catch (Exception e) when (e is not (BadHttpRequestException or OperationCanceledException) && !IsOfConnection(e))
            {
                throw new BadHttpRequestException("The body cannot be read.", e);
            }
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override int Read(byte[] buffer, int offset, int count) => body.Read(buffer, offset, count);

        public override void Flush() { }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
