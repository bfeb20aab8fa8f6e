// What a user of a TypeScript client does first: lists SIMs, reads the overview, changes a label, meets an error.
// usage: node client.js GATEWAY_URL; SIMWARD_API_KEY holds a key. `./schema.js` is what the generator made.
import createClient from "openapi-fetch";

import type { components, paths } from "./schema.js";

declare const process: { argv: string[]; env: Record<string, string | undefined> };

type Failure = components["schemas"]["Failure"];
type Answered<T> = { data?: T; error?: Failure };

const LABEL = "named by a TypeScript client";
const client = createClient<paths>({
  baseUrl: process.argv[2] ?? "",
  headers: { "X-API-Key": process.env["SIMWARD_API_KEY"] ?? "" },
});

function answered<T>({ data, error }: Answered<T>): T {
  if (data === undefined) throw new Error(`${error?.error.code}: ${error?.error.message}`);
  return data;
}

function ensure(holds: boolean, what: unknown): asserts holds {
  if (!holds) throw new Error(`not as it should be: ${JSON.stringify(what)}`);
}

const sims = answered(await client.GET("/api/v1/sims", { params: { query: { page_size: 5 } } }));
const first = sims.data[0];
ensure(first !== undefined && sims.data.length === 5, sims);

const overview = answered(await client.GET("/api/v1/fleet/overview")).data;
ensure(overview.sims.total === sims.pagination.total && overview.sims.total > 0, overview.sims);
for (const quota of [overview.data_quota, overview.sms_quota]) {
  const counted: number = quota.sufficient + quota.low + quota.exhausted + quota.unknown + quota.not_told;
  ensure(counted === overview.sims.total, quota);
}

const path = { iccid: first.iccid };
const renamed = answered(await client.PUT("/api/v1/sims/{iccid}", { params: { path }, body: { label: LABEL } }));
ensure(renamed.data.label === LABEL, renamed);
// One SIM has one type, in whatever answer it stands.
const again: typeof first = answered(await client.GET("/api/v1/sims/{iccid}", { params: { path } })).data;
const label: string | null = again.label;
ensure(label === LABEL, again);

const unknown = await client.GET("/api/v1/sims/{iccid}", { params: { path: { iccid: "8988999000000999999" } } });
const code: Failure["error"]["code"] | undefined = unknown.error?.error.code;
ensure(code === "NOT_FOUND", unknown.error);
console.log(`    TypeScript: ${sims.pagination.total} SIMs, ${overview.data_quota.sufficient} with enough data, one renamed`);
