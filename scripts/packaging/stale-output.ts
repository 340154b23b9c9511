import { existsSync, globSync, rmSync } from "node:fs";
import { join } from "node:path";

/** Removes compiled files whose source is gone; the compiler leaves them, and they would be packed. */
export function removeStaleOutput(folder: string): void {
  for (const file of globSync("**/*.{js,d.ts,js.map,d.ts.map}", { cwd: join(folder, "dist") })) {
    const source = file.replace(/\.(d\.ts|js)(\.map)?$/, ".ts");
    if (!existsSync(join(folder, "src", source))) rmSync(join(folder, "dist", file));
  }
}
