/**
 * The endpoint of the virtual container host: Docker's Engine API (1.24 to 1.43) over the port layer, so that the
 * ordinary `docker` command runs container VMs. `http` knows HTTP and nothing of containers, `requests` turns
 * documents into the port layer's requests, `sessions` has the clients that are attached, `routes` is the API.
 */
export { Endpoint, type EndpointParts } from "./endpoint.ts";
export type { Log } from "./http/log.ts";
export { type EndpointAddress, parseEndpointAddress, type TcpProtection } from "./listen-address.ts";
export { readTls, type Tls, type TlsFiles } from "./tls/read-tls.ts";
