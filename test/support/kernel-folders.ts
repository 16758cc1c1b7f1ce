import {
  closeSync,
  constants,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { tether } from "../../src/protocol/generated/stats.js";
import { DelimitedDecoder } from "../../src/protocol/length-delimited.ts";
import {
  KernelStatistics,
  kernelFileSource,
  type StatisticsSources,
  type StatsFolders,
} from "../../src/stats/index.ts";
import { SampleEncoder } from "../../src/stats/encoding/sample-encoder.ts";
import { ALL_GROUPS } from "../../src/stats/values/schema.ts";
import { nativeSystem } from "./native-system.ts";

export type Sample = tether.stats.Sample.$Properties;

/** What a kernel 6.1 says in a container VM with two CPUs, one vNIC and two disks. */
export const KERNEL_FILES: Readonly<Record<string, string>> = {
  "container/cpu.stat":
    "usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\nnr_periods 10\nnr_throttled 3\nthrottled_usec 4000\nnr_bursts 0\nburst_usec 0\n",
  "container/cpu.max": "150000 100000\n",
  "container/memory.current": "73400320\n",
  "container/memory.peak": "80000000\n",
  "container/memory.max": "536870912\n",
  "container/memory.swap.current": "0\n",
  "container/memory.stat":
    "anon 67108864\nfile 4194304\nkernel 2097152\nkernel_stack 32768\npagetables 1\nsec_pagetables 0\npercpu 0\nsock 0\nvmalloc 0\nshmem 4096\nfile_mapped 0\ninactive_anon 0\nactive_anon 0\ninactive_file 1048576\nactive_file 0\nslab 65536\npgfault 20000\npgmajfault 17\n",
  "container/memory.events": "low 0\nhigh 1\nmax 2\noom 3\noom_kill 4\noom_group_kill 0\n",
  "container/io.stat": "254:0 rbytes=1048576 wbytes=2097152 rios=10 wios=20 dbytes=0 dios=0\n",
  "container/pids.current": "5\n",
  "container/pids.peak": "9\n",
  "container/pids.max": "1800\n",
  "container/cpu.pressure":
    "some avg10=1.25 avg60=0.50 avg300=0.07 total=123456\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
  "container/memory.pressure":
    "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
  "container/io.pressure":
    "some avg10=0.00 avg60=0.00 avg300=0.00 total=99\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=98\n",
  "tether/memory.current": "30000000\n",
  "tether/cpu.stat": "usage_usec 900000\nuser_usec 1\nsystem_usec 2\n",
  "proc/stat": `cpu  300 1 200 5000 20 0 3 4 0 0\ncpu0 100 0 100 2500 10 0 1 2 0 0\ncpu1 200 1 100 2500 10 0 2 2 0 0\nintr 12345 ${"0 ".repeat(300)}0\nctxt 67890\nbtime 1700000000\nprocesses 321\nprocs_running 1\nprocs_blocked 0\nsoftirq 1 2 3\n`,
  "proc/meminfo":
    "MemTotal:         500000 kB\nMemFree:          300000 kB\nMemAvailable:     400000 kB\nBuffers:            1000 kB\nCached:            90000 kB\nSwapCached:            0 kB\nSwapTotal:             0 kB\nSwapFree:              0 kB\nDirty:                12 kB\nWriteback:             0 kB\nShmem:               600 kB\nSlab:              20000 kB\n",
  "proc/loadavg": "0.25 0.10 1.07 2/80 11206\n",
  "proc/uptime": "350735.47 234388.90\n",
  "proc/net/sockstat":
    "sockets: used 21\nTCP: inuse 3 orphan 0 tw 0 alloc 4 mem 1\nUDP: inuse 2 mem 0\nUDPLITE: inuse 0\n",
  "proc/net/dev":
    "Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n    lo:     500       5    0    0    0     0          0         0      500       5    0    0    0     0       0          0\n  eth0: 1000000    2000    1    2    0     0          0         0   500000    1000    3    4    0     0       0          0\n",
  "proc/diskstats":
    " 254       0 vda 100 5 2000 30 50 6 4000 70 0 90 100 0 0 0 0 8 9\n 254       1 vda1 1 0 8 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n 254      16 vdb 10 0 80 3 0 0 0 0 1 9 3 1 0 16 2 0 0\n   7       0 loop0 1 0 8 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
  "proc/sys/kernel/random/entropy_avail": "256\n",
  "proc/sys/fs/file-nr": "704\t0\t9223372036854775807\n",
  "proc/self/statm": "20000 9000 5000 1 0 3000 0\n",
  "sys/class/block/vda1/partition": "1\n",
};

/** The kernel's files as ordinary ones, which a test changes. */
export class KernelFolders implements Disposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), "tether-stats-"));
  readonly #opened: KernelStatistics[] = [];

  constructor(files: Readonly<Record<string, string>> = KERNEL_FILES) {
    for (const [name, content] of Object.entries(files)) this.write(name, content);
  }

  /** Where statistics find them. */
  get folders(): StatsFolders {
    const at = (name: string): string => join(this.folder, name);
    return { container: at("container"), tether: at("tether"), proc: at("proc"), sys: at("sys") };
  }

  /** Never empties the file, which a recorder may be reading at the moment: the kernel's have always something in them. */
  write(name: string, content: string | Uint8Array): void {
    const path = join(this.folder, name);
    mkdirSync(dirname(path), { recursive: true });
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    const file = openSync(path, constants.O_RDWR | constants.O_CREAT);
    writeSync(file, bytes);
    ftruncateSync(file, bytes.length);
    closeSync(file);
  }

  remove(name: string): void {
    rmSync(join(this.folder, name), { recursive: true, force: true });
  }

  statistics(sources: Partial<StatisticsSources> = {}): KernelStatistics {
    const statistics = new KernelStatistics({
      files: kernelFileSource(nativeSystem()),
      folders: this.folders,
      fileSystems: () => [],
      restarts: 0,
      clockOffsetUs: () => undefined,
      counters: { read: () => undefined, write: () => {} },
      ...sources,
    });
    this.#opened.push(statistics);
    return statistics;
  }

  [Symbol.dispose](): void {
    for (const statistics of this.#opened) statistics.close();
    rmSync(this.folder, { recursive: true });
  }
}

/** What a reading is for whoever receives it in full. */
export function sampleOf(statistics: KernelStatistics, groups: number = ALL_GROUPS): Sample {
  return tether.stats.Sample.decode(new SampleEncoder().sample(statistics.read(), groups));
}

/** The one sample of a Message with its length before it. */
export function decodeFrame(frame: Buffer): Sample {
  const [message, ...rest] = [...new DelimitedDecoder().push(frame)];
  if (message === undefined || rest.length > 0) throw new Error("not one message");
  const { sample } = tether.stats.Message.decode(message);
  if (!sample) throw new Error("no sample");
  return sample;
}

/** Everything that is set, without what protobufjs adds. */
export function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
