import { join, resolve } from "node:path";

/** This application's folder. */
export const appFolder: string = resolve(import.meta.dirname, "..");

/** Where the database and the workers' logs are kept; `SEARCH_DATA` names another folder. */
export const dataFolder: string = resolve(process.env["SEARCH_DATA"] ?? join(appFolder, "data"));

/** Documents, search index and, by default, tasks live in one database, so that one transaction covers them all. */
export const databaseFile: string = join(dataFolder, "search.db");

/** Where tasks are kept instead of the database, if `SEARCH_REDIS` names a server: `redis://127.0.0.1:6379`. */
export const redisUrl: string | undefined = process.env["SEARCH_REDIS"];

/** What is indexed when no folder is named: the documents that came with the repository's packages. */
export const defaultFolder: string = resolve(appFolder, "../../node_modules");
