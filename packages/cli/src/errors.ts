/** A failure the command expects and can explain: the message is shown, not a stack. */
export class CliError extends Error {
  override readonly name: string = "CliError";
  /** Show where the cause was thrown: it is in the user's own code. */
  readonly showCauseStack: boolean;

  constructor(message: string, options: ErrorOptions & { showCauseStack?: boolean } = {}) {
    super(message, options);
    this.showCauseStack = options.showCauseStack ?? false;
  }
}

/** The command line asks for something that does not exist or cannot be: exit code 2, nothing was done. */
export class UsageError extends CliError {
  override readonly name = "UsageError";
}
