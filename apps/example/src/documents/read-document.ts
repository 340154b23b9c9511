import { readFile } from "node:fs/promises";

/** A file that cannot become a document, however often it is tried. */
export class BrokenDocument extends Error {
  override readonly name = "BrokenDocument";
}

/** Reads a text file. @throws BrokenDocument when it is gone, may not be read, or is not UTF-8. */
export async function readDocument(path: string): Promise<string> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new BrokenDocument(`${path} cannot be read: ${reasonOf(cause)}.`, { cause });
  });
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new BrokenDocument(
      `${path} is not UTF-8 text. Convert it, or give it another ending than .md.`,
      { cause },
    );
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "it is not there any more",
  EACCES: "permission denied",
  EISDIR: "it is a folder",
};

/** @throws the error itself when it may be gone the next time, such as too many open files. */
function reasonOf(error: unknown): string {
  const reason =
    error instanceof Error && "code" in error ? REASONS[String(error.code)] : undefined;
  if (reason === undefined) throw error;
  return reason;
}
