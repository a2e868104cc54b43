using System.Diagnostics;
using Microsoft.AspNetCore.Http.Metadata;
using PresenceLedger.Api.Access;
using PresenceLedger.Api.Http;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Ledger.Access;
using PresenceLedger.Queries;

namespace PresenceLedger.Api.Privacy;

/// <summary>The section <c>Audit</c> of the configuration.</summary>
public sealed class AuditOptions
{
    /// <summary>Whether who reads the audit of somebody else has to say what for.</summary>
    public bool PurposeRequired { get; set; }
}

/// <summary>Says that an endpoint records its reads by a call of its own, where it knows of which time they are.</summary>
internal sealed record RecordsReads;

/// <summary>Says that the reads of an endpoint of the audit are not recorded: it shows what is, not what was.</summary>
internal sealed record RecordsNoReads;

/// <summary>Records who reads the audit of somebody else; what is not recorded is not answered.</summary>
internal sealed class ReadRecording(AccessLog access, AuditOptions options)
{
    public const string PurposeHeader = "X-Purpose";

    public const string PurposeParameter = "purpose";

    private const string AuditTag = "Audit";

    /// <summary>Whether reads of an endpoint are recorded: those of the audit are, unless it says that they are not.</summary>
    public static bool IsOn(IReadOnlyList<object> metadata) =>
        metadata.OfType<RecordsReads>().Any()
        || (metadata.OfType<ITagsMetadata>().Any(t => t.Tags.Contains(AuditTag)) && !metadata.OfType<RecordsNoReads>().Any());

    /// <summary>Records a read by somebody else.</summary>
    /// <exception cref="InvalidQueryException">The purpose is bad, or there is none and one is needed.</exception>
    /// <exception cref="Ledger.LedgerUnavailableException">It could not be recorded.</exception>
    public async Task RecordAsync(HttpContext http, string agentId, string what, DateTimeOffset? from, DateTimeOffset? to)
    {
        var reader = http.Actor();
        if (reader == new Actor(Persona.Agent, agentId))
            return;
        var purpose = ReadPurpose(http);
        var trace = http.Request.Headers.TraceParent.Count > 0 ? Activity.Current?.TraceId.ToString() : null;
        await access.RecordAsync(agentId, reader, new AuditRead(what, from, to, purpose), trace, http.RequestAborted);
    }

    /// <summary>What for, as the header or the query says.</summary>
    /// <exception cref="InvalidQueryException">It is bad, or there is none and one is needed.</exception>
    public string? ReadPurpose(HttpContext http)
    {
        var text = http.Request.Headers[PurposeHeader].ToString();
        if (text.Length == 0)
            text = http.Request.Query[PurposeParameter].ToString();
        var purpose = QueryValues.Text(string.IsNullOrWhiteSpace(text) ? null : text.Trim(), "purpose");
        return purpose is null && options.PurposeRequired
            ? throw new InvalidQueryException(
                "purpose",
                $"must say what the audit of somebody else is read for: header {PurposeHeader} or ?purpose= (Audit:PurposeRequired)"
            )
            : purpose;
    }
}

/// <summary>
/// Records the reads of every query of one agent's audit, after what is to be answered was found and before it is sent. It goes by the tag,
/// so that a query that is added later is recorded without more ado.
/// </summary>
internal sealed class ReadRecordingFilter(ReadRecording recording) : IEndpointFilter
{
    private const string AgentId = "{agentId}";

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        if (
            http.GetEndpoint() is not RouteEndpoint endpoint
            || !HttpMethods.IsGet(http.Request.Method)
            || http.Request.RouteValues["agentId"] is not string agentId
            || endpoint.Metadata.GetMetadata<RecordsReads>() is not null
            || !ReadRecording.IsOn(endpoint.Metadata)
            || http.ActorOrNone() is not { } reader
            || reader == new Actor(Persona.Agent, agentId)
            || Permissions.CheckAudit(reader, agentId) is not null
        )
            return await next(context);

        recording.ReadPurpose(http);
        var answer = await next(context);
        if (answer is INestedHttpResult { Result: var nested })
            answer = nested;
        if (answer is IStatusCodeHttpResult { StatusCode: >= StatusCodes.Status400BadRequest })
            return answer;
        var (from, to) = TimeOf(http.Request.Query);
        await recording.RecordAsync(http, agentId, WhatOf(endpoint), from, to);
        return answer;
    }

    /// <summary>What stands behind the agent in the path.</summary>
    private static string WhatOf(RouteEndpoint endpoint)
    {
        var segments = endpoint.RoutePattern.RawText!.Split('/');
        var agent = Array.IndexOf(segments, AgentId);
        return agent + 1 < segments.Length ? segments[agent + 1] : "agent";
    }

    /// <summary>Of which time, as the query has it; the answer was found, so it is well formed.</summary>
    private static (DateTimeOffset? From, DateTimeOffset? To) TimeOf(IQueryCollection query)
    {
        InstantQuery.TryRead(query["at"], out var at);
        InstantQuery.TryRead(query["from"], out var from);
        InstantQuery.TryRead(query["to"], out var to);
        return at is null ? (from, to) : (at, at);
    }
}
