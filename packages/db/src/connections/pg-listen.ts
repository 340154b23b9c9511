import { createHash } from "node:crypto";
import { clearInterval, clearTimeout, setInterval, setTimeout } from "node:timers";
import { setTimeout as sleep } from "node:timers/promises";

import type { Connection, Notified } from "../connection.ts";
import type { PgListener } from "./pg-client.ts";

/** How long connecting, and each sign of life, may take, in milliseconds. */
const ANSWER_MS = 10_000;
/** Pause between two looks whether the connection is alive, in milliseconds. */
const LOOK_MS = 5000;
/** How long the goodbye may take, in milliseconds. */
const GOODBYE_MS = 500;

/** Key of the lock that everyone who listens to a channel holds, so that others can tell whether anybody does. */
export function listenersLock(channel: string): number {
  return createHash("sha256").update(`tasks ${channel}`).digest().readUIntBE(0, 6);
}

/**
 * Hears what is sent on a channel, by a client made for it. A listener says nothing by itself, so it is asked now and then whether it still hears.
 *
 * @throws what `pg` throws when it cannot connect.
 */
export async function listen(
  client: PgListener,
  channel: string,
  { onMessage, onLost }: Notified,
): ReturnType<NonNullable<Connection["listen"]>> {
  let isOver = false;
  let looks: NodeJS.Timeout | undefined;
  const end = (): void => {
    isOver = true;
    clearInterval(looks);
  };
  const lose = (): void => {
    if (isOver) return;
    end();
    client.connection?.stream?.destroy();
    onLost();
  };
  client.on("error", lose);
  client.on("end", lose);
  client.on("notification", ({ payload }) => onMessage(payload ?? ""));
  const ask = async (text: string): Promise<void> => {
    await client.query({ text, values: [], query_timeout: ANSWER_MS });
  };
  const close = async (): Promise<void> => {
    end();
    // Whoever waits for the end must not find the process over before it.
    client.ref?.();
    await Promise.race([client.end().catch(() => undefined), sleep(GOODBYE_MS)]);
    client.connection?.stream?.destroy();
  };
  const connecting = setTimeout(() => client.connection?.stream?.destroy(), ANSWER_MS);
  try {
    await client.connect();
    // Shared by all who listen. It ends with the connection.
    await ask(
      `listen "${channel.replaceAll('"', '""')}"; select pg_advisory_lock_shared(${listenersLock(channel)})`,
    );
  } catch (error) {
    await close();
    throw error;
  } finally {
    clearTimeout(connecting);
  }
  looks = setInterval(() => void ask("select 1").catch(lose), LOOK_MS);
  looks.unref();
  const setActive = (active: boolean): void => {
    if (active) client.ref?.();
    else client.unref?.();
  };
  return { setActive, close };
}
