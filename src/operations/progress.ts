/** How a long operation says what it does. The command line shows it; tests pass `silent`. */
export interface Progress {
  /** A step begins; the one before it has ended. */
  step(text: string): void;
  /** Something that the operator should know and that is no failure. */
  warn(text: string): void;
}

export const silent: Progress = { step() {}, warn() {} };
