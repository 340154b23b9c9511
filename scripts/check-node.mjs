/**
 * The workspace installs its own Node, which runs TypeScript directly. Where that one is not to be had for the
 * platform, the machine's Node takes its place, and this says so in one line if it is too old for that.
 */
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `Node ${process.versions.node} cannot run TypeScript, and the workspace's own Node could not be installed here. Use Node 22.18 or newer.`,
  );
  process.exitCode = 1;
}
