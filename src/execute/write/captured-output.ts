/** Outputs that keep something back: the rows of one part of a statement, or the tag of one that is not committed yet. */
import { readDataRow } from "../../protocol/backend-messages.ts";
import { Backend } from "../../protocol/message-types.ts";
import type { ClientOutput } from "../client-output.ts";
import { DiscardedOutput, NoticesOutput } from "./discarded-output.ts";

/** Calls back for each message of a range: its type, start and end. */
function messages(
  buffer: Buffer,
  start: number,
  end: number,
  each: (type: number, from: number, to: number) => void,
): void {
  for (let at = start; at < end;) {
    const next = at + 1 + buffer.readInt32BE(at + 1);
    each(buffer[at]!, at, next);
    at = next;
  }
}

/** Keeps rows, up to a number; notices go to the client. */
export class CapturedOutput extends NoticesOutput {
  private readonly rowsMax: number;
  readonly rows: (readonly (Buffer | null)[])[] = [];
  /** There were more rows than are kept. */
  overflown = false;

  constructor(client: ClientOutput, rowsMax: number) {
    super(client);
    this.rowsMax = rowsMax;
  }

  override push(buffer: Buffer): void {
    this.append(buffer, 0, buffer.length);
  }

  override append(buffer: Buffer, start: number, end: number): void {
    messages(buffer, start, end, (type, from, to) => {
      if (type === Backend.noticeResponse) super.push(Buffer.from(buffer.subarray(from, to)));
      else if (type === Backend.dataRow) {
        if (this.rows.length >= this.rowsMax) this.overflown = true;
        // The buffer is the connection's: values are copied out of it.
        else this.rows.push(readDataRow(buffer, from, to).map((value) => value && Buffer.from(value)));
      }
    });
  }
}

/** Passes everything on but CommandComplete. */
export class TaglessOutput extends DiscardedOutput {
  private readonly client: ClientOutput;

  constructor(client: ClientOutput) {
    super();
    this.client = client;
  }

  override push(buffer: Buffer): void {
    this.append(buffer, 0, buffer.length);
  }

  override append(buffer: Buffer, start: number, end: number): void {
    messages(buffer, start, end, (type, from, to) => {
      if (type !== Backend.commandComplete) this.client.append(buffer, from, to);
    });
    this.full = this.client.full;
  }

  override flush(): void {
    this.client.flush();
  }

  override whenDrained(resume: () => void): void {
    this.client.whenDrained(() => {
      this.full = false;
      resume();
    });
  }
}
