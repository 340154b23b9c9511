/** Loaded first by a worker process: when the process that started it is gone, however that ended, the worker stops as after a signal. */
process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
// Listening must not keep a finished worker alive.
process.channel?.unref();
