/** Outputs for answers that the client shall not see: those of further copies of a replicated table, the dialogue of an inner COPY. */
import { PassThrough } from "node:stream";
import { Backend } from "../../protocol/message-types.ts";
import { ClientOutput } from "../client-output.ts";

/** Takes everything and keeps nothing. */
export class DiscardedOutput extends ClientOutput {
  constructor() {
    super(new PassThrough());
  }

  override append(_buffer: Buffer, _start: number, _end: number): void {}

  override flush(): void {}
}

/** Passes notices on to the client. */
export class NoticesOutput extends DiscardedOutput {
  private readonly client: ClientOutput;

  constructor(client: ClientOutput) {
    super();
    this.client = client;
  }

  override push(buffer: Buffer): void {
    if (buffer[0] === Backend.noticeResponse) this.client.push(buffer);
  }
}
