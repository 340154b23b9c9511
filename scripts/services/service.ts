/** The kinds of servers that tests can ask for. */
export type ServiceName = "postgres" | "mariadb" | "redis";

/** How one kind of server is found and started. Every difference between the three is here. */
export interface Service {
  readonly name: ServiceName;
  /** The environment variable that names an existing server. */
  readonly variable: string;
  /** The name people know it by. */
  readonly product: string;
  /** What holds the server on Debian and Ubuntu. */
  readonly aptPackages: readonly string[];
  /** Whether this machine has what `start` needs. */
  isInstalled(): boolean;
  /** Starts a throw-away server in an empty folder. */
  start(folder: string, options: StartOptions): Promise<LocalServer>;
  readonly docker: DockerRecipe;
}

/** The part of a service that concerns programs of this machine. */
export type LocalService = Pick<Service, "product" | "aptPackages" | "isInstalled" | "start">;

/** How a private server is run. */
export interface StartOptions {
  /** Commits wait for the disk, as they would in production; otherwise nothing does. */
  readonly durable: boolean;
  /** Another way to run it, of those that the service has. */
  readonly variant?: string | undefined;
}

/** A server that belongs to the process that started it. */
export interface PrivateServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** A server that runs as a process of this machine. */
export interface LocalServer extends PrivateServer {
  /** `kill -9`. */
  kill(): Promise<void>;
  /** Starts it once more, on the same port and data. It must have ended before. */
  startAgain(): Promise<LocalServer>;
}

/** How the server is run in a container. */
export interface DockerRecipe {
  readonly image: string;
  /** The port inside the container. */
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;
  /** What makes it forgetful and quick; left out where commits are to wait for the disk. */
  readonly command: readonly string[];
  /** What the log says once connections are accepted for good. */
  readonly ready: RegExp;
  url(port: number): string;
}
