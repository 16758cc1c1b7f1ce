import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";

/** Replaces what a state folder has as a container's record. */
export function damageRecord(state: string, id: string, record: string): void {
  using database = new DatabaseSync(join(state, "state.db"));
  database.prepare("UPDATE containers SET record = ? WHERE id = ?").run(record, id);
}
