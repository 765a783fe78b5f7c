/**
 * The leveled log of a Pleiad process: lines of text or JSON to a file of bounded size, or to stderr. Written synchronously, so that
 * the last words of a dying process are on disk. Secrets are taken out here, once, and not at each caller.
 */
import { closeSync, fstatSync, openSync, renameSync, rmSync, writeSync } from "node:fs";

export type LogLevel = "debug" | "info" | "warn" | "error";

export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** Whole lines that another process has formatted already. */
  write(lines: string): void;
  /** The same log with fields that every message carries, such as the session's number. */
  with(fields: LogFields): Log;
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: "text" | "json";
  /** Path of a file to append to. */
  readonly file?: string;
  readonly stderr?: boolean;
  /** A file that grows beyond this is renamed to `<file>.1` (that to `.2`, …). */
  readonly fileSizeBytesMax?: number;
  readonly oldFilesMax?: number;
}

const ranks: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

const secretName = /pass(word|wd|phrase)?$|secret|verifier|private|^key$/i;
const secretInText = [
  // PASSWORD 'x' in each way to quote in SQL, password => 'x', and the form of a connection string.
  /(\bpassword\b\s*(?:=>|=|:)?\s*)(?:(?:e|u&)?'(?:[^'\\]|''|\\.)*'|"[^"]*"|\$(\w*)\$[\s\S]*?\$\2\$)/gi,
  /(\bpassword=)([^\s'"&]+)/gi,
  /(\w+:\/\/[^\s:/@]+:)([^\s@/]+)(?=@)/g,
  /(SCRAM-SHA-256\$)[^\s'"]+/g,
];

function withoutSecrets(text: string): string {
  return secretInText.reduce((cleaned, pattern) => cleaned.replace(pattern, "$1***"), text);
}

function plain(name: string, value: unknown): unknown {
  if (secretName.test(name)) return "***";
  if (typeof value === "string") return withoutSecrets(value);
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Error) return withoutSecrets(value.stack ?? value.message);
  if (Array.isArray(value)) return value.map((element) => plain("", element));
  if (typeof value === "object" && value !== null && !Buffer.isBuffer(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(key, inner)]));
  }
  return Buffer.isBuffer(value) ? `<${value.length} bytes>` : value;
}

function line(format: LogOptions["format"], level: LogLevel, message: string, fields: LogFields): string {
  const time = new Date().toISOString();
  const cleaned = plain("", fields) as Record<string, unknown>;
  if (format === "json") {
    return JSON.stringify({ time, level, message: withoutSecrets(message), ...cleaned }) + "\n";
  }
  const shown = Object.entries(cleaned).map(
    ([name, value]) =>
      ` ${name}=${typeof value === "string" && !/[\s"=]/.test(value) ? value : JSON.stringify(value)}`,
  );
  const oneLine = withoutSecrets(message).replaceAll("\n", "\\n");
  return `${time} ${level.toUpperCase().padEnd(5)} ${oneLine}${shown.join("")}\n`;
}

/** Appends to a file and keeps `oldFilesMax` earlier ones. */
class RotatingFile {
  readonly #path: string;
  readonly #sizeMax: number;
  readonly #oldFilesMax: number;
  #fd: number;
  #size: number;

  constructor(path: string, sizeMax: number, oldFilesMax: number) {
    this.#path = path;
    this.#sizeMax = sizeMax;
    this.#oldFilesMax = oldFilesMax;
    this.#fd = openSync(path, "a", 0o640);
    this.#size = fstatSync(this.#fd).size;
  }

  write(text: string): void {
    const bytes = Buffer.from(text);
    if (this.#size > 0 && this.#size + bytes.length > this.#sizeMax) this.#rotate();
    this.#size += writeSync(this.#fd, bytes);
  }

  #rotate(): void {
    closeSync(this.#fd);
    rmSync(`${this.#path}.${this.#oldFilesMax}`, { force: true });
    for (let n = this.#oldFilesMax - 1; n >= 0; n--) {
      const from = n === 0 ? this.#path : `${this.#path}.${n}`;
      try {
        renameSync(from, `${this.#path}.${n + 1}`);
      } catch {
        // That old file does not exist yet.
      }
    }
    this.#fd = openSync(this.#path, "a", 0o640);
    this.#size = 0;
  }
}

export function openLog(options: LogOptions): Log {
  const file =
    options.file === undefined
      ? undefined
      : new RotatingFile(
          options.file,
          options.fileSizeBytesMax ?? 10 * 1024 * 1024,
          options.oldFilesMax ?? 3,
        );
  const write = (text: string) => {
    try {
      file?.write(text);
      if (options.stderr) writeSync(2, text);
    } catch {
      // A full disk must not take the database down with it.
    }
  };

  const make = (always: LogFields): Log => {
    const at = (level: LogLevel) => (message: string, fields?: LogFields) => {
      if (ranks[level] < ranks[options.level]) return;
      write(line(options.format, level, message, fields ? { ...always, ...fields } : always));
    };
    return {
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
      write: (lines) => write(withoutSecrets(lines)),
      with: (fields) => make({ ...always, ...fields }),
    };
  };
  return make({});
}
