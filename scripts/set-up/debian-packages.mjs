/**
 * What the project needs from Debian 12, each with its reason.
 *
 * @typedef {Record<string, string>} PackageList
 */

/** Needed by `npm start`. @type {PackageList} */
export const packagesToRun = {
  "qemu-system-x86": "runs the container VMs",
  "qemu-utils": "qemu-img: a container's disk as a qcow2 over its image",
  seabios: "the BIOS that QEMU boots",
  e2fsprogs: "mke2fs -d: an image's layers as an ext4 disk",
  xfsprogs: "mkfs.xfs: volumes with xfs",
  "erofs-utils": "mkfs.erofs: the read-only agent image",
  skopeo: "reads images of every kind and from registries",
  umoci: "unpacks and makes OCI images",
  "libarchive-tools": "bsdtar: layers, and kernel RPMs without rpm",
  cpio: "the initramfs",
  kmod: "modinfo, depmod: which modules a VM needs",
  "xz-utils": "kernel packages and modules are compressed with it",
  zstd: "kernel packages and modules are compressed with it",
  xorriso: "the bootable ISO",
  isolinux: "boots the ISO on BIOS machines",
  "syslinux-common": "modules of isolinux",
  "grub-efi-amd64-bin": "boots the ISO on UEFI machines",
  "grub-common": "grub-mkstandalone for the UEFI loader",
  mtools: "the FAT image that UEFI starts from",
  openssl: "certificates for the endpoint's TCP",
  "librsvg2-bin": "rsvg-convert: plots of statistics as PNG",
  "busybox-static": "the user land of the demo image",
  "musl-tools": "musl-gcc: small static launcher and stage 0",
  "dhcpcd-base": "the DHCP client of the agent image",
  gcc: "compiles the native parts",
  "g++": "compiles node-pty's addon",
  "libc6-dev": "headers for the addon",
  "linux-libc-dev": "kernel headers for the addon, the launcher and stage 0",
  binutils: "strip: a smaller agent",
};

/** Needed by `npm test` and `npm run bench` beside the above. @type {PackageList} */
export const packagesToTest = {
  bzip2: "an archive of each kind",
  "docker-registry": "a registry, with passwords, to pull from and push to",
  "docker.io": "a container engine beside container VMs: both must behave the same",
  "docker-compose": "a client of the endpoint that others wrote",
  debootstrap: "makes the Debian image that tests run",
  "golang-go": "compiles VMware's Go client for guestinfo",
  "golang-github-vmware-vmw-guestinfo-dev": "VMware's Go client judges the emulator of its backdoor",
  "open-vm-tools": "vmware-rpctool and libvmtools judge it too, and ours is measured against them",
  "openssh-client": "ssh and sftp judge the guest's SSH server",
  iproute2: "network segments for container VMs",
  "dnsmasq-base": "DHCP server and router for container VMs",
  "netcat-openbsd": "knocks at container VMs' ports from an address of its choice",
  "nfs-ganesha-vfs": "an NFS server for container VMs, versions 3 and 4",
  nftables: "judges the firewall's rules",
  ovmf: "UEFI firmware: boots the ISO as vSphere would",
  prometheus: "promtool judges the metrics",
  "protobuf-compiler": "protoc: another implementation reads what the statistics are encoded to",
  "python3-docker": "a client of the endpoint that others wrote",
  "python3-prometheus-client": "judges them in the format of OpenMetrics",
  "redis-tools": "a real client for the redis inside a container VM",
  rpm: "makes a kernel RPM of Photon's layout",
  sqlite3: "reading and repairing the state database as an operator does",
  "stress-ng": "loads container VMs in ways that it tells about",
  tcpdump: "sees what container VMs announce",
  tmux: "a real terminal around `npm start`",
};

/**
 * What systemd would start as soon as a package is installed. The tests start what they need by themselves, in
 * folders of their own. @type {Readonly<Record<string, readonly string[]>>}
 */
export const servicesOfPackages = {
  "docker-registry": ["docker-registry.service"],
  "docker.io": ["docker.service", "docker.socket", "containerd.service"],
  "nfs-ganesha-vfs": ["nfs-ganesha.service", "nfs-ganesha-lock.service", "rpcbind.service", "rpcbind.socket"],
  prometheus: ["prometheus.service"],
  "open-vm-tools": ["open-vm-tools.service", "vgauth.service"],
};
