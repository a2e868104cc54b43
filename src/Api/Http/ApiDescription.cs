using Microsoft.AspNetCore.OpenApi;

namespace PresenceLedger.Api.Http;

/// <summary>The OpenAPI description.</summary>
internal static class ApiDescription
{
    public static void Configure(OpenApiOptions options) =>
        options.AddDocumentTransformer(
            (document, _, _) =>
            {
                document.Info.Title = "PresenceLedger";
                document.Info.Version = "v1";
                document.Info.Description =
                    "An event-sourced ledger of agent presence: commands of agents, routing engines and administrators, and queries. "
                    + "Errors are problem details with a stable code. Who calls: header X-Actor (KIND:ID) with Access:Mode=Open, "
                    + "a bearer token with Access:Mode=Jwt. Commands take Idempotency-Key, If-Match, traceparent and X-Connection.";
                document.Servers?.Clear();
                return Task.CompletedTask;
            }
        );
}
