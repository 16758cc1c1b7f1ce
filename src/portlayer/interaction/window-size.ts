/** A terminal's size in characters. */
export interface WindowSize {
  readonly columns: number;
  readonly rows: number;
}
