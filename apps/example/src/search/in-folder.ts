import { sep } from "node:path";

/** SQL that holds for a `path` in the folder `$folder`. Not `like`, to which `_` and `%` in a folder's name would be wildcards. */
export const IN_FOLDER = "substr(path, 1, length($folder)) = $folder";

/** The parameter that `IN_FOLDER` takes. */
export function within(folder: string): { folder: string } {
  return { folder: folder.endsWith(sep) ? folder : folder + sep };
}
