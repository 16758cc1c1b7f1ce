import type { tether } from "../generated/config.js";
import { CONFIGURATION_VERSION } from "../link-names.ts";
import { checkHealth, checkRestart } from "./checks/life.ts";
import { checkLink } from "./checks/link.ts";
import { checkHostName } from "./checks/names.ts";
import { checkSecurity } from "./checks/security.ts";
import { checkSession } from "./checks/session.ts";
import { checkStatistics } from "./checks/statistics.ts";
import { checkSafe, MOST_NAME_BYTES, quote } from "./checks/text.ts";
import { type Problem, Problems } from "./problems.ts";
import { protoName } from "./proto-name.ts";

type Document = tether.config.Config.$Properties;

/** HOST_NAME_MAX of Linux. */
const MOST_HOSTNAME_BYTES = 64;

/** config.proto: less is no randomness, more is no use. */
const LEAST_SEED_BYTES = 32;
const MOST_SEED_BYTES = 512;

/** The year 9999: a clock that is set further breaks whatever formats times. */
const LATEST_TIME_MS = Date.UTC(9999, 0);

/**
 * Checks every field of a document, of a container or of a template. Guest and host share it: whatever passes here,
 * the guest's agent understands; what only its kernel can know (devices, sysctls, users) it finds out itself.
 *
 * Checks that few documents need are loaded when one does: a guest's start is the time of its JavaScript.
 *
 * @returns everything that is wrong, with paths as in proto/config.proto; nothing when the document is in order.
 */
export async function problemsOf(document: Document): Promise<readonly Problem[]> {
  const problems = new Problems();
  const { version } = document;
  if (version !== CONFIGURATION_VERSION) {
    // Whatever a newer version means by the other fields.
    problems.at("version").add(`is ${version ?? 0}; this version understands ${CONFIGURATION_VERSION}`);
    return problems.found;
  }
  if (document.template) checkTemplate(document, problems);
  else await checkContainer(document, problems);
  return problems.found;
}

/** A template belongs to no container, and nothing of one may be in its memory. */
function checkTemplate(document: Document, problems: Problems): void {
  for (const [field, value] of Object.entries(document)) {
    if (field === "version" || field === "template" || isEmpty(value)) continue;
    problems.at(protoName(field)).add("is set, but this is the document of a template");
  }
}

function isEmpty(value: unknown): boolean {
  return !value || (typeof value === "object" && Object.keys(value).length === 0);
}

async function checkContainer(document: Document, problems: Problems): Promise<void> {
  checkIdentity(document, problems);
  checkSession(document.session, problems.at("session"));
  checkLink(document.link, problems.at("link"));
  checkSecurity(document.security, problems.at("security"));
  checkRestart(document.restart, problems.at("restart"));
  checkHealth(document.health, problems.at("health"));
  checkStatistics(document.statistics, problems.at("statistics"));
  checkNumbers(document, problems);
  await checkSurroundings(document, problems);
}

/** What few containers have: names, vNICs, volumes, sysctls. */
async function checkSurroundings(document: Document, problems: Problems): Promise<void> {
  const { extraHosts, interfaces, resolver, volumes, sysctls } = document;
  if (!isEmpty(extraHosts)) {
    const { checkHosts } = await import("./checks/hosts.ts");
    checkHosts(extraHosts, problems.at("extra_hosts"));
  }
  if (!isEmpty(sysctls)) {
    const { checkSysctls } = await import("./checks/sysctls.ts");
    checkSysctls(sysctls, problems.at("sysctls"));
  }
  if (resolver) {
    const { checkResolver } = await import("./checks/resolver.ts");
    checkResolver(resolver, problems.at("resolver"));
  }
  if (interfaces?.length) {
    const { checkInterfaces } = await import("./checks/interfaces.ts");
    checkInterfaces(interfaces, problems.at("interfaces"));
  }
  if (volumes?.length) {
    const { checkVolumes } = await import("./checks/volumes.ts");
    checkVolumes(volumes, problems.at("volumes"));
  }
}

function checkIdentity({ id, name, hostname, domainname }: Document, problems: Problems): void {
  if (!/^[0-9a-f]{64}$/.test(id ?? "")) problems.at("id").add("is not 64 hexadecimal digits");
  // Docker's rule (moby, daemon/names/names.go).
  if (name && (name.length > MOST_NAME_BYTES || !/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)))
    problems.at("name").add(`${quote(name)} is no container's name`);
  checkHostName(hostname ?? "", problems.at("hostname"), MOST_HOSTNAME_BYTES);
  if (domainname) checkHostName(domainname, problems.at("domainname"), MOST_HOSTNAME_BYTES);
}

function checkNumbers(document: Document, problems: Problems): void {
  checkSafe(document.nanoCpus, problems.at("nano_cpus"));
  checkSafe(document.shmBytes, problems.at("shm_bytes"));
  checkSafe(document.generation, problems.at("generation"));
  const log = problems.at("log");
  checkSafe(document.log?.maxBytes, log.at("max_bytes"));
  checkSafe(document.log?.writtenBytes, log.at("written_bytes"));
  if ((document.hostTimeMs ?? 0) > LATEST_TIME_MS) problems.at("host_time_ms").add("is after the year 9999");
  const { length } = document.randomSeed ?? new Uint8Array();
  if (length !== 0 && (length < LEAST_SEED_BYTES || length > MOST_SEED_BYTES))
    problems.at("random_seed").add(`has ${length} bytes, not ${LEAST_SEED_BYTES} to ${MOST_SEED_BYTES}`);
}
