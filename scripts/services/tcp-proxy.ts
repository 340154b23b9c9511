import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** One connection through a proxy: both ends. */
interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  /** Nothing passes any more, for good. */
  isDead: boolean;
}

/**
 * A stretch of network to a server, in this process, that can be cut, closed, and turned into a hole in which packets vanish.
 *
 * @example
 * await using network = await TcpProxy.to("postgres://tasks@127.0.0.1:5432/postgres");
 * const backend = new DatabaseBackend({ url: network.url });
 * network.cut();
 */
export class TcpProxy implements AsyncDisposable {
  /** The target's url with the proxy's address. */
  readonly url: string;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #listener: Server;
  readonly #pairs = new Set<Pair>();
  #mode: "open" | "refusing" | "silent" = "open";
  #tries = 0;

  static async to(url: string): Promise<TcpProxy> {
    // A hole does not answer a goodbye either.
    const listener = createServer({ allowHalfOpen: true });
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    return new TcpProxy(url, listener);
  }

  private constructor(url: string, listener: Server) {
    const target = new URL(url);
    this.#target = { host: target.hostname, port: Number(target.port) };
    target.port = String((listener.address() as AddressInfo).port);
    this.url = target.href;
    this.#listener = listener;
    listener.on("connection", (client) => this.#accept(client));
  }

  /** Connections that were asked for so far, refused ones too. */
  get tries(): number {
    return this.#tries;
  }

  /** Connections that are open. */
  get size(): number {
    return this.#pairs.size;
  }

  /** Resets every connection; new ones are welcome. */
  cut(): void {
    for (const pair of this.#pairs) end(pair);
  }

  /** Resets every connection, and each new one. */
  refuse(): void {
    this.#mode = "refusing";
    this.cut();
  }

  /** Swallows what is sent on connections open now, and on new ones, without a word to either side. */
  swallow(): void {
    this.#mode = "silent";
    for (const pair of this.#pairs) pair.isDead = true;
  }

  /** New connections pass again. Those that were swallowed stay dead, as if a router had forgotten them. */
  pass(): void {
    this.#mode = "open";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut();
    await once(this.#listener, "close");
  }

  #accept(client: Socket): void {
    this.#tries++;
    if (this.#mode === "refusing") {
      client.on("error", () => undefined);
      client.resetAndDestroy();
      return;
    }
    const server = connect({ ...this.#target, allowHalfOpen: true });
    const pair: Pair = { client, server, isDead: this.#mode === "silent" };
    this.#pairs.add(pair);
    this.#forward(pair, client, pair.server);
    this.#forward(pair, pair.server, client);
  }

  #forward(pair: Pair, from: Socket, to: Socket): void {
    from.setNoDelay(true);
    from.on("error", () => undefined);
    from.on("data", (chunk) => {
      if (!pair.isDead) to.write(chunk);
    });
    from.on("end", () => {
      if (!pair.isDead) to.end();
    });
    from.on("close", () => {
      if (!pair.isDead) to.destroySoon();
      if (from.destroyed && to.destroyed) this.#pairs.delete(pair);
    });
  }
}

function end({ client, server }: Pair): void {
  client.resetAndDestroy();
  server.resetAndDestroy();
}
