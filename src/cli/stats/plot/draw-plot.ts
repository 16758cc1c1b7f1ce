import { type LineName, LINES, type PlottedContainer, type Point } from "./plot-data.ts";
import { type Axis, memoryAxis, percentAxis, rateAxis, timeTicks } from "./ticks.ts";

/** In pixels of the picture. */
const WIDTH = 1000;
const MARGIN = { left: 92, right: 28, top: 64 } as const;
const PANEL = { height: 150, gap: 54 } as const;
const BOTTOM = 40;
const LEGEND = { row: 22, swatch: 22, gap: 28, character: 7.2 } as const;

/** Paul Tol's "bright" colours: told apart with all kinds of colour vision, on white. */
const COLOURS = ["#4477AA", "#EE6677", "#228833", "#B8A500", "#3399BB", "#AA3377", "#666666", "#D2691E"];

/** More containers than these have no line of their own in the legend. */
const MOST_IN_LEGEND = 24;

/** Two for each pixel of the panel: the least and the largest of what falls into it. */
const MOST_POINTS = 2 * (WIDTH - MARGIN.left - MARGIN.right);

interface Panel {
  readonly title: string;
  readonly solid: LineName;
  readonly dashed?: LineName;
  readonly axis: (largest: number) => Axis;
}

const PANELS: readonly Panel[] = [
  { title: "CPU (100 % is one CPU)", solid: "cpu", axis: percentAxis },
  { title: "Memory, without what can be dropped at once", solid: "memory", axis: memoryAxis },
  { title: "Network: received (solid), sent (dashed)", solid: "received", dashed: "sent", axis: rateAxis },
  { title: "Disks: read (solid), written (dashed)", solid: "read", dashed: "written", axis: rateAxis },
];

/**
 * Draws CPU, memory, network and disks of containers over time, one below the other.
 *
 * @returns an SVG document (1.1, without scripts, links or fonts of its own).
 */
export function drawPlot(containers: readonly PlottedContainer[]): string {
  const { startMs, endMs } = timeRange(containers);
  const seconds = Math.max(1, (endMs - startMs) / 1000);
  const legend = drawLegend(containers);
  const top = MARGIN.top + legend.height;
  const height = top + PANELS.length * (PANEL.height + PANEL.gap) - PANEL.gap + BOTTOM + 18;
  const panels = PANELS.map((panel, index) => {
    const y = top + index * (PANEL.height + PANEL.gap) + 14;
    return drawPanel(panel, containers, { y, startMs, seconds });
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="DejaVu Sans, Verdana, sans-serif" font-size="12" fill="#333333">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text(MARGIN.left, 30, describeTitle(containers, startMs), 'font-size="16" font-weight="bold"'),
    ...legend.lines,
    ...panels.flat(),
    text(WIDTH - MARGIN.right, height - 8, "time since then, in h:mm:ss", 'text-anchor="end" fill="#777777"'),
    "</svg>",
    "",
  ].join("\n");
}

function describeTitle(containers: readonly PlottedContainer[], startMs: number): string {
  const what = containers.length === 1 ? (containers[0]?.name ?? "") : `${containers.length} container VMs`;
  const when = new Date(startMs).toISOString().slice(0, 19).replace("T", " ");
  return `${what}, from ${when} UTC`;
}

function timeRange(containers: readonly PlottedContainer[]): { startMs: number; endMs: number } {
  let [startMs, endMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { lines } of containers)
    for (const { timeMs } of lines.memory) {
      startMs = Math.min(startMs, timeMs);
      endMs = Math.max(endMs, timeMs);
    }
  return Number.isFinite(startMs) ? { startMs, endMs } : { startMs: 0, endMs: 0 };
}

function drawLegend(containers: readonly PlottedContainer[]): { lines: string[]; height: number } {
  if (containers.length < 2) return { lines: [], height: 0 };
  const shown = containers.slice(0, MOST_IN_LEGEND).map(({ name }) => shorten(name));
  const rest = containers.length - shown.length;
  let x: number = MARGIN.left;
  let y = 54;
  const lines: string[] = [];
  for (const [index, label] of [...shown, ...(rest > 0 ? [`and ${rest} more`] : [])].entries()) {
    const width = LEGEND.swatch + 6 + label.length * LEGEND.character + LEGEND.gap;
    if (x + width > WIDTH - MARGIN.right && x > MARGIN.left) [x, y] = [MARGIN.left, y + LEGEND.row];
    if (index < shown.length)
      lines.push(
        `<line x1="${x}" y1="${y - 4}" x2="${x + LEGEND.swatch}" y2="${y - 4}" stroke="${colour(index)}" stroke-width="3"/>`,
      );
    lines.push(text(x + LEGEND.swatch + 6, y, label));
    x = Math.round(x + width);
  }
  return { lines, height: y - 54 + LEGEND.row };
}

interface Place {
  readonly y: number;
  readonly startMs: number;
  readonly seconds: number;
}

function drawPanel(panel: Panel, containers: readonly PlottedContainer[], place: Place): string[] {
  const { y, seconds } = place;
  const names = LINES.filter((name) => name === panel.solid || name === panel.dashed);
  const axis = panel.axis(largestOf(containers, names));
  const bottom = y + PANEL.height;
  const rows = axis.ticks.flatMap(({ value, label }) => {
    const at = round(bottom - (value / axis.end) * PANEL.height);
    return [
      grid(MARGIN.left, at, WIDTH - MARGIN.right, at, value === 0 ? "#888888" : "#e2e2e2"),
      text(MARGIN.left - 8, at + 4, label, 'text-anchor="end"'),
    ];
  });
  const columns = timeTicks(seconds, 10).flatMap(({ value, label }) => {
    const at = round(MARGIN.left + (value / seconds) * plotWidth());
    return [grid(at, y, at, bottom, "#eeeeee"), text(at, bottom + 17, label, 'text-anchor="middle"')];
  });
  const lines = containers.flatMap(({ lines: all }, index) =>
    names.flatMap((name) => drawLine(all[name], axis, place, style(index, name === panel.dashed))),
  );
  const title = text(MARGIN.left, y - 9, panel.title, 'font-size="13" font-weight="bold"');
  return [title, ...columns, ...rows, ...lines];
}

function style(index: number, isDashed: boolean): string {
  return `stroke="${colour(index)}"${isDashed ? ' stroke-dasharray="5 3"' : ""}`;
}

function largestOf(containers: readonly PlottedContainer[], names: readonly LineName[]): number {
  let largest = 0;
  for (const { lines } of containers)
    for (const name of names) for (const { value = 0 } of lines[name]) largest = Math.max(largest, value);
  return largest;
}

/** A line for each stretch between points that are not known; a single point is a dot. */
function drawLine(
  points: readonly Point[],
  axis: Axis,
  { y, startMs, seconds }: Place,
  stroke: string,
): string[] {
  const place = ({ timeMs, value = 0 }: Point): string => {
    const x = MARGIN.left + ((timeMs - startMs) / 1000 / seconds) * plotWidth();
    return `${round(x)},${round(y + PANEL.height - (value / axis.end) * PANEL.height)}`;
  };
  return stretches(points).map((stretch) => {
    const places = thin(stretch).map(place);
    // A line of no length has its round caps.
    const all = places.length === 1 ? [...places, ...places] : places;
    return `<polyline points="${all.join(" ")}" fill="none" ${stroke} stroke-width="1.6" stroke-linejoin="round" stroke-linecap="round"/>`;
  });
}

function stretches(points: readonly Point[]): Point[][] {
  const found: Point[][] = [[]];
  for (const point of points) {
    if (point.value === undefined) found.push([]);
    else found.at(-1)?.push(point);
  }
  return found.filter(({ length }) => length > 0);
}

/** Leaves out what cannot be seen, and never a peak. */
function thin(points: readonly Point[]): Point[] {
  if (points.length <= MOST_POINTS) return [...points];
  const size = Math.ceil((2 * points.length) / MOST_POINTS);
  const kept: Point[] = [];
  for (let start = 0; start < points.length; start += size) {
    const bucket = points.slice(start, start + size).sort((a, b) => (a.value ?? 0) - (b.value ?? 0));
    const ends = [bucket[0], bucket.at(-1)].filter((each) => each !== undefined);
    kept.push(...ends.sort((a, b) => a.timeMs - b.timeMs));
  }
  return kept;
}

function plotWidth(): number {
  return WIDTH - MARGIN.left - MARGIN.right;
}

function colour(index: number): string {
  return COLOURS[index % COLOURS.length] ?? "#000000";
}

function grid(x1: number, y1: number, x2: number, y2: number, stroke: string): string {
  return `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${stroke}"/>`;
}

function text(x: number, y: number, content: string, attributes = ""): string {
  return `<text x="${x}" y="${y}" ${attributes}>${escape(content)}</text>`;
}

function shorten(name: string): string {
  return name.length > 40 ? `${name.slice(0, 39)}…` : name;
}

function escape(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
