#!/usr/bin/env node
import { runCli } from "./cli.ts";
import { processIo } from "./io.ts";

process.exitCode = await runCli(process.argv.slice(2), processIo());
// A connection pool that the project left open must not keep a finished command alive; without one the process ends before.
setTimeout(() => process.exit(), 50).unref();
