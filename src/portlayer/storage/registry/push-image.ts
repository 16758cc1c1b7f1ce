import { layoutOf } from "../image-folder.ts";
import type { Image } from "../image.ts";
import { openLayout } from "../import/oci-layout.ts";
import { WorkFolder } from "../work-folder.ts";
import { toRegistryError } from "./failures.ts";
import { IdleWatch } from "./idle-watch.ts";
import { registryOf } from "../registry-name.ts";
import { type RegistryContext, registryOptions } from "./registry-access.ts";
import { RemoteImages } from "./remote-image.ts";

/** What a registry has got. */
export interface PushedImage {
  /** Of its manifest there: layers are compressed on the way where they are not. */
  readonly digest: string;
  readonly sizeBytes: number;
}

/** A registry may be busy for some minutes with what it has got of a large layer before it answers. */
const UPLOAD_STALL_MS = 300_000;

/**
 * Gives an image to a registry under a complete name with a tag.
 *
 * @param stallMs it is given up when for so long nothing goes out and nothing comes.
 * @throws TetherError `registry-denied`, `image-unreachable` in dockerd's words, `image-corrupt`.
 */
export async function pushImage(
  image: Image,
  name: string,
  familiar: string,
  context: RegistryContext,
  stallMs = UPLOAD_STALL_MS,
): Promise<PushedImage> {
  const { run, signal, login, root } = context;
  // Its documents are whole: skopeo would not look whether the configuration is the one that its name says.
  const { folder } = await openLayout(layoutOf(image), undefined, familiar);
  await using work = await WorkFolder.create(root);
  const registry = registryOf(name);
  const options = await registryOptions(work, registry, { login, side: "dest-" });
  const temporary = work.path;
  using idle = new IdleWatch(stallMs);
  try {
    await run(
      "skopeo",
      [
        ...["--insecure-policy", "--tmpdir", temporary, "copy", "--quiet"],
        ...[...options, `oci:${folder}`, `docker://${name}`],
      ],
      {
        signal: signal === undefined ? idle.signal : AbortSignal.any([signal, idle.signal]),
        environment: { TMPDIR: temporary },
        onStarted: (pid) => idle.begin(pid),
      },
    );
  } catch (error) {
    throw toRegistryError(error, "push", familiar);
  }
  const { digest, sizeBytes } = await new RemoteImages(context, work, "push").look(name, familiar);
  return { digest, sizeBytes };
}
