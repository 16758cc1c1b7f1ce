/** proto/config.proto's name of a field: protobufjs writes `extraHosts` for `extra_hosts`. */
export function protoName(property: string): string {
  return property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
