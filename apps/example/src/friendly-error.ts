/** An error that the user can do something about: shown as its message alone. */
export class FriendlyError extends Error {
  override readonly name = "FriendlyError";
  /** What the program ends with. */
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
