/**
 * @typedef {"postgres" | "mariadb" | "redis"} ServiceName
 *
 * @typedef {object} PrivateServer
 * A server that lives in a folder of its own and belongs to the process that started it.
 * @property {string} url
 * @property {() => Promise<void>} stop
 *
 * @typedef {object} Service
 * How one kind of server is found and started. Every difference between the three is here.
 * @property {ServiceName} name
 * @property {string} variable The environment variable that names an existing server.
 * @property {string} product The name people know it by.
 * @property {readonly string[]} aptPackages What holds the server on Debian and Ubuntu.
 * @property {() => boolean} isInstalled Whether this machine has what `start` needs.
 * @property {(folder: string) => Promise<PrivateServer>} start Starts a throw-away server in an empty folder.
 * @property {DockerRecipe} docker
 *
 * @typedef {object} DockerRecipe
 * @property {string} image
 * @property {number} port The port inside the container.
 * @property {Readonly<Record<string, string>>} env
 * @property {readonly string[]} command
 * @property {RegExp} ready What the log says once connections are accepted for good.
 * @property {(port: number) => string} url
 */

export {};
