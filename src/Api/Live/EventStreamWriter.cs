using System.Buffers;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using PresenceLedger.Ledger;
using PresenceLedger.Queries;

namespace PresenceLedger.Api.Live;

/// <summary>Writes an answer of server-sent events, as the HTML standard has them.</summary>
/// <param name="http">The request.</param>
/// <param name="ct">Cancelled where the reader is waited for no longer.</param>
internal sealed class EventStreamWriter(HttpContext http, CancellationToken ct)
{
    /// <summary>So long may a reader take nothing before it is left. Longer than the server's own limit, so that it can be told why.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private const string ContentType = "text/event-stream";

    /// <summary>More than this is not kept waiting to be sent, in bytes.</summary>
    private const int Most = 64 * 1024;

    /// <summary>The answer to who wants nothing but its headers.</summary>
    public static IResult Empty(HttpContext http)
    {
        http.Response.Headers.CacheControl = "no-store";
        return Results.Text("", ContentType);
    }

    /// <summary>Begins the answer.</summary>
    public Task StartAsync()
    {
        if (http.Features.Get<IHttpMinResponseDataRateFeature>() is { } rate)
            rate.MinDataRate = null;
        http.Response.ContentType = ContentType;
        http.Response.Headers.CacheControl = "no-store";
        // Proxies are not to hold events back.
        http.Response.Headers["X-Accel-Buffering"] = "no";
        return http.Response.StartAsync(ct);
    }

    /// <summary>Writes an event.</summary>
    /// <param name="name">What it is called.</param>
    /// <param name="json">Its data: JSON, which has no line breaks.</param>
    /// <param name="id">Where the reader may come back to.</param>
    public void WriteJson(string name, ReadOnlySpan<byte> json, LogPosition? id = null)
    {
        var to = http.Response.BodyWriter;
        Encoding.UTF8.GetBytes(id is { } at ? $"event: {name}\nid: {at}\ndata: " : $"event: {name}\ndata: ", to);
        to.Write(json);
        to.Write("\n\n"u8);
    }

    /// <inheritdoc cref="WriteJson" />
    public void Write<T>(string name, T data, LogPosition? id = null) =>
        WriteJson(name, JsonSerializer.SerializeToUtf8Bytes(data, WireJson.Options), id);

    /// <summary>Enough was written that it is to be sent before there is more.</summary>
    public bool IsFull => http.Response.BodyWriter.UnflushedBytes >= Most;

    /// <summary>Sends what was written.</summary>
    /// <exception cref="TimeoutException">The reader takes nothing.</exception>
    public async Task FlushAsync() => await http.Response.BodyWriter.FlushAsync(ct).AsTask().WaitAsync(Patience, ct);

    /// <summary>Tells why the stream ends.</summary>
    public Task DropAsync(string reason)
    {
        Write("dropped", new { reason });
        return FlushAsync();
    }
}
