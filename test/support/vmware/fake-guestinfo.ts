/** A VMware host without its emulator: answers RPCI out of a map, in the test's own process. */
export class FakeGuestinfo {
  readonly keys = new Map<string, string>();
  /** The requests so far. */
  readonly requests: string[] = [];
  /** Answers in the host's place when it gives something. */
  answer: (request: string) => string | Error | Promise<string> | undefined = () => undefined;

  readonly rpci = async (bytes: Uint8Array): Promise<Uint8Array> => {
    const request = Buffer.from(bytes).toString();
    this.requests.push(request);
    const answer = await this.answer(request);
    if (answer instanceof Error) throw answer;
    return Buffer.from(answer ?? this.#execute(request));
  };

  #execute(request: string): string {
    const [, command, key = "", value = ""] = /^(\S+) (\S*) ?([^]*)$/.exec(request) ?? [];
    if (command === "log") return "1 ";
    const present = this.keys.get(key);
    if (command === "info-get") return present === undefined ? "0 No value found" : `1 ${present}`;
    if (key.includes("/") || value === "") return "0 Permission denied";
    this.keys.set(key, value);
    return "1 ";
  }
}
