/** The portals of the extended protocol by name. Nearly all clients use the unnamed one only. */
import type { PortalState } from "../execute/run.ts";
import { bindComplete, noData, rowDescription, type Field } from "../protocol/backend-messages.ts";
import type { BindMessage } from "../protocol/frontend-messages.ts";
import type { PlannedStatement } from "./planned-statement.ts";

export interface Portal {
  /** As the client wrote it. */
  readonly text: Buffer;
  readonly planned: PlannedStatement | undefined;
  readonly bind: BindMessage;
  readonly parameterTypes: readonly number[];
  readonly state: PortalState;
  /** The client may know the result columns: they stay. */
  fixed: boolean;
  /** Tag of the Execute that came to the end. */
  doneTag: string | undefined;
}

export class Portals {
  private unnamed: Portal | undefined;
  private readonly named = new Map<string, Portal>();

  get(name: string): Portal | undefined {
    return name === "" ? this.unnamed : this.named.get(name);
  }

  set(name: string, portal: Portal): void {
    if (name === "") this.unnamed = portal;
    else this.named.set(name, portal);
  }

  close(name: string): void {
    this.get(name)?.state.close?.();
    if (name === "") this.unnamed = undefined;
    else this.named.delete(name);
  }

  closeAll(): void {
    this.close("");
    if (this.named.size > 0) for (const name of this.named.keys()) this.close(name);
  }
}

/** The answer to Describe of a portal: alone, and behind the BindComplete. */
export interface PortalDescription {
  readonly alone: Buffer;
  readonly withBind: Buffer;
}

const withBind = (alone: Buffer): PortalDescription => ({
  alone,
  withBind: Buffer.concat([bindComplete, alone]),
});

const NO_DATA = withBind(noData);

/** By format code, for portals whose columns are all in the same. */
const uniform: readonly WeakMap<readonly Field[], PortalDescription>[] = [new WeakMap(), new WeakMap()];

export function describePortal(
  fields: readonly Field[] | undefined,
  { resultFormats }: BindMessage,
): PortalDescription {
  if (fields === undefined) return NO_DATA;
  const made = resultFormats.length > 1 ? undefined : uniform[resultFormats[0] ?? 0];
  let description = made?.get(fields);
  if (description === undefined) {
    description = withBind(rowDescription(fields, resultFormats));
    made?.set(fields, description);
  }
  return description;
}
