/**
 * Timers that no test library fakes: with fake timers in force, a worker must still get its turns.
 * Fakes replace globals and the properties of CommonJS modules, and neither reaches these bindings.
 */
export { clearInterval, clearTimeout, setImmediate, setInterval, setTimeout } from "node:timers";
