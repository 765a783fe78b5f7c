/** Another process with the same store, for tests: does what it is told over the channel to its parent. */
import { SharedStore } from "../store.ts";

/** What the parent tells it. */
export type PeerRequest =
  | { readonly do: "put"; readonly key: string; readonly value: string }
  | { readonly do: "get"; readonly key: string }
  /** Until it is killed. */
  | { readonly do: "put for ever" };

const [, , directory, sizeBytes] = process.argv;
const database = new SharedStore(directory!, { sizeBytes: Number(sizeBytes) }).database("values", "cache");

function answer(request: PeerRequest): void {
  switch (request.do) {
    case "put":
      process.send!(database.put(request.key, Buffer.from(request.value)));
      return;
    case "get":
      process.send!(database.get(request.key)?.toString() ?? null);
      return;
    case "put for ever":
      process.send!(true);
      for (let i = 0; ; i++) database.put(`turn ${i % 50}`, Buffer.alloc(100 + ((i * 997) % 30_000), i));
  }
}

process.on("message", (request: PeerRequest) => answer(request));
process.send!("ready");
