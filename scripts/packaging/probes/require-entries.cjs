// Requires every entry point of a package from CommonJS; see import-entries.mjs.
const entryPoints = /** @type {string[]} */ (JSON.parse(process.argv[2] ?? ""));
const optionalPeers = /** @type {string[]} */ (JSON.parse(process.argv[3] ?? ""));

for (const entryPoint of entryPoints) {
  try {
    require(entryPoint);
  } catch (/** @type {any} */ error) {
    const peer = optionalPeers.find((name) => String(error).includes(`'${name}'`));
    if (!String(error.code).endsWith("MODULE_NOT_FOUND") || peer === undefined) throw error;
    console.log(`${entryPoint} asks for ${peer}`);
  }
}
