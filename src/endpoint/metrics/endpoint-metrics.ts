import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** From an answer out of memory to a start of a machine under emulation. */
const BUCKETS_SECONDS = [0.001, 0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30];

/** Every state of Docker's, so that each has a series from the beginning. */
const STATES = ["created", "running", "paused", "restarting", "exited", "dead"] as const;

/** A request that is being answered; it is told of its end once. */
export interface ObservedRequest {
  /**
   * @param status of HTTP; 101 for a connection that was taken over. How long such a one lives is its client's affair and
   *   no duration of a request's.
   */
  end(status: number): void;
}

/** What the endpoint tells Prometheus of itself. */
export class EndpointMetrics {
  readonly #registry = new Registry();
  readonly #requests: Counter<"method" | "route" | "status">;
  readonly #durations: Histogram<"method" | "route">;
  readonly #active = new Map<string, number>();

  constructor() {
    const registers = [this.#registry];
    this.#requests = new Counter({
      name: "vch_endpoint_requests_total",
      help: "Requests that were answered, by route and HTTP status; 101 for connections that were taken over.",
      labelNames: ["method", "route", "status"],
      registers,
    });
    this.#durations = new Histogram({
      name: "vch_endpoint_request_duration_seconds",
      help: "How long answers took, from the request's head to their end. Without connections that were taken over.",
      labelNames: ["method", "route"],
      buckets: BUCKETS_SECONDS,
      registers,
    });
  }

  /** The content type of {@link text}. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** @param route a route's form, so that there are no more series than routes. */
  begin(method: string, route: string): ObservedRequest {
    const begun = performance.now();
    this.#active.set(route, this.activeOn(route) + 1);
    return {
      end: (status) => {
        this.#active.set(route, this.activeOn(route) - 1);
        this.#requests.inc({ method, route, status });
        if (status !== 101) this.#durations.observe({ method, route }, (performance.now() - begun) / 1000);
      },
    };
  }

  /** How many requests to a route are being answered. */
  activeOn(route: string): number {
    return this.#active.get(route) ?? 0;
  }

  /** All metrics, in Prometheus's text format. @param states of the containers, one for each. */
  async text(states: readonly string[]): Promise<string> {
    const present = new Registry();
    const registers = [present];
    const containers = new Gauge({
      name: "vch_endpoint_containers",
      help: "Containers by their state.",
      labelNames: ["state"],
      registers,
    });
    for (const state of STATES) containers.set({ state }, states.filter((each) => each === state).length);
    const active = new Gauge({
      name: "vch_endpoint_active_requests",
      help: "Requests that are being answered, with connections that were taken over.",
      labelNames: ["route"],
      registers,
    });
    for (const [route, count] of this.#active) active.set({ route }, count);
    const memory = new Gauge({
      name: "process_resident_memory_bytes",
      help: "Memory of the endpoint's process.",
      registers,
    });
    memory.set(process.memoryUsage.rss());
    return `${await this.#registry.metrics()}\n${await present.metrics()}`;
  }
}
