import type { Group } from "../scenario.ts";

/** How containers are started, stopped, signalled, waited for and removed. */
export const LIFE: Group = {
  name: "life",
  scenarios: {
    "life: created, started, waited for, removed": `
      $MAKE --name one demo sh -c 'echo once; exit 4'
      docker ps -a --filter name=one --format '{{.State}} {{.Status}}'
      docker inspect -f '{{.State.Status}} {{.State.Running}} {{.State.ExitCode}} {{.State.StartedAt}}' one
      docker logs one
      docker stop one
      docker kill one
      docker pause one
      docker exec one true
      docker top one
      docker start one
      docker wait one
      docker logs one
      docker inspect -f '{{.State.Status}} {{.State.Running}} {{.State.ExitCode}} {{.State.OOMKilled}}' one
      docker start -a one
      docker logs one
      docker rm one
      docker start one`,
    "stop: a service that obeys": `
      $START --name one demo sh -c 'trap "echo bye; exit 3" TERM; echo up; while :; do sleep 0.1; done'
      await sh -c 'docker logs one | grep up'
      docker stop one
      docker stop one
      docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' one
      docker logs one
      docker rm one`,
    "stop: a service that does not obey": `
      $START --name one demo sh -c 'trap "" TERM; echo up; while :; do sleep 0.1; done'
      await sh -c 'docker logs one | grep up'
      docker stop -t 1 one
      docker wait one
      docker ps -a --filter name=one --format '{{.Status}}'
      docker rm one`,
    "stop: with a signal and a time of its own": `
      $START --name one --stop-signal USR1 --stop-timeout 60 demo \\
        sh -c 'trap "echo usr1; exit 5" USR1; echo up; while :; do sleep 0.1; done'
      await sh -c 'docker logs one | grep up'
      docker inspect -f '{{.Config.StopSignal}} {{.Config.StopTimeout}}' one
      docker stop one
      docker wait one
      docker logs one
      docker rm one`,
    "kill: signals that a process catches, then the last": `
      $START --name one demo sh -c 'trap "echo hup" HUP; trap "echo usr2" USR2; echo up; while :; do sleep 0.1; done'
      await sh -c 'docker logs one | grep up'
      docker kill -s HUP one
      await sh -c 'docker logs one | grep hup'
      docker kill -s SIGUSR2 one
      await sh -c 'docker logs one | grep usr2'
      docker kill one
      docker wait one
      docker kill one
      docker logs one
      docker rm one`,
    "restart: a service, and what has ended": `
      $START --name one demo sh -c 'echo up; while :; do sleep 0.1; done'
      await sh -c 'docker logs one | grep up'
      docker restart -t 0 one
      await sh -c 'test $(docker logs one | grep -c up) = 2'
      docker inspect -f '{{.State.Status}} {{.RestartCount}}' one
      docker stop -t 0 one
      docker restart one
      docker inspect -f '{{.State.Status}}' one
      docker rm one
      docker rm -f one
      docker rm -f one`,
    "start: attached, with an input": `
      $MAKE -i --name one demo sh -c 'read line; echo "got $line"; exit 6'
      echo first | docker start -ai one
      echo second | docker start -ai one
      docker logs one
      docker rm one`,
    "start: several": `
      $MAKE --name one demo true
      $MAKE --name two demo true
      docker start one nosuch two
      docker wait one two
      docker start -a one two
      docker rm one nosuch two`,
    "restart policy: on failure, counted": `
      $START --name one --restart on-failure:2 demo sh -c 'echo run; exit 8'
      await sh -c 'docker inspect -f "{{.State.Status}} {{.RestartCount}}" one | grep -x "exited 2"'
      docker wait one
      docker logs one
      docker inspect -f '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}' one
      docker rm one`,
    "restart policy: always, until it is stopped": `
      $START --name one --restart always demo sh -c 'echo run'
      await sh -c 'test $(docker logs one | grep -c run) -ge 2'
      docker stop one
      docker inspect -f '{{.State.Status}}' one
      docker rm one`,
    "rm: by itself at its end": `
      $START --rm --name one demo sh -c 'while ! test -e /go; do sleep 0.1; done'
      docker inspect -f '{{.HostConfig.AutoRemove}}' one
      docker exec one touch /go
      await sh -c '! docker inspect one'; docker inspect one`,
    "wait: before the end": `
      $START --name one demo sh -c 'while ! test -e /go; do sleep 0.1; done; exit 11'
      docker wait one > waited & docker exec one touch /go; wait; cat waited
      docker rm one`,
    "failed start: what is left of it": `
      $START --name one demo no-such-program
      docker inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.StartedAt}} {{.State.Error}}' one
      docker ps -a --filter name=one --format '{{.State}}'
      docker logs one
      docker start one
      docker rm one`,
    "attach: before the start, to the end": `
      $MAKE -i --name one demo sh -c 'echo ready; while read line; do echo "got $line"; done; exit 2'
      docker start one
      printf 'a\\nb\\n' | docker attach one > attached; echo $?; grep got attached
      docker wait one
      docker logs one
      docker attach one
      docker rm one`,
    "attach: only to look": `
      $START --name one demo sh -c 'while ! test -e /go; do echo tick; sleep 0.1; done; echo bye; exit 2'
      docker attach --no-stdin one > looked & until grep -q tick looked 2> none; do sleep 0.1; done; \
        docker exec one touch /go; wait $!; echo $?; tail -n 1 looked
      docker rm one
      docker attach nosuch`,
    "prune: what has ended": `
      $MAKE --label of=prune --name one demo true
      $MAKE --label of=other --name two demo true
      docker container prune -f --filter label=of=prune | head -n 1
      docker ps -a --filter label=of --format '{{.Names}}'
      docker rm two`,
    "no such container": `
      docker start nosuch
      docker stop nosuch
      docker restart nosuch
      docker kill nosuch
      docker pause nosuch
      docker unpause nosuch
      docker wait nosuch
      docker rm nosuch
      docker rm -f nosuch
      docker logs nosuch
      docker inspect nosuch
      docker container inspect nosuch
      docker port nosuch
      docker update --restart no nosuch
      docker rename nosuch other`,
    "options that are none": `
      docker stop -t x nosuch
      docker kill
      docker ps --nosuch
      docker nosuch
      docker container nosuch
      docker rm
      docker logs --tail
      docker wait`,
  },
};
