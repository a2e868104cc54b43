using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using PresenceLedger.Api.Privacy;

namespace PresenceLedger.Api.Http;

/// <summary>Says that an endpoint answers in pages: it takes <c>limit</c> and <c>cursor</c>.</summary>
/// <param name="Limit">How many there are where <c>limit</c> is left out.</param>
internal sealed record Paged(int Limit = 100);

/// <summary>Says that an endpoint waits for <c>Ledger-Position</c>.</summary>
internal sealed record ReadsYourWrites;

/// <summary>Says that an endpoint records nothing, although its method is not GET.</summary>
internal sealed record RecordsNothing;

/// <summary>The OpenAPI description: what the endpoints' signatures cannot say.</summary>
internal static class ApiDescription
{
    public static void Configure(OpenApiOptions options)
    {
        options.AddDocumentTransformer(
            (document, _, _) =>
            {
                document.Info.Title = "PresenceLedger";
                document.Info.Version = "v1";
                document.Info.Description =
                    "An event-sourced ledger of agent presence: commands of agents, routing engines and administrators, and queries. "
                    + "Errors are problem details with a stable code.";
                // Where it is reached is the caller's to know.
                document.Servers?.Clear();
                return Task.CompletedTask;
            }
        );
        options.AddOperationTransformer(
            (operation, context, _) =>
            {
                operation.Parameters ??= [];
                Header(
                    operation,
                    "X-Actor",
                    "Who calls, KIND:ID with the ID percent-encoded, with Access:Mode=Open; service:local where left out."
                );
                var metadata = context.Description.ActionDescriptor.EndpointMetadata;
                // Heartbeats are no commands: nothing is recorded of them.
                if (
                    context.Description.HttpMethod is not "GET"
                    && context.Description.RelativePath?.Contains("heartbeat", StringComparison.Ordinal) != true
                    && !metadata.OfType<RecordsNothing>().Any()
                )
                {
                    Header(
                        operation,
                        "Idempotency-Key",
                        "The same key with the same command (bodies are compared as JSON) within 24 h gives the first answer again."
                    );
                    Header(operation, "If-Match", "The agent's version that the caller decided on.");
                    Header(operation, "X-Connection", "The connection the command is sent over, percent-encoded: a sign of life of it.");
                }
                if (
                    context.Description.HttpMethod is "GET"
                    && context.Description.RelativePath?.Contains("{agentId}", StringComparison.Ordinal) == true
                    && ReadRecording.IsOn([.. metadata])
                )
                    Header(operation, ReadRecording.PurposeHeader, "What somebody else than the agent reads it for; the agent sees it.");
                if (
                    context.Description.HttpMethod is "GET"
                    && context.Description.RelativePath?.Contains("{agentId}", StringComparison.Ordinal) == true
                )
                    Query(
                        operation,
                        QueryShape.MinVersion,
                        "The least version of the agent: waits up to 5 s until the answer has it.",
                        JsonSchemaType.Integer
                    );
                if (metadata.OfType<ReadsYourWrites>().Any())
                    Header(operation, ReadPositionHeaders.Header, "From an earlier answer: waits up to 5 s until the query has it.");
                if (metadata.OfType<Paged>().FirstOrDefault() is { } paged)
                {
                    Query(operation, "limit", $"At most this many ({paged.Limit}; at most 1000).", JsonSchemaType.Integer);
                    Query(operation, "cursor", "The 'next' of the page before.", JsonSchemaType.String);
                }
                return Task.CompletedTask;
            }
        );
    }

    private static void Header(OpenApiOperation operation, string name, string description) =>
        operation.Parameters!.Add(
            new OpenApiParameter
            {
                Name = name,
                In = ParameterLocation.Header,
                Description = description,
                Schema = new OpenApiSchema { Type = JsonSchemaType.String },
            }
        );

    private static void Query(OpenApiOperation operation, string name, string description, JsonSchemaType type) =>
        operation.Parameters!.Add(
            new OpenApiParameter
            {
                Name = name,
                In = ParameterLocation.Query,
                Description = description,
                Schema = new OpenApiSchema { Type = type },
            }
        );
}
