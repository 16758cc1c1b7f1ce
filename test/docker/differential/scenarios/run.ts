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

/** What is refused before anything runs. */
export const REFUSALS: Group = {
  name: "refusals",
  before: `
    $MAKE --name taken demo true`,
  after: `
    docker rm taken`,
  scenarios: {
    "refused: an image that is not here": `
      docker run --pull never --rm nothing-like-this true
      docker create --pull never nothing-like-this:1 true`,
    "refused: the name of an image that is none": `
      docker run --rm 'Not/An/Image' true
      docker run --rm 'a b' true`,
    "refused: a name that is taken": `
      $RUN --name taken demo true`,
    "refused: a name that is none": `
      $RUN --name a/b demo true
      $RUN --name _a demo true
      $RUN --name a demo true`,
    "refused: an option that is unknown": `
      docker run --no-such-option demo true`,
    "refused: no image": `
      docker run`,
    "refused: --rm with a restart policy": `
      $RUN --restart always demo true`,
    "refused: a restart policy that is unknown": `
      $MAKE --restart sometimes demo true`,
    "refused: a count of restarts where none is": `
      $MAKE --restart always:3 demo true`,
    "refused: -t without a terminal": `
      $RUN -it demo true`,
    "refused: a file of variables that is not there": `
      $RUN --env-file nothing demo true`,
    "refused: a variable without a name": `
      $RUN -e =x demo true`,
    "refused: a stop signal that is unknown": `
      $MAKE --stop-signal NOSUCH demo true`,
    "refused: a capability that is unknown": `
      $RUN --cap-add FLY demo true`,
    "refused: a limit that is unknown": `
      $RUN --ulimit nosuch=1 demo true`,
    "refused: a limit whose soft is above its hard": `
      $RUN --ulimit nofile=20:10 demo true`,
    "refused: a security option that is unknown": `
      $RUN --security-opt nosuch demo true`,
    "refused: a size that is none": `
      $RUN --shm-size x demo true
      $RUN -m x demo true`,
    "refused: too little memory": `
      $MAKE -m 1m demo true`,
    "refused: a score that is none": `
      $MAKE --oom-score-adj 2000 demo true`,
    "refused: a directory that is relative": `
      $MAKE -w relative demo true`,
    "refused: a label without a name": `
      $MAKE --label =x demo true`,
    "refused: a log driver that is unknown": `
      $MAKE --log-driver nosuch demo true`,
    "refused: an option of the log that is unknown": `
      $MAKE --log-opt nosuch=1 demo true`,
    "refused: a host without an address": `
      $RUN --add-host x demo true`,
    "refused: a network that is not there": `
      docker run --rm --network nosuch demo true`,
    "refused: two mounts at one place": `
      $MAKE -v one:/x -v two:/x demo true`,
    "refused: a mount at the root": `
      $MAKE -v one:/ demo true`,
    "refused: a mount at a relative place": `
      $MAKE -v one:x demo true`,
    "refused: a bind mount of what is not there": `
      $MAKE --mount type=bind,src=/no/such,dst=/x demo true`,
    "refused: a volume whose name is none": `
      $MAKE -v 'a!b:/x' demo true`,
    "refused: a container's network that is not there": `
      docker run --rm --network container:nosuch demo true`,
  },
};
