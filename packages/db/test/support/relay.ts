import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A stretch of network on the way to a server. */
export interface Relay extends AsyncDisposable {
  readonly port: number;
  /** From now on nothing of open connections arrives anywhere, and nobody is told. */
  fallSilent(): void;
  /** New connections work; the silent ones stay as they are. */
  speak(): void;
}

/** Passes on what is said between clients and a server on this machine. */
export async function startRelay(serverPort: number): Promise<Relay> {
  const sockets = new Set<Socket>();
  let isSilent = false;
  const server = createServer((client) => {
    const upstream = connect(serverPort, "127.0.0.1");
    let isLost = isSilent;
    const ends = [client, upstream];
    for (const [from, to] of [ends, ends.toReversed()] as [Socket, Socket][]) {
      sockets.add(from);
      from.on("data", (data) => {
        isLost ||= isSilent;
        if (!isLost) to.write(data);
      });
      from.on("error", () => undefined);
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
    silenced.add(() => {
      isLost = true;
    });
  });
  const silenced = new Set<() => void>();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    fallSilent: () => {
      isSilent = true;
      for (const silence of silenced) silence();
    },
    speak: () => {
      isSilent = false;
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
