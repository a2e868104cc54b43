using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Protocol;

namespace PresenceLedger.Api.Live;

/// <summary>
/// SignalR's JSON, but that a call with arguments of the wrong type or number reaches the hub, as <see cref="PresenceHub.Unreadable"/>: so
/// it is answered with a problem, where SignalR would say that there was an error on the server.
/// </summary>
internal sealed class ForgivingProtocol(IHubProtocol json) : IHubProtocol
{
    public string Name => json.Name;

    public int Version => json.Version;

    public TransferFormat TransferFormat => json.TransferFormat;

    /// <summary>Takes the place of the protocol of that name that was added before.</summary>
    public static void Add(IServiceCollection services) =>
        services.AddSingleton<IHubProtocol>(s => new ForgivingProtocol(ActivatorUtilities.CreateInstance<JsonHubProtocol>(s)));

    public bool IsVersionSupported(int version) => json.IsVersionSupported(version);

    public ReadOnlyMemory<byte> GetMessageBytes(HubMessage message) => json.GetMessageBytes(message);

    public void WriteMessage(HubMessage message, IBufferWriter<byte> output) => json.WriteMessage(message, output);

    public bool TryParseMessage(ref ReadOnlySequence<byte> input, IInvocationBinder binder, [NotNullWhen(true)] out HubMessage? message)
    {
        if (!json.TryParseMessage(ref input, binder, out message))
            return false;
        if (message is InvocationBindingFailureMessage failed)
            message = new InvocationMessage(
                failed.InvocationId,
                nameof(PresenceHub.Unreadable),
                [failed.Target, ErrorOf(failed.BindingFailure.SourceException)]
            );
        return true;
    }

    private static string ErrorOf(Exception e) =>
        e switch
        {
            HubException => "there is no such method",
            { InnerException: JsonException } or JsonException => "must have arguments of the types that it is described with",
            _ => "must have as many arguments as it is described with",
        };
}
