/** Where in a file a number is that goes to a slot. */
export interface NumberPlace {
  /** How far from the file's beginning its first digit is. */
  readonly at: number;
  readonly slot: number;
  /** What it is multiplied by. */
  readonly scale: number;
  /** How many digits are behind its point; with 2 its value is in hundredths. */
  readonly decimals: 0 | 2;
}

/** Where the numbers of one file are: noted while it is read by who knows what it means. */
export class NumberPlaces {
  readonly #bySlot = new Map<number, NumberPlace>();

  /** Another file. */
  clear(): void {
    this.#bySlot.clear();
  }

  /** Of two that go to one slot the later one counts. */
  note(place: NumberPlace): void {
    this.#bySlot.set(place.slot, place);
  }

  /** In the order of the file. */
  inOrder(): NumberPlace[] {
    return [...this.#bySlot.values()].sort((one, other) => one.at - other.at);
  }
}
