import { mkdtempSync, rmSync, statSync } from "node:fs";
import net, { type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { askControl, serveControl, type ReloadRequest, type Say } from "./control-socket.ts";
import { OperationError } from "./operation-error.ts";

const REQUEST: ReloadRequest = { command: "reload", program: ["main.js"], timeoutMs: 5 };

let directory: string;
let path: string;
let server: Server | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "pleiad-control-"));
  path = join(directory, "control");
});

afterEach(() => {
  server?.close();
  rmSync(directory, { recursive: true });
});

async function serve(answer: (request: ReloadRequest, say: Say) => Promise<void>): Promise<void> {
  server = await serveControl(path, answer);
}

test("a command is heard as it was asked, and hears each step and the end", async () => {
  const asked: ReloadRequest[] = [];
  await serve(async (request, say) => {
    asked.push(request);
    say({ kind: "step", text: "one" });
    say({ kind: "warn", text: "two" });
    say({ kind: "done" });
  });
  const heard: string[] = [];
  await askControl(path, REQUEST, (answer) => heard.push(`${answer.kind} ${answer.text}`));
  expect(asked).toEqual([REQUEST]);
  expect(heard).toEqual(["step one", "warn two"]);
});

test("a failure comes with its hint; a coordinator that ends before its last word is one too", async () => {
  await serve(async (_, say) => say({ kind: "failed", error: "no", hint: "try" }));
  await expect(askControl(path, REQUEST, () => {})).rejects.toMatchObject({ message: "no", hint: "try" });
  server!.close();
  await serve(async () => {});
  await expect(askControl(path, REQUEST, () => {})).rejects.toThrow("ended before it was done");
});

test("where nobody answers, the operator is told so", async () => {
  await expect(askControl(path, REQUEST, () => {})).rejects.toThrow(OperationError);
});

test("what is no command of ours does no harm", async () => {
  await serve(() => expect.unreachable("nothing was asked"));
  for (const line of ["garbage", "{}", '{"command":"stop","program":[],"timeoutMs":1}', "null"]) {
    const socket = net.connect(path).setEncoding("utf8");
    socket.write(`${line}\n`);
    let said = "";
    for await (const text of socket) said += String(text);
    expect(said).toContain('"failed"');
  }
});

test("only its own user can open it", async () => {
  await serve(async () => {});
  expect(statSync(path).mode & 0o777).toBe(0o600);
});
