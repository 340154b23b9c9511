import { connect as connectPlain, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

import type { ClientOptions } from "./client.ts";

const CLOSED = "The connection to Redis was closed.";

/** A reply that is waited for. */
interface Waiting {
  readonly resolve: (reply: string) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A connection that knows just enough of the protocol to renew a lease: it sends commands, and understands replies of one line.
 *
 * A lease thread starts when the first task does; loading a whole client for it would take longer than most tasks.
 *
 * @see https://redis.io/docs/latest/develop/reference/protocol-spec/
 */
export class WireConnection {
  readonly #socket: Socket;
  readonly #waiting: Waiting[] = [];
  #received = "";

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true).setKeepAlive(true);
    socket.on("data", (data: Buffer) => this.#receive(data.toString("latin1")));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error(CLOSED)));
  }

  /**
   * Connects, signs in and selects the database.
   *
   * @param timeoutMs a server that is silent for as long is given up.
   */
  static async open(options: ClientOptions, timeoutMs: number): Promise<WireConnection> {
    const { username, password, db = 0 } = options;
    const socket = connect(options);
    const connection = new WireConnection(socket);
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error("Redis does not answer.")));
    if (password != null) {
      const signIn = connection.send("AUTH", ...(username == null ? [] : [username]), password);
      await signIn.catch(unlessNeedless);
    }
    if (db !== 0) await connection.send("SELECT", db);
    return connection;
  }

  /** Sends one command. @returns the reply's line, without its type. */
  send(...parts: readonly (string | number)[]): Promise<string> {
    const texts = parts.map(String);
    const encoded = texts.map((text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`);
    return new Promise((resolve, reject) => {
      // A socket that is gone would take this, and say nothing.
      if (this.#socket.destroyed) {
        reject(new Error(CLOSED));
        return;
      }
      this.#waiting.push({ resolve, reject });
      this.#socket.write(`*${texts.length}\r\n${encoded.join("")}`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(text: string): void {
    this.#received += text;
    for (;;) {
      const end = this.#received.indexOf("\r\n");
      if (end === -1) return;
      const line = this.#received.slice(0, end);
      this.#received = this.#received.slice(end + 2);
      const waiting = this.#waiting.shift();
      if (line.startsWith("-")) waiting?.reject(new Error(line.slice(1)));
      else waiting?.resolve(line.slice(1));
    }
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

function connect({ path, host = "127.0.0.1", port = 6379, family, tls }: ClientOptions): Socket {
  if (path != null) return connectPlain(path);
  const place = { host, port, ...(family === undefined ? {} : { family }) };
  if (tls === undefined) return connectPlain(place);
  return connectTls({ ...place, ...(isIP(host) ? {} : { servername: host }), ...tls });
}

/** A password that the server does not ask for does no harm; the client that the backend works with goes on, too. */
function unlessNeedless(error: Error): void {
  if (!/no password is set|without any password configured/.test(error.message)) throw error;
}
