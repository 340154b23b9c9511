import { InvalidOption } from "./errors.ts";
import { show } from "./internal/show.ts";

/**
 * Refuses unknown options: a mistyped one would silently have no effect.
 *
 * @param where what takes the options, such as `new AcmeBackend()`.
 * @param known an object with every option as a key.
 * @param Problem class of the error. @default InvalidOption
 * @throws Problem naming the option, the known one it is nearest to, and all that are known.
 */
export function assertKnownOptions<Options extends object>(
  where: string,
  options: Options,
  known: Readonly<Record<keyof Options, unknown>>,
  Problem: new (message: string) => Error = InvalidOption,
): void {
  const names = Object.keys(known);
  for (const option of Object.keys(options)) {
    if (names.includes(option)) continue;
    const meant = names.find((name) => isNear(option, name, name.length > 4 ? 2 : 1));
    throw new Problem(
      `${where} does not know the option ${show(option)}. ` +
        `${meant === undefined ? "" : `Did you mean ${show(meant)}? `}It takes: ${names.join(", ")}.`,
    );
  }
}

/** At most so many letters are wrong, missing, too many or swapped with the next. */
function isNear(given: string, name: string, edits: number): boolean {
  if (given === name) return true;
  if (given[0] === name[0]) return isNear(given.slice(1), name.slice(1), edits);
  return (
    edits-- > 0 &&
    (isNear(given.slice(1), name, edits) ||
      isNear(given, name.slice(1), edits) ||
      isNear(given.slice(1), name.slice(1), edits) ||
      (given[0] === name[1] &&
        given[1] === name[0] &&
        isNear(given.slice(2), name.slice(2), edits)))
  );
}
