/** COPY over node-postgres' own connection, as libraries for it do. */
import type { Submittable } from "pg";

interface CopyConnection {
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

abstract class CopyQuery<T> implements Submittable {
  readonly text: string;
  readonly done: Promise<T>;
  protected resolve: (value: T) => void = () => {};
  protected reject: (error: Error) => void = () => {};
  #error: Error | undefined;

  constructor(text: string) {
    this.text = text;
    this.done = new Promise<T>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  submit(connection: unknown): void {
    (connection as CopyConnection).query(this.text);
  }

  handleError(error: Error): void {
    this.#error = error;
    // node-postgres does not report ReadyForQuery to a query that failed.
    this.reject(error);
  }

  handleReadyForQuery(): void {
    if (!this.#error) this.resolve(this.result());
  }

  handleRowDescription(): void {}
  handleDataRow(): void {}
  handleCommandComplete(): void {}
  handleCopyData(_message: { readonly chunk: Buffer }): void {}
  handleCopyInResponse(_connection: CopyConnection): void {}

  protected abstract result(): T;
}

export class CopyInQuery extends CopyQuery<void> {
  readonly #lines: readonly string[];

  constructor(text: string, lines: readonly string[]) {
    super(text);
    this.#lines = lines;
  }

  override handleCopyInResponse(connection: CopyConnection): void {
    for (const line of this.#lines) connection.sendCopyFromChunk(Buffer.from(line));
    connection.endCopyFrom();
  }

  protected override result(): void {}
}

export class CopyOutQuery extends CopyQuery<string> {
  #text = "";

  override handleCopyData({ chunk }: { readonly chunk: Buffer }): void {
    this.#text += chunk.toString();
  }

  protected override result(): string {
    return this.#text;
  }
}
