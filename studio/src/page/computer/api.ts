/** What `tokenformer studio` tells of the runs on this computer. Other hosts of the page tell nothing. */

import { z } from "zod";
import type { NamedFile } from "../../engine/api.ts";

const runSchema = z.object({
  id: z.string(),
  /** The folder, from where the command was started. */
  name: z.string(),
  /** "tokenformer, 4 layers of width 128". */
  model: z.string(),
  parameters: z.number(),
  step: z.number(),
  /** The steps that it is to have in all. */
  steps: z.number(),
  validationLoss: z.number().optional(),
  /** Whether its metrics have grown in the last seconds. */
  training: z.boolean(),
  changed: z.number(),
});

export type ComputerRun = z.infer<typeof runSchema>;

const listSchema = z.object({ runs: z.array(runSchema) });
const openSchema = z.object({ run: z.string().nullable() });
const filesSchema = z.object({ files: z.array(z.string()), version: z.string() });
const faultSchema = z.object({ error: z.string() });

/** The runs, or undefined where the host of the page has no such thing. */
export async function computerRuns(): Promise<readonly ComputerRun[] | undefined> {
  return (await asked(listSchema, "runs"))?.runs;
}

/** The run that the command named, to be opened at once. */
export async function namedRun(): Promise<string | undefined> {
  return (await asked(openSchema, "open"))?.run ?? undefined;
}

/** `tokenformer studio` marks the page that it serves: other hosts have no such thing to ask for. */
const isServed = () => document.querySelector('meta[name="tokenformer-runs"]') !== null;

async function asked<T>(schema: z.ZodType<T>, path: string): Promise<T | undefined> {
  if (!isServed()) return undefined;
  try {
    const response = await fetch(address(path));
    return response.ok ? schema.safeParse(await response.json()).data : undefined;
  } catch {
    // No network, or a page in place of an answer.
    return undefined;
  }
}

export interface RunFiles {
  readonly version: string;
  readonly files: readonly NamedFile[];
}

/** How often a run may be saved while its files are read. */
const ATTEMPTS = 5;

/** The files of one checkpoint of a run. */
export async function filesOf(run: string): Promise<RunFiles> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { files, version } = filesSchema.parse(await (await got(`runs/${run}/files`)).json());
    const responses = await Promise.all(
      files.map((name) => fetch(address(`runs/${run}/files/${encodeURIComponent(name)}?version=${version}`))),
    );
    if (responses.some(({ status }) => status === SAVED_MEANWHILE)) continue;
    const read = responses.map(async (response, index) => ({
      name: files[index] ?? "",
      data: await (await checked(response)).blob(),
    }));
    return { version, files: await Promise.all(read) };
  }
  throw new Error("The run is saved more often than it can be read; try again when it has ended.");
}

const SAVED_MEANWHILE = 409;

const got = async (path: string) => checked(await fetch(address(path)));

async function checked(response: Response): Promise<Response> {
  if (response.ok) return response;
  const told = faultSchema.safeParse(await response.json().catch(() => undefined));
  throw new Error(
    told.data?.error ?? `The run could not be read (${response.status}); look whether the command still runs.`,
  );
}

/** The address of the stream of the metrics of runs. */
export const metricsAddress = (runs: readonly string[]) =>
  address(`metrics?${new URLSearchParams(runs.map((run) => ["run", run]))}`);

const address = (path: string) => new URL(`api/${path}`, document.baseURI);
