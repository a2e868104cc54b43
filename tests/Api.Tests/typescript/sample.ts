// A client as somebody would write it with the generated types. It is compiled, not run: whatever the description loses is an error here.
import type { components, operations } from "./generated";

type Ok<Name extends keyof operations> = operations[Name] extends {
  responses: { 200: { content: { "application/json": infer Body } } };
}
  ? Body
  : never;
type Sent<Name extends keyof operations> = operations[Name] extends {
  requestBody?: { content: { "application/json": infer Body } };
}
  ? Body
  : never;
type Problem = components["schemas"]["Problem"];

class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(`${problem.code}: ${problem.detail} (${problem.traceId})`);
  }

  get fields(): string[] {
    return Object.keys(this.problem.errors ?? {});
  }
}

async function call<Body>(url: string, method: string, body?: unknown, headers: Record<string, string> = {}): Promise<Body> {
  const response = await fetch(url, {
    method,
    headers: { "content-type": "application/json", ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!response.ok) throw new Refused((await response.json()) as Problem);
  return (await response.json()) as Body;
}

export async function day(base: string, agentId: string): Promise<string> {
  const agent = `${base}/api/v1/agents/${encodeURIComponent(agentId)}`;
  const as = { "X-Actor": `agent:${encodeURIComponent(agentId)}` };

  const hello: Sent<"signIn"> = { connectionId: "tab-1" };
  const signedIn = await call<Ok<"signIn">>(`${agent}/sign-in`, "POST", hello, as);
  const beatEvery: number | undefined = signedIn.heartbeatSeconds;

  const wanted: Sent<"setPresence"> = { statusId: "away", reason: { code: "lunch" } };
  const away = await call<Ok<"setPresence">>(`${agent}/presence`, "PUT", wanted, {
    ...as,
    "If-Match": `"${signedIn.version}"`,
    "Idempotency-Key": "lunch-1",
  });
  const status: "available" | "busy" | "do-not-disturb" | "away" | "offline" = away.base;
  const rules: (string | undefined)[] = (away.events ?? []).map((event) => event.rule);

  const query: operations["getHistoricalReport"]["parameters"]["query"] = {
    from: "2026-01-05",
    to: "2026-01-06",
    bucket: "day",
    agents: [agentId],
  };
  const parameters = new URLSearchParams(Object.entries(query ?? {}).map(([name, value]) => [name, String(value)]));
  const report = await call<Ok<"getHistoricalReport">>(`${base}/api/v1/reports/historical/agents?${parameters}`, "GET", undefined, as);
  const next: string | undefined = report.next;
  const rows = report.items.map((row) => {
    // Undefined is null, never missing; a sum is always a number.
    const handled: number | null = row.averageHandleSeconds;
    const signedInFor: number = row.loginSeconds;
    const lunch: number = row.statusSeconds["away"]?.seconds ?? 0;
    return `${row.agentId} ${row.bucketStart}: ${signedInFor} ${handled ?? "-"} ${lunch}`;
  });
  return [report.asOf, String(report.conserved), status, ...rules, beatEvery, next, ...rows].join("\n");
}

// @ts-expect-error A status has to be named.
export const incomplete: Sent<"setPresence"> = { reason: { code: "lunch" } };

// @ts-expect-error There is no such bucket.
export const wrong: operations["getHistoricalReport"]["parameters"]["query"] = { bucket: "fortnight" };
