/** The shared memory of a node at its start: new, whatever a dead node left in its place (row N5). */
import { rmSync } from "node:fs";
import { OperationError } from "../../operations/operation-error.ts";
import { NodeMemory, type NodeMemorySize } from "../../shared-memory/node-memory.ts";
import { hasRoomForStore } from "../../shared-memory/store.ts";

/** Throws an OperationError when the file system has no room for it. */
export function makeMemory(directory: string, size: NodeMemorySize): NodeMemory {
  try {
    const memory = NodeMemory.create(directory, size);
    if (hasRoomForStore(directory, 0)) return memory;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  }
  rmSync(directory, { recursive: true, force: true });
  throw new OperationError(
    `no room for the memory that the coordinator's processes share, in ${directory}`,
    "Free some of that file system, or make it larger (in a container: --shm-size).",
  );
}
