import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, extname, join, resolve } from "node:path";
import type { ToolRunner } from "../../../portlayer/storage/index.ts";
import { TetherError } from "../../../protocol/errors/index.ts";

/** Dots for each of the picture's, so that it is sharp on paper and on good screens. */
const PNG_ZOOM = "2";

const TOOL = "rsvg-convert";

/** Where a plot goes. */
export interface PlotFile {
  /** @throws TetherError `no-space`, `state-not-writable`, `internal`. */
  write(svg: string): Promise<void>;
}

/**
 * Looks whether the plot can be written, before anything is measured.
 *
 * @param path ends in `.svg` or `.png`; what is there is written over.
 * @param run starts a tool.
 * @throws TetherError `invalid-option` for another ending or a folder that cannot be written to, `tool-missing`.
 */
export async function openPlotFile(path: string, run: ToolRunner): Promise<PlotFile> {
  const ending = extname(path).toLowerCase();
  if (ending !== ".svg" && ending !== ".png")
    throw new TetherError("invalid-option", `--plot ${path}: its name must end in .svg or .png`);
  try {
    accessSync(dirname(resolve(path)), constants.W_OK);
  } catch (error) {
    throw TetherError.from(error, "invalid-option", `--plot ${path}`);
  }
  if (ending === ".svg") return { write: async (svg) => writeText(path, svg) };
  await run(TOOL, ["--version"], {});
  return { write: (svg) => writePng(path, svg, run) };
}

function writeText(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw TetherError.from(error, "state-not-writable", `writing ${path}`);
  }
}

async function writePng(path: string, svg: string, run: ToolRunner): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "vch-plot-"));
  try {
    const source = join(folder, "plot.svg");
    writeText(source, svg);
    await run(TOOL, ["--format", "png", "--zoom", PNG_ZOOM, "--output", resolve(path), source], {});
  } catch (error) {
    throw TetherError.from(error, "state-not-writable", `writing ${path}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
