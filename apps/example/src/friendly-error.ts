/** An error that the user can do something about: shown as its message alone. */
export class FriendlyError extends Error {
  override readonly name = "FriendlyError";
}
