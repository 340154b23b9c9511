// Imports every entry point of a package: `node import-entries.mjs '<entry points>' '<optional peers>'` (JSON).
// An entry point may ask for an optional peer that is not installed, but only by that peer's name.
const entryPoints = /** @type {string[]} */ (JSON.parse(process.argv[2] ?? ""));
const optionalPeers = /** @type {string[]} */ (JSON.parse(process.argv[3] ?? ""));

for (const entryPoint of entryPoints) {
  try {
    await import(entryPoint);
  } catch (/** @type {any} */ error) {
    const peer = optionalPeers.find((name) => String(error).includes(`'${name}'`));
    if (error.code !== "ERR_MODULE_NOT_FOUND" || peer === undefined) throw error;
    console.log(`${entryPoint} asks for ${peer}`);
  }
}
