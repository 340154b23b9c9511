import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

export const repository: string = join(import.meta.dirname, "../..");

/** The parts of a package.json that the proof reads. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

export interface PublishedPackage {
  readonly name: string;
  readonly folder: string;
  readonly folderName: string;
  readonly manifest: Manifest;
  /** What users import, such as `@tasks/core/testing`. */
  readonly entryPoints: readonly string[];
  readonly optionalPeers: readonly string[];
}

/** Every package of the workspace that is meant for the registry. */
export function publishedPackages(): readonly PublishedPackage[] {
  return readdirSync(join(repository, "packages"))
    .map((folderName) => describePackage(folderName))
    .filter(({ manifest }) => manifest.private !== true);
}

/** The packages from outside the workspace that users must install beside it, with the version tested here. */
export function requiredPeers({ manifest, folder }: PublishedPackage): readonly string[] {
  return Object.keys(manifest.peerDependencies ?? {})
    .filter((peer) => !peer.startsWith("@tasks/") && !isOptional(manifest, peer))
    .map((peer) => `${peer}@${readManifest(join(folder, "node_modules", peer)).version}`);
}

function describePackage(folderName: string): PublishedPackage {
  const folder = join(repository, "packages", folderName);
  const manifest = readManifest(folder);
  return {
    name: manifest.name,
    folder,
    folderName,
    manifest,
    entryPoints: Object.keys(manifest.exports)
      .filter((path) => path !== "./package.json")
      .map((path) => manifest.name + path.slice(1)),
    optionalPeers: Object.keys(manifest.peerDependencies ?? {}).filter((peer) =>
      isOptional(manifest, peer),
    ),
  };
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
}

function isOptional(manifest: Manifest, peer: string): boolean {
  return manifest.peerDependenciesMeta?.[peer]?.optional === true;
}
