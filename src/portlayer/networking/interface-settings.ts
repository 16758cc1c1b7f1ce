import { z } from "zod";
import { INTERFACE_MODELS } from "../../hypervisor/index.ts";

/** VIC's trust levels, as the command line has them. */
export const TRUST_LEVELS = ["published", "open", "closed", "outbound", "peers", "bridge"] as const;

const dynamicSchema = z.object({
  method: z.enum(["dhcp", "slaac"]),
  /** The container starts without an address, too. */
  isOptional: z.boolean(),
  /** How long the start waits; 0 for the guest's default. */
  timeoutMs: z.number().int().min(0),
});

const portSchema = z.object({
  protocol: z.enum(["tcp", "udp", "sctp"]),
  /** Of this machine, for a network of the hypervisor's own; empty: all of its addresses. */
  hostAddress: z.string(),
  /** What is asked for: at the vNIC's address, or at this machine's; 0 there: any that is free, chosen at each start. */
  port: z.number().int().min(0).max(65_535),
  /** Where the process listens. */
  targetPort: z.number().int().min(1).max(65_535),
  /** How many there are from there on. */
  count: z.number().int().min(1).max(65_535),
});

const routeSchema = z.object({
  destination: z.string(),
  gateway: z.string(),
  metric: z.number().int().min(0),
});

/** A vNIC of a container: the machine's side of it and the guest's. */
export const interfaceSettingsSchema = z.object({
  name: z.string(),
  mac: z.string(),
  model: z.enum(INTERFACE_MODELS),
  backend: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("tap"), name: z.string() }),
    z.object({ kind: z.literal("user"), network: z.string() }),
  ]),
  /** 0: as the device has it. */
  mtu: z.number().int().min(0),
  /** With their prefix lengths, of both families. */
  addresses: z.array(z.string()),
  ipv4: dynamicSchema.optional(),
  ipv6: dynamicSchema.optional(),
  /** Empty: none. */
  gateway4: z.string(),
  gateway6: z.string(),
  routes: z.array(routeSchema),
  /** 0: the kernel's. */
  metric: z.number().int().min(0),
  nameservers: z.array(z.string()),
  aliases: z.array(z.string()),
  trust: z.enum(TRUST_LEVELS),
  pools: z.array(z.string()),
  ports: z.array(portSchema),
});

/** resolv.conf(5). */
export const resolverSettingsSchema = z.object({
  nameservers: z.array(z.string()),
  search: z.array(z.string()),
  options: z.array(z.string()),
});

export type InterfaceSettings = z.infer<typeof interfaceSettingsSchema>;
export type DynamicSettings = z.infer<typeof dynamicSchema>;
export type PortSettings = z.infer<typeof portSchema>;
export type RouteSettings = z.infer<typeof routeSchema>;
export type ResolverSettings = z.infer<typeof resolverSettingsSchema>;

export const NO_RESOLVER: ResolverSettings = { nameservers: [], search: [], options: [] };
