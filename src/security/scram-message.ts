/**
 * Attributes of SCRAM messages (RFC 5802, section 5.1), read from left to right, with PostgreSQL's own complaints. A message is a
 * latin1 string here, one character per byte, so that what goes into a signature is exactly what was on the wire.
 */
import { pgError, type PgError } from "../errors/pg-error.ts";

export function malformed(detail: string): PgError {
  return pgError("08P01", "malformed SCRAM message", { detail });
}

/** Printable as it is, otherwise in hexadecimal: what strangers send is not repeated raw. */
export function shown(character: string): string {
  return /^[\x21-\x7e]$/.test(character)
    ? character
    : `0x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}

/** Printable ASCII without the comma: what a nonce may consist of. */
export function isPrintable(text: string): boolean {
  return /^[\x21-\x2b\x2d-\x7e]+$/.test(text);
}

export class ScramMessage {
  readonly text: string;
  private at = 0;

  constructor(bytes: Buffer) {
    if (bytes.length === 0) throw malformed("The message is empty.");
    if (bytes.includes(0)) throw malformed("Message length does not match input length.");
    this.text = bytes.toString("latin1");
  }

  get offset(): number {
    return this.at;
  }

  get atEnd(): boolean {
    return this.at >= this.text.length;
  }

  peek(): string {
    return this.atEnd ? "\0" : this.text[this.at]!;
  }

  skip(): void {
    this.at++;
  }

  expectComma(): void {
    if (this.peek() !== ",") throw malformed(`Comma expected, but found character "${shown(this.peek())}".`);
    this.at++;
  }

  /** The value of the named attribute, which must be the next one. */
  attribute(name: string): string {
    if (this.peek() !== name)
      throw malformed(`Expected attribute "${name}" but found "${shown(this.peek())}".`);
    return this.anyAttribute().value;
  }

  anyAttribute(): { name: string; value: string } {
    const name = this.peek();
    if (this.atEnd) throw malformed("Attribute expected, but found end of string.");
    if (!/^[A-Za-z]$/.test(name))
      throw malformed(`Attribute expected, but found invalid character "${shown(name)}".`);
    if (this.text[this.at + 1] !== "=") throw malformed(`Expected character "=" for attribute "${name}".`);
    const comma = this.text.indexOf(",", this.at);
    const end = comma < 0 ? this.text.length : comma;
    const value = this.text.slice(this.at + 2, end);
    this.at = end + 1;
    return { name, value };
  }
}
