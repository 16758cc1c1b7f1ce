/**
 * The names by which guest and host find each other. Changing one breaks running container VMs.
 */

/** The virtio-serial port that carries SSH. */
export const LINK_PORT_NAME = "tether.link";
/** How the names of the virtio-serial ports begin that further clients plug, one for each. */
export const FURTHER_LINK_PORT_PREFIX = "tether.link.";
/** The virtio-serial port whose host side is a file: log records that outlive guest and endpoint. */
export const LOG_PORT_NAME = "tether.log";
/** QEMU's fw_cfg item with the configuration (below `opt/`, as fw_cfg's documentation asks of users). */
export const CONFIGURATION_ITEM = "opt/tether/config";
/** The ext4 label of the layer disk (VIC's word). */
export const LAYER_DISK_LABEL = "containerfs";
/** The serial number of the virtio disk that is the layer disk. */
export const LAYER_DISK_SERIAL = "containerfs";
/** How the serial numbers of the disks begin that a template has in the places of a fork's volumes. */
export const TEMPLATE_DISK_SERIAL_PREFIX = "template-";
/** The SSH user of the endpoint. */
export const ENDPOINT_USER = "tether";
/** The subsystem with requests and events. */
export const CONTROL_SUBSYSTEM = "control";
/** The subsystem with statistics (proto/stats.proto). */
export const STATS_SUBSYSTEM = "stats";
/** The subsystem with statistics (proto/stats.proto). */
export const STATISTICS_SUBSYSTEM = "stats";
/** The command (`exec` request, RFC 4254 section 6.5) that attaches to the session. */
export const ATTACH_COMMAND = "attach";
/** The exit signal (RFC 4254 section 6.10) of a channel whose client did not read: it has missed output. */
export const CUT_OFF_SIGNAL = "CUTOFF@tether";
/** How the reason of an agent's restart begins when an upgrade had failed: the container was handed back. */
export const UPGRADE_FAILED = "upgrade failed: ";
/** The version of config.proto that this build writes and understands. */
export const CONFIGURATION_VERSION = 1;
