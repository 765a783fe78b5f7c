/** What an operator can act on: the cause, and a hint that says what to do. The command line prints both, without a stack. */
export class OperationError extends Error {
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.name = "OperationError";
    this.hint = hint;
  }
}
