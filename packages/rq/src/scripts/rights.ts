import { CLAIM } from "./claim.ts";
import { CHECK_ATTEMPTS, START, SUCCEED, UPDATE } from "./complete.ts";
import { BATCHES, COMMIT, DISCARD, ENQUEUE, PUBLISH, REFUSED, STAGE } from "./enqueue.ts";
import { IS_OPEN, READY_IN, UNKNOWN_TASKS } from "./look.ts";
import { COUNT, LIST, QUEUES } from "./monitor.ts";
import { PAUSE, RESUME } from "./pause.ts";
import { COUNT_FINISHED, COUNT_PRUNABLE, DELETE, PRUNE, READ, SAVE } from "./records.ts";
import type { Script } from "./script.ts";
import {
  END_SESSION,
  FIND_LOST,
  FORGET_SESSIONS,
  GIVE_BACK,
  HELD,
  RENEW,
  SESSIONS,
  WORKERS,
} from "./sessions.ts";

/** What processes do with a backend, and the commands that their user on the server must be allowed for it. */
export const ROLES: Readonly<Record<string, readonly string[]>> = {
  enqueue: commandsOf(ENQUEUE, STAGE, COMMIT, PUBLISH, REFUSED, DISCARD),
  work: commandsOf(
    CLAIM,
    START,
    SUCCEED,
    UPDATE,
    CHECK_ATTEMPTS,
    READ,
    SAVE,
    READY_IN,
    UNKNOWN_TASKS,
    RENEW,
    GIVE_BACK,
    END_SESSION,
    SESSIONS,
    FIND_LOST,
    FORGET_SESSIONS,
    HELD,
    BATCHES,
    PUBLISH,
  ).concat("SUBSCRIBE"),
  "read and wait": commandsOf(READ, LIST, COUNT, QUEUES, WORKERS, IS_OPEN).concat("SUBSCRIBE"),
  "cancel, retry, delete, prune and pause": commandsOf(
    READ,
    SAVE,
    DELETE,
    QUEUES,
    COUNT_FINISHED,
    COUNT_PRUNABLE,
    PRUNE,
    PAUSE,
    RESUME,
  ),
};

function commandsOf(...scripts: readonly Script[]): readonly string[] {
  return [...new Set(scripts.flatMap(({ commands }) => commands))].toSorted();
}
