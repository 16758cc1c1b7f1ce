import { type MetricsFormat, OPENMETRICS_TEXT, PROMETHEUS_TEXT } from "./render-metrics.ts";

/**
 * Chooses between Prometheus's text and OpenMetrics by a request's `Accept` (RFC 9110, section 12.5.1). OpenMetrics is
 * for who names it, and prefers it or does not care.
 */
export function negotiateFormat(accept: string | undefined): MetricsFormat {
  const ranges = (accept ?? "").split(",").map(parseRange);
  const qualityOf = (matches: (range: Range) => boolean): number =>
    Math.max(0, ...ranges.filter(matches).map(({ quality }) => quality));
  const open = qualityOf(
    ({ type, version }) =>
      type === "application/openmetrics-text" && (version === undefined || version === "1.0.0"),
  );
  const text = qualityOf(({ type }) => ["text/plain", "text/*"].includes(type));
  return open > 0 && open >= text ? OPENMETRICS_TEXT : PROMETHEUS_TEXT;
}

interface Range {
  readonly type: string;
  readonly quality: number;
  readonly version: string | undefined;
}

function parseRange(text: string): Range {
  const [type = "", ...parameters] = text.split(";").map((each) => each.trim().toLowerCase());
  const named = (name: string): string | undefined =>
    parameters.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1);
  const quality = Number(named("q") ?? 1);
  return { type, quality: quality >= 0 && quality <= 1 ? quality : 0, version: named("version") };
}
