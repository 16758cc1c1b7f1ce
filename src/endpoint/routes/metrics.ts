import type { Route } from "../http/router.ts";
import type { Parts } from "./parts.ts";

/** What the endpoint tells Prometheus; Docker's API has no such route. */
export function metricsRoutes({ execution, metrics }: Pick<Parts, "execution" | "metrics">): Route[] {
  return [
    {
      method: "GET",
      path: "/metrics",
      answer: async (exchange) => {
        const text = await metrics.text(execution.list().map(({ state }) => state.status));
        exchange.begin(200, { "Content-Type": metrics.contentType }).end(text);
      },
    },
  ];
}
