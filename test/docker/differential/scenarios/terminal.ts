import type { Group } from "../scenario.ts";

/** Containers and processes with a terminal. */
export const TERMINAL: Group = {
  name: "terminal",
  before: `
    $START -it --name seat demo sh -c 'while read line; do [ "$line" = end ] && exit 4; echo "got $line"; done'`,
  after: `
    docker rm -f seat`,
  scenarios: {
    "terminal: both outputs are one, with its newlines": `
      pty "docker run --rm -t --network none demo sh -c 'tty; echo out; echo err >&2; exit 3'"`,
    "terminal: without one on the client's side": `
      docker run --rm -t --network none demo sh -c 'tty; echo out; echo err >&2'`,
    "terminal: its variables": `
      docker run --rm -t --network none demo sh -c 'echo $TERM'`,
    "terminal: of an exec": `
      docker exec -t seat sh -c 'tty; echo out; echo err >&2; exit 3'
      docker exec -t seat sh -c 'echo $TERM'
      docker exec seat tty`,
    "terminal: the size of an exec's": `
      pty "stty rows 41 cols 91; docker exec -it seat sh -c 'until stty size | grep -q 41; do :; done; stty size'"`,
    "terminal: what is typed for an exec": `
      { await docker exec seat test -e /tmp/reads; printf 'hello\\n'; } | \\
        pty "docker exec -it seat sh -c 'stty -echo; touch /tmp/reads; read x; echo answer \\$x'" | grep -o 'answer hello'
      docker exec seat rm /tmp/reads`,
    "terminal: its exec is left by keys of one's own": `
      { await docker exec seat test -e /tmp/waits; printf xy; } | \\
        pty "docker exec -it --detach-keys x,y seat sh -c 'stty -echo; touch /tmp/waits; sleep 1000'" | grep -o 'read escape sequence'
      docker exec seat sh -c 'rm /tmp/waits; pkill sleep && echo went on'`,
    "terminal: keys that are none": `
      docker attach --detach-keys ctrl-nosuch seat
      docker exec -t --detach-keys ctrl-nosuch seat true`,
    "terminal: attached, and ended by what is typed": `
      docker attach seat
      printf 'one\\nend\\n' | pty "docker attach seat" > typed; echo $?
      docker logs seat | tr -d '\\r' | grep got
      docker wait seat
      docker inspect -f '{{.Config.Tty}} {{.Config.OpenStdin}} {{.Config.StdinOnce}}' seat`,
  },
};
