import type { Group } from "../scenario.ts";

/** Prints on both outputs, and ends with 3 when it is asked to stop. */
const SERVICE =
  "trap 'echo stopping; exit 3' TERM; echo started; echo problem >&2; while :; do sleep 1000 & wait $!; done";

/** Further processes in a container that runs. */
export const EXEC: Group = {
  name: "exec",
  before: `
    $START --name box -h box -e OF_RUN=1 -w /tmp demo sh -c "${SERVICE}"
    docker exec box sh -c 'until grep -q ^sleep /proc/[0-9]*/comm; do :; done'`,
  after: `
    docker rm -f box`,
  scenarios: {
    "exec: what it prints": `
      docker exec box echo hello`,
    "exec: both outputs and an exit status": `
      docker exec box sh -c 'echo out; echo err >&2; exit 5'`,
    "exec: exit statuses": `
      docker exec box sh -c 'exit 0'
      docker exec box sh -c 'exit 1'
      docker exec box sh -c 'exit 125'
      docker exec box sh -c 'exit 126'
      docker exec box sh -c 'exit 127'
      docker exec box sh -c 'exit 255'`,
    "exec: ended by a signal": `
      docker exec box sh -c 'kill -TERM $$; sleep 9'
      docker exec box sh -c 'kill -KILL $$'
      docker exec box sh -c 'kill -SEGV $$'`,
    "exec: its input": `
      echo input | docker exec -i box cat`,
    "exec: an input that nobody passes on": `
      echo input | docker exec box sh -c 'cat; echo end'`,
    "exec: an input that it does not read to its end": `
      yes | head -c 1000000 | docker exec -i box head -n 1`,
    "exec: any bytes, both ways": `
      head -c 300000 /dev/urandom > bytes
      docker exec -i box cat < bytes | cmp - bytes`,
    "exec: an output of megabytes": `
      docker exec box sh -c 'yes 0123456789abcdef | head -n 200000' | md5sum`,
    "exec: its outputs are pipes of their own": `
      docker exec box sh -c 'for n in 1 2 3 4 5; do echo $n; done; echo error >&2' 2> /dev/null
      docker exec box sh -c 'for n in 1 2 3 4 5; do echo $n; done; echo error >&2' > /dev/null`,
    "exec: variables": `
      docker exec -e A=b -e OF_RUN=2 box sh -c 'echo "$A $OF_RUN"'
      docker exec box sh -c 'echo "$OF_RUN"'`,
    "exec: its environment": `
      docker exec box env`,
    "exec: a directory": `
      docker exec box pwd
      docker exec -w /etc box pwd`,
    "exec: a user": `
      docker exec -u 1000:50 box sh -c 'id -u; id -g; touch /etc/x'
      docker exec -u demo box id`,
    "exec: all rights": `
      docker exec --privileged box sh -c 'mkdir /mnt2 && mount -t tmpfs none /mnt2 && umount /mnt2 && rmdir /mnt2'`,
    "exec: detached": `
      docker exec -d box sh -c 'echo made > /tmp/by-exec'
      await docker exec box test -s /tmp/by-exec; docker exec box cat /tmp/by-exec
      docker exec box rm /tmp/by-exec`,
    "exec: what it leaves running goes on": `
      docker exec box sh -c 'sleep 1000 > /dev/null 2>&1 & echo $! > /tmp/left'
      docker exec box sh -c 'kill $(cat /tmp/left) && rm /tmp/left && echo was there'`,
    "exec: a program that is not found": `
      docker exec box no-such-program`,
    "exec: a path that is not found": `
      docker exec box /no/such/program`,
    "exec: a file that is no program": `
      docker exec box /etc/passwd`,
    "exec: detached, and not found": `
      docker exec -d box no-such-program`,
    "exec: a user who is not found": `
      docker exec -u nobody-like-this box true`,
    "exec: a directory that is missing": `
      docker exec -w /no/such box true`,
    "exec: no command": `
      docker exec box`,
    "exec: no program": `
      docker exec box ''`,
    "exec: no such container": `
      docker exec nosuch true`,
    "exec: -t without a terminal": `
      docker exec -it box true`,
    "exec: ten at once": `
      for n in 0 1 2 3 4 5 6 7 8 9; do docker exec box echo $n > exec-$n & done; wait; cat exec-?`,
    "exec: by the beginning of the id": `
      docker exec $(docker inspect -f '{{slice .Id 0 8}}' box) hostname`,
    "exec: signals are the process's, not the container's": `
      docker exec box sh -c 'trap "echo caught; exit 6" USR1; kill -USR1 $$; sleep 9'
      docker inspect -f '{{.State.Status}}' box`,

    "top: its processes": `
      docker top box -o pid,comm | awk 'NR == 1 { print $1, $2 } NR > 1 { print $2 }' | sort`,
    "top: as ps shows them": `
      docker top box | head -n 1 | tr -s ' '
      docker top box aux | head -n 1 | tr -s ' ' | cut -d ' ' -f 1,2,11
      docker top box -ef | awk 'NR > 1 { print $8 }' | sort`,
    "top: a column that is none": `
      docker top box -o pid,nosuch`,
    "top: no such container": `
      docker top nosuch`,

    "logs: of a container that runs": `
      docker logs box
      docker logs -n 0 box`,
    "stats: once": `
      docker stats --no-stream --format '{{.Name}} {{.NetIO}}' box
      docker stats --no-stream nosuch`,
    "port: none": `
      docker port box
      docker port box 80`,
    "pause: what is frozen": `
      docker pause box
      docker ps --filter name=box --format '{{.State}} {{.Status}}'
      docker inspect -f '{{.State.Status}} {{.State.Running}} {{.State.Paused}}' box
      docker exec box true
      docker attach box
      docker pause box
      docker rm box
      docker unpause box
      docker unpause box
      docker exec box echo goes on`,
    "rename: to and fro": `
      docker rename box crate
      docker exec crate echo here
      docker exec box echo here
      docker rename crate box
      docker rename box box
      docker rename box a/b
      docker rename box ''
      docker rename nosuch other`,
    "update: a restart policy": `
      docker update --restart on-failure:2 box
      docker inspect -f '{{json .HostConfig.RestartPolicy}}' box
      docker update --restart no box
      docker inspect -f '{{json .HostConfig.RestartPolicy}}' box`,
    "update: what is refused": `
      docker update --restart nosuch box
      docker update --restart always:2 box
      docker update box
      docker update --restart no nosuch`,
    "update: a limit of processes": `
      docker update --pids-limit 20 box
      docker inspect -f '{{.HostConfig.PidsLimit}}' box`,
    "rm: what runs": `
      docker rm box
      docker container prune -f
      docker inspect -f '{{.State.Status}}' box`,
    "kill: signals that are none": `
      docker kill -s NOSUCH box
      docker kill -s 65 box
      docker kill -s -1 box`,
    "start: what runs": `
      docker start box`,
    "wait: no such container": `
      docker wait nosuch`,
    "several: one that is not there": `
      docker inspect -f '{{.Name}}' box nosuch
      docker top box nosuch
      docker pause nosuch box
      docker unpause box`,
  },
};
