import type { Group } from "../scenario.ts";

/** What a process gets of its container, and what the client gets of its process. */
export const RUN: Group = {
  name: "run",
  scenarios: {
    "run: what it prints": `
      $RUN demo echo hello`,
    "run: both outputs and an exit status": `
      $RUN demo sh -c 'echo out; echo err >&2; exit 7'`,
    "run: the image's own command": `
      $RUN demo`,
    "run: its input": `
      echo input | $RUN -i demo cat`,
    "run: an input that nobody passes on": `
      echo input | $RUN demo sh -c 'cat; echo end'`,
    "run: an input that it does not read to its end": `
      yes | head -c 3000000 | $RUN -i demo head -n 1`,
    "run: any bytes, both ways": `
      head -c 300000 /dev/urandom > bytes
      $RUN -i demo cat < bytes | cmp - bytes`,
    "run: an output of megabytes": `
      $RUN demo sh -c 'yes 0123456789abcdef | head -n 200000' | md5sum`,
    "run: an output without a newline at its end": `
      $RUN demo printf 'no newline'`,
    "run: arguments as they are": `
      $RUN demo printf '[%s]' 'a  b' '' '*' '$HOME' --rm "it's"`,
    "run: only one output": `
      $RUN -a stderr demo sh -c 'echo out; echo err >&2; exit 3'`,
    "run: variables": `
      $RUN -e A=1 -e B= -e 'C=two words' demo sh -c 'echo "[$A][$B][$C][\${D-none}]"'`,
    "run: a variable of the client's, and one that it has not": `
      OUTER=from-outside $RUN -e OUTER -e MISSING demo sh -c 'echo "$OUTER \${MISSING-none}"'`,
    "run: a file of variables": `
      printf 'X=1\\n# a comment\\n\\nY=two words\\n' > variables
      $RUN --env-file variables -e X=2 demo sh -c 'echo "$X $Y"'`,
    "run: its environment": `
      $RUN -h box demo env`,
    "run: a directory that is made": `
      $RUN -w /made/here demo sh -c 'pwd; stat -c %u:%g:%a .'`,
    "run: a user by numbers": `
      $RUN -u 1000:50 demo sh -c 'id -u; id -g; id -G; touch /x'`,
    "run: further groups": `
      $RUN -u 1000 --group-add 7 --group-add 8 demo id -G`,
    "run: another entrypoint": `
      $RUN --entrypoint echo demo one two`,
    "run: a read-only root": `
      $RUN --read-only --tmpfs /tmp demo sh -c 'touch /x; echo $?; touch /tmp/x; echo $?'`,
    "run: limits": `
      $RUN --ulimit nofile=64:128 --ulimit core=0 demo sh -c 'ulimit -Sn; ulimit -Hn; ulimit -c'`,
    "run: without capabilities": `
      $RUN --cap-drop ALL demo sh -c 'chown 1 /etc/passwd; grep CapEff /proc/self/status'`,
    "run: hosts": `
      $RUN --add-host one:192.0.2.1 demo grep one /etc/hosts`,
    "run: kernel settings of its own": `
      $RUN --sysctl net.core.somaxconn=123 demo cat /proc/sys/net/core/somaxconn`,
    "run: a file of its id": `
      $RUN --cidfile id demo true
      wc -c < id
      $RUN --cidfile id demo true
      rm id`,
    "run: what is removed is no more": `
      $RUN --name gone demo true
      docker ps -aq --filter name=gone
      docker inspect gone`,
    "run: a signal to the client": `
      $RUN --name told demo sh -c 'trap "echo told; exit 4" TERM; echo up; while :; do sleep 0.1; done' > out & \\
        until grep -q up out 2> none; do sleep 0.1; done; kill -TERM $!; wait $!
      cat out`,
    "run: ended by a signal": `
      $RUN --init demo sh -c 'kill -KILL $$'
      $RUN --init demo sh -c 'kill -TERM $$'`,
    "run: in the background": `
      $START --name behind demo sh -c 'echo done; exit 9'
      docker wait behind
      docker logs behind
      docker rm behind`,
    "run: a program that is not found": `
      $RUN demo no-such-program`,
    "run: a path that is not found": `
      $RUN demo /no/such/program`,
    "run: a file that is no program": `
      $RUN demo /etc/passwd`,
    "run: a directory in place of a program": `
      $RUN demo /etc`,
    "run: a user who is not found": `
      $RUN -u nobody-like-this demo true`,
    "run: a directory that is a file": `
      $RUN -w /etc/passwd demo true`,
    "run: twenty quick containers, one after the other, in one": `
      $RUN demo sh -c 'for i in $(seq 20); do sh -c "exit $i" & wait $!; echo $?; done'`,
  },
};
