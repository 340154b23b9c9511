/** Settings that a session of the user's has while it is used, and the statement that gives it back as it was. */
export interface SessionPins {
  readonly pin: string;
  readonly restore: string;
}
