const CPU =
  "processor\t: NUMBER\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\nmodel name\t: Intel(R) Xeon(R)\nstepping\t: 7\ncpu MHz\t\t: 2999.998\ncache size\t: 16384 KB\nflags\t\t: fpu vme sse2\n";

/** What the kernel of such a VM says of the machine itself. */
export const FACT_FILES: Readonly<Record<string, string>> = {
  "proc/meminfo": "MemTotal:         500000 kB\nMemFree:          300000 kB\n",
  "sys/class/block/vda1/partition": "1\n",
  "sys/class/block/vda1/size": "2048\n",
  "sys/class/block/vda/size": "20480\n",
  "sys/class/block/vda/ro": "0\n",
  "sys/class/block/vda/serial": "tether-root\n",
  "sys/class/block/vda/queue/logical_block_size": "512\n",
  "sys/class/block/vda/queue/physical_block_size": "4096\n",
  "sys/class/block/vda/queue/rotational": "1\n",
  "sys/class/block/loop0/size": "8\n",
  "sys/class/net/lo/ifindex": "1\n",
  "sys/class/net/eth0/ifindex": "2\n",
  "sys/class/net/eth0/address": "02:00:00:00:00:07\n",
  "sys/class/net/eth0/mtu": "1500\n",
  "sys/class/net/eth0/speed": "-1\n",
  "sys/class/net/eth0/duplex": "unknown\n",
  "sys/class/net/eth0/operstate": "up\n",
  "sys/class/dmi/id/sys_vendor": "QEMU\n",
  "sys/class/dmi/id/product_name": "Standard PC (Q35 + ICH9, 2009)\n",
  "sys/class/dmi/id/product_version": "pc-q35-7.2\n",
  "sys/class/dmi/id/product_serial": "\n",
  "sys/class/dmi/id/bios_vendor": "SeaBIOS\n",
  "sys/class/dmi/id/bios_version": "1.16.2-debian-1.16.2-1\n",
  "sys/class/dmi/id/bios_date": "04/01/2014\n",
  "sys/class/dmi/id/bios_release": "0.0\n",
  "proc/sys/kernel/ostype": "Linux\n",
  "proc/sys/kernel/osrelease": "6.1.0-26-cloud-amd64\n",
  "proc/sys/kernel/version": "#1 SMP PREEMPT_DYNAMIC Debian 6.1.112-1 (2024-09-30)\n",
  "proc/sys/kernel/arch": "x86_64\n",
  "proc/cmdline": "console=ttyS0 quiet\n",
  "proc/cpuinfo": `${CPU.replace("NUMBER", "0")}\n${CPU.replace("NUMBER", "1")}\n`,
  "proc/self/mountinfo":
    "21 1 254:0 / /container/root rw,relatime - ext4 /dev/vda rw\n22 1 0:40 / /volumes/my\\040data ro,relatime shared:3 master:1 - nfs4 server:/export rw,vers=4.2\nnonsense\n",
};
