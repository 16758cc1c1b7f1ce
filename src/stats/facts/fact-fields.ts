/** The messages of proto/stats.proto that are facts: each field by its name in TypeScript and its number. */
export const FACT_FIELDS = {
  hardware: {
    ...{ vendor: 1, productName: 2, productVersion: 3, serialNumber: 4, uuid: 5, boardName: 6 },
    memoryBytes: 7,
  },
  firmware: { vendor: 1, version: 2, date: 3, release: 4 },
  operatingSystem: { kernel: 1, release: 2, version: 3, architecture: 4, commandLine: 5 },
  processor: {
    ...{ vendor: 1, modelName: 2, family: 3, model: 4, stepping: 5, frequencyKhz: 6, cacheKib: 7 },
    ...{ flags: 8, count: 9 },
  },
  networkCards: {
    ...{ name: 1, macAddress: 2, mtuBytes: 3, speedMbits: 4, duplex: 5, state: 6, driver: 7, index: 8 },
  },
  disks: {
    ...{ name: 1, sizeBytes: 2, logicalBlockBytes: 3, physicalBlockBytes: 4, isRotational: 5 },
    ...{ isReadOnly: 6, model: 7, serialNumber: 8, driver: 9 },
  },
  fileSystems: { mountPoint: 1, type: 2, source: 3, isReadOnly: 4 },
} as const;

/** The fields of Facts. */
export const FACTS_FIELD = {
  ...{ hardware: 1, firmware: 2, operatingSystem: 3, processor: 4, networkCards: 5, disks: 6 },
  fileSystems: 7,
} as const satisfies Record<FactsName, number>;

export type FactsName = keyof typeof FACT_FIELDS;

/** Undefined: the kernel does not tell. */
export type Fact = string | number | boolean | undefined;

/** What is known of one thing. */
export type FactsOf<Name extends FactsName> = {
  readonly [Field in keyof (typeof FACT_FIELDS)[Name]]?: Fact;
};

/** What the machine is. */
export interface Facts {
  readonly hardware: FactsOf<"hardware">;
  readonly firmware: FactsOf<"firmware">;
  readonly operatingSystem: FactsOf<"operatingSystem">;
  readonly processor: FactsOf<"processor">;
  readonly networkCards: ReadonlyArray<FactsOf<"networkCards">>;
  readonly disks: ReadonlyArray<FactsOf<"disks">>;
  readonly fileSystems: ReadonlyArray<FactsOf<"fileSystems">>;
}
