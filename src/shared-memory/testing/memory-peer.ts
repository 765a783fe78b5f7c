/** Another process of a node, for tests: maps the shared memory, and does what it is told over the channel to its parent. */
import { NodeMemory } from "../node-memory.ts";

/** What the parent tells it; each is answered. */
export type MemoryRequest =
  | { readonly do: "look"; readonly session: number }
  | { readonly do: "write"; readonly session: number };

/** What it sees. */
export interface Seen {
  readonly processes: readonly string[];
  readonly version: number;
  readonly owner: number;
  readonly read: number;
}

const [, , directory] = process.argv;
const memory = NodeMemory.open(directory!);
const definitions = memory.definitions.of("shop", 1, 2);

process.on("message", (request: MemoryRequest) => {
  const { sessions } = memory;
  if (request.do === "write") {
    definitions.advance();
    sessions.setOwner(request.session, 42);
    sessions.conversation(request.session).received(1_000_000_000_000);
  }
  const seen: Seen = {
    processes: memory.processes.entries().map(({ kind }) => kind),
    version: definitions.version,
    owner: sessions.owner(request.session),
    read: sessions.conversation(request.session).state().read,
  };
  process.send!(seen);
});
process.send!("ready");
