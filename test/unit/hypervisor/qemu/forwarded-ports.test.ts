import assert from "node:assert/strict";
import { parseForwards } from "../../../../src/hypervisor/qemu/forwarded-ports.ts";

/** As QEMU 7.2 says it. */
const SAID = `Hub -1 (nic-65746830):\r
  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r
  TCP[ESTABLISHED]   40       10.0.2.15 45432    93.184.216.34    80     0     0\r
  TCP[HOST_FORWARD]  33       127.0.0.1 34855       10.0.2.15  8080     0     0\r
  TCP[HOST_FORWARD]  32               * 41257       10.0.2.15  9090     0     0\r
  UDP[HOST_FORWARD]  31               * 45225       10.0.2.15    53     0     0\r
Hub -1 (nic-65746831):\r
  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r
  TCP[HOST_FORWARD]  35               *    80       10.0.3.15    80     0     0\r
`;

describe("what QEMU forwards", () => {
  it("is read vNIC by vNIC, and connections are left out", () => {
    const [first, second] = ["nic-65746830", "nic-65746831"];
    const any = "";
    assert.deepEqual(parseForwards(SAID), [
      { id: first, protocol: "tcp", hostAddress: "127.0.0.1", hostPort: 34855, guestPort: 8080 },
      { id: first, protocol: "tcp", hostAddress: any, hostPort: 41257, guestPort: 9090 },
      { id: first, protocol: "udp", hostAddress: any, hostPort: 45225, guestPort: 53 },
      { id: second, protocol: "tcp", hostAddress: any, hostPort: 80, guestPort: 80 },
    ]);
    assert.deepEqual(parseForwards(""), []);
  });
});
