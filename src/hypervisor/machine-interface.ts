/** Which device a vNIC is. */
export const INTERFACE_MODELS = ["virtio-net", "vmxnet3", "e1000e"] as const;
export type InterfaceModel = (typeof INTERFACE_MODELS)[number];

/** A port of this machine that leads to one of the guest's. */
export interface ForwardedPort {
  readonly protocol: "tcp" | "udp";
  /** Of this machine; IPv4. */
  readonly hostAddress: string;
  /** 0: any that is free. */
  readonly hostPort: number;
  readonly guestPort: number;
}

/** A port that a running machine forwards, and the vNIC that it belongs to. */
export interface MachineForward extends ForwardedPort {
  readonly id: string;
}

/** What is at the other end of a vNIC's cable. */
export type InterfaceBackend =
  /** A TAP device that is there already, and that whoever starts the machine may open. */
  | { readonly kind: "tap"; readonly name: string }
  /** The hypervisor's own network: out through this machine's sockets, in by forwarded ports only. */
  | {
      readonly kind: "user";
      /** `10.0.2.0/24`: the guest has its fifteenth address. */
      readonly network: string;
      readonly forwards: readonly ForwardedPort[];
    }
  /** Nothing. */
  | { readonly kind: "none" };

/** One vNIC of a machine. */
export interface MachineInterface {
  /** Unique in the machine: letters, digits and dashes. */
  readonly id: string;
  /** `52:54:00:12:34:56`. */
  readonly mac: string;
  readonly model: InterfaceModel;
  readonly backend: InterfaceBackend;
}
