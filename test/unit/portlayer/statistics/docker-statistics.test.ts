import assert from "node:assert/strict";
import { dockerStatistics, readSample } from "../../../../src/portlayer/statistics/index.ts";
import { fullSample, MIB } from "../../../support/full-sample.ts";

const OWNER = { id: "a".repeat(64), name: "web" };

describe("an answer of Docker's stats", () => {
  it("has the fields that clients compute with, in nanoseconds and bytes", () => {
    const before = readSample(fullSample(10), undefined);
    const now = readSample(fullSample(12, { wallUs: 1_790_000_011_250_000 }), undefined);
    const answer = JSON.parse(JSON.stringify(dockerStatistics(OWNER, now, before))) as Record<
      string,
      unknown
    >;
    assert.deepEqual(answer, {
      id: OWNER.id,
      name: "/web",
      read: "2026-09-21T14:13:31.25Z",
      preread: "2026-09-21T14:13:30Z",
      pids_stats: { current: 3, limit: 1000 },
      blkio_stats: {
        io_service_bytes_recursive: [
          { major: 254, minor: 0, op: "read", value: 4_100_000 },
          { major: 254, minor: 0, op: "write", value: 12_000 },
        ],
        io_serviced_recursive: [
          { major: 254, minor: 0, op: "read", value: 0 },
          { major: 254, minor: 0, op: "write", value: 0 },
        ],
        io_queue_recursive: null,
        io_service_time_recursive: null,
        io_wait_time_recursive: null,
        io_merged_recursive: null,
        io_time_recursive: null,
        sectors_recursive: null,
      },
      num_procs: 0,
      storage_stats: {},
      cpu_stats: {
        cpu_usage: {
          total_usage: 6_000_000_000,
          usage_in_kernelmode: 1_200_000_000,
          usage_in_usermode: 4_800_000_000,
        },
        system_cpu_usage: 24_000_000_000,
        online_cpus: 2,
        throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
      },
      precpu_stats: {
        cpu_usage: {
          total_usage: 5_000_000_000,
          usage_in_kernelmode: 1_000_000_000,
          usage_in_usermode: 4_000_000_000,
        },
        system_cpu_usage: 20_000_000_000,
        online_cpus: 2,
        throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
      },
      memory_stats: { usage: 80 * MIB, stats: { inactive_file: 16 * MIB }, limit: 256 * MIB },
      networks: {
        eth0: {
          rx_bytes: 18_000,
          rx_packets: 0,
          rx_errors: 0,
          rx_dropped: 0,
          tx_bytes: 8_400,
          tx_packets: 0,
          tx_errors: 0,
          tx_dropped: 0,
        },
      },
    });
  });

  it("of a container that does not run has zeros, and no times", () => {
    const { read, preread, cpu_stats, memory_stats } = dockerStatistics(
      OWNER,
      undefined,
      undefined,
    ) as Record<string, unknown>;
    assert.deepEqual([read, preread], ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"]);
    assert.deepEqual(memory_stats, {});
    assert.deepEqual(cpu_stats, {
      cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
      throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
    });
  });

  it("prints whole numbers also above 2^53 nanoseconds", () => {
    const year = readSample(fullSample(10, { containerCpu: { usageUs: 31_536_000_000_001 } }), undefined);
    assert.match(
      JSON.stringify(dockerStatistics(OWNER, year, undefined)),
      /"total_usage":3153600000000\d{4}[,}]/,
    );
  });
});
