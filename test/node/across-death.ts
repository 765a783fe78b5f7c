/** Many clients, each with a scenario of its own, and one kill -9 that hits them all: a process that is killed often is started again ever later. */
import { beforeAll, describe, test } from "vitest";
import { readError, readRow } from "../oracle/capture.ts";
import { ConnectionLostError, WireConnection, type Endpoint } from "../wire/connection.ts";
import { query, type Frame } from "../wire/frames.ts";
import { PATIENCE_MS, within } from "./node-cluster.ts";

/** A client's connection whose frames are read as short lines, in order, none left out. */
export class Talk {
  readonly wire: WireConnection;

  constructor(wire: WireConnection) {
    this.wire = wire;
  }

  static async connect(at: Endpoint, settings: Record<string, string> = {}): Promise<Talk> {
    return new Talk(await within("log-in", WireConnection.connect(at, settings)));
  }

  send(...frames: readonly Buffer[]): void {
    this.wire.send(...frames);
  }

  /** All up to the given number of ReadyForQuery: "E 40001", "D 1|x", "C SELECT 1", "Z I"; others by their letter. */
  async heard(readies = 1): Promise<string[]> {
    const lines: string[] = [];
    for (let ready = 0; ready < readies; ready++) {
      const frames = await within(`answer after ${lines.join(", ")}`, this.wire.until("Z"));
      lines.push(...frames.map(lineOf));
    }
    return lines;
  }

  /** Up to a frame of this type. */
  async heardTo(type: string): Promise<string[]> {
    return (await within(`frame ${type}`, this.wire.until(type))).map(lineOf);
  }

  ask(sql: string): Promise<string[]> {
    this.send(query(sql));
    return this.heard();
  }

  /** The first value of the answer; throws on an error. */
  async value(sql: string): Promise<string> {
    const lines = await this.ask(sql);
    const row = lines.find((line) => line.startsWith("D "));
    if (row === undefined || lines.at(-1) !== "Z I") throw new Error(`${sql}: ${lines.join(", ")}`);
    return row.slice(2);
  }

  /** What comes until the connection ends. */
  async lastWords(): Promise<Frame[]> {
    const frames: Frame[] = [];
    try {
      for (;;) frames.push(await within("the end of the connection", this.wire.next()));
    } catch (error) {
      if (!(error instanceof ConnectionLostError) && !isReset(error)) throw error;
      return frames;
    }
  }
}

function isReset(error: unknown): boolean {
  return /ECONNRESET|EPIPE/.test(String((error as NodeJS.ErrnoException).code));
}

export function lineOf({ type, body }: Frame): string {
  if (type === "E") return `E ${readError(body).sqlstate}`;
  if (type === "D")
    return `D ${readRow(body)
      .map((value) => value ?? "null")
      .join("|")}`;
  if (type === "C") return `C ${body.toString("utf8", 0, body.length - 1)}`;
  if (type === "Z") return `Z ${body.toString()}`;
  return type;
}

/** Runs to `death`, where all wait for each other and for the kill, and on from there. */
export type Scenario = (death: () => Promise<void>) => Promise<void>;

/** One test for each scenario; `kill` is called once, when all of them have come to where the kill is to be. */
export function acrossDeath(
  title: string,
  kill: () => Promise<void>,
  scenarios: Readonly<Record<string, Scenario>>,
): void {
  describe(title, () => {
    const outcomes = new Map<string, Promise<Error | undefined>>();
    beforeAll(async () => {
      let missing = Object.keys(scenarios).length;
      let allArrived: () => void = () => {};
      const arrived = new Promise<void>((resolve) => (allArrived = resolve));
      let over: () => void = () => {};
      const killed = new Promise<void>((resolve) => (over = resolve));
      for (const [name, scenario] of Object.entries(scenarios)) {
        let counted = false;
        const arrive = () => {
          if (!counted && --missing === 0) allArrived();
          counted = true;
        };
        const run = scenario(() => {
          arrive();
          return killed;
        });
        // One that fails before must not keep the others waiting.
        outcomes.set(
          name,
          run
            .then(
              () => undefined,
              (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
            )
            .finally(arrive),
        );
      }
      await within(`scenarios of "${title}"`, arrived, 2 * PATIENCE_MS);
      await kill();
      over();
    });
    for (const name of Object.keys(scenarios))
      test(name, async () => {
        const error = await outcomes.get(name);
        if (error !== undefined) throw error;
      });
  });
}
