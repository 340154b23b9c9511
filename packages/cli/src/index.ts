export { runCli } from "./cli.ts";
export type {
  CliIo,
  OutputStream,
  ParentProcess,
  SignalListener,
  SignalSource,
  StopSignal,
} from "./io.ts";
