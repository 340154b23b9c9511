/**
 * A client of Prisma for one model: what `prisma generate` writes for it, without the types. The command line that writes it is several times as large as
 * everything else that is installed here, and fetches a program of its own.
 */
import * as runtime from "@prisma/client/runtime/client";

/** The compiler's libraries do not know it. */
declare const WebAssembly: { Module: new (bytes: Uint8Array) => unknown };

const SCHEMA = `generator client {
  provider = "prisma-client"
  output   = "./generated"
}
datasource db {
  provider = "postgresql"
}
model users {
  email String @id
}`;

const MODELS =
  '{"models":{"users":{"fields":[{"name":"email","kind":"scalar","type":"String"}],"dbName":null,"schema":null}},"enums":{},"types":{}}';

/** What runs inside `$transaction`. */
export interface PrismaTransaction {
  readonly users: { create(query: { readonly data: { email: string } }): Promise<unknown> };
  $transaction<T>(run: (transaction: PrismaTransaction) => Promise<T>): Promise<T>;
}

/** The client itself. */
export interface PrismaClient extends PrismaTransaction {
  $disconnect(): Promise<void>;
}

/** Takes one of Prisma's driver adapters. */
export const PrismaClient = runtime.getPrismaClient({
  previewFeatures: [],
  clientVersion: "7.10.0",
  engineVersion: "",
  activeProvider: "postgresql",
  inlineSchema: SCHEMA,
  runtimeDataModel: JSON.parse(MODELS) as never,
  parameterizationSchema: { strings: [], graph: "AAAAAAAAAAAA" },
  compilerWasm: {
    getRuntime: async () =>
      import("@prisma/client/runtime/query_compiler_fast_bg.postgresql.mjs" as string) as never,
    getQueryCompilerWasmModule: async () => {
      const { wasm } = (await import(
        "@prisma/client/runtime/query_compiler_fast_bg.postgresql.wasm-base64.mjs" as string
      )) as { wasm: string };
      return new WebAssembly.Module(Buffer.from(wasm, "base64")) as never;
    },
    importName: "./query_compiler_fast_bg.js",
  },
}) as unknown as new (options: { readonly adapter: object }) => PrismaClient;
