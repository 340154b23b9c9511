import { mkdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { createId } from "@tasks/core";
import type { WorkerSession } from "@tasks/core/worker";

import { guard, isCode, listFolder, readText } from "./file-system.ts";

/** A worker's session as others see it. */
export interface SeenSession extends WorkerSession {
  readonly startedAt: Date;
  readonly lastSeenAt: Date;
  /** Its lease is valid. */
  readonly alive: boolean;
  /** The modification time of its file, which each renewal changes. */
  readonly beat: number;
}

/** Worker sessions: `sessions/<id>.json`. A renewal sets the file's modification time. */
export class Sessions {
  readonly #path: string;

  constructor(root: string) {
    this.#path = join(root, "sessions");
  }

  /** Writes a session's file. Its lease begins. */
  async register(session: WorkerSession): Promise<void> {
    const draft = join(this.#path, `.${createId()}`);
    await guard(this.#path, async () => {
      await mkdir(this.#path, { recursive: true });
      await writeFile(draft, JSON.stringify({ ...session, startedAt: new Date() }));
      await rename(draft, this.pathOf(session.sessionId));
    });
  }

  /** The lease begins anew. `false` when others have given the session up. */
  async renew({ sessionId }: WorkerSession): Promise<boolean> {
    const now = new Date();
    return guard(this.#path, async () => {
      try {
        await utimes(this.pathOf(sessionId), now, now);
        return true;
      } catch (error) {
        if (isCode(error, "ENOENT")) return false;
        throw error;
      }
    });
  }

  async remove(sessionId: string): Promise<void> {
    await guard(this.#path, () => rm(this.pathOf(sessionId), { force: true }));
  }

  /** Every session, dead ones included. */
  async readAll(): Promise<readonly SeenSession[]> {
    const names = await listFolder(this.#path);
    const sessions = await Promise.all(names.map((name) => this.#read(join(this.#path, name))));
    return sessions.filter((session) => session !== undefined);
  }

  async #read(path: string): Promise<SeenSession | undefined> {
    try {
      const session = JSON.parse((await readText(path)) ?? "") as WorkerSession & {
        readonly startedAt: string;
      };
      const { mtime: lastSeenAt } = await stat(path);
      const alive = lastSeenAt.getTime() + session.leaseMs > Date.now();
      return {
        ...session,
        startedAt: new Date(session.startedAt),
        lastSeenAt,
        alive,
        beat: lastSeenAt.getTime(),
      };
    } catch (error) {
      // Gone meanwhile, or damaged: nobody's lease.
      if (error instanceof SyntaxError || isCode(error, "ENOENT")) return undefined;
      throw error;
    }
  }

  /** The file whose modification time is the latest renewal. */
  pathOf(sessionId: string): string {
    return join(this.#path, `${sessionId}.json`);
  }
}
