/**
 * The one moment that every time stamp in the outputs has: 2020-01-01 00:00:00 UTC. Not the epoch, because
 * FAT counts from 1980 and ISO 9660 from 1900 while some firmware shows dates before 2000 as garbage.
 */
export const FIXED_TIME_SECONDS = 1_577_836_800;

/** `FIXED_TIME_SECONDS` as xorriso writes it: YYYYMMDDhhmmss and hundredths. */
export const FIXED_ISO_DATE = "2020010100000000";

/** Volume id of the ISO. */
export const ISO_VOLUME_ID = "TETHER";

/** FAT serial number of the EFI system partition (mformat would take the clock's). */
export const EFI_VOLUME_SERIAL = "7e7be200";
