/**
 * Registries: what an image is there, pulling it and pushing it, all by skopeo, and whether a login is taken. Logins
 * come from whoever asks, one by one, and are in no list of arguments; messages are dockerd's.
 */
export { checkLogin, type LoginOutcome } from "./check-login.ts";
export { DOWNLOAD_PATIENCE, type DownloadPatience, type LayerProgress } from "./download-layers.ts";
export { clearDownloads, trimDownloads } from "./downloads.ts";
export { importRemote } from "./import-remote.ts";
export { type PulledImage, pullImage, type PullObserver } from "./pull-image.ts";
export { type PushedImage, pushImage } from "./push-image.ts";
export type { RegistryContext, RegistryLogin } from "./registry-access.ts";
export { inspectRemote, listRemoteTags, type Platform, type RemoteImage } from "./remote-image.ts";
