import { clearTimeout, setImmediate, setTimeout } from "node:timers";

const PARTS = 4;

/**
 * Calls back after so many milliseconds in which the event loop turned: answers that arrive while a task computes cannot be read, and count as no
 * silence.
 *
 * @returns a function that calls it off.
 */
export function afterSilence(ms: number, onSilence: () => void): () => void {
  let left = PARTS;
  let immediate: NodeJS.Immediate | undefined;
  const onTimer = (): void => {
    if (--left > 0) timer = setTimeout(onTimer, ms / PARTS);
    // What has arrived is read between timers and immediates.
    else immediate = setImmediate(onSilence);
  };
  let timer = setTimeout(onTimer, ms / PARTS);
  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}
