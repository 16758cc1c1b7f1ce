import type { Group } from "../scenario.ts";

const FORMAT = "{{.Type}} {{.Action}} {{.Actor.Attributes.name}} {{.Actor.Attributes.image}}";

/** What happened to one container, told afterwards. */
export const EVENTS: Group = {
  name: "events",
  before: `
    date +%s.%N > begin
    $START --name seen --label color=red demo sh -c 'trap "exit 3" TERM; echo up; while :; do sleep 0.1; done'
    await sh -c 'docker logs seen | grep up'
    docker exec seen true
    docker pause seen
    docker unpause seen
    docker rename seen saw
    docker kill -s USR2 saw || true
    docker restart -t 0 saw
    docker stop -t 0 saw
    docker update --restart no saw
    docker rm saw
    date +%s.%N > end`,
  scenarios: {
    "events: what happens to a container, in its order": `
      docker events --since $(cat begin) --until $(cat end) --filter type=container --format '{{.Action}}'`,
    "events: of which container": `
      docker events --since $(cat begin) --until $(cat end) --filter type=container --filter event=die --format '${FORMAT}'
      docker events --since $(cat begin) --until $(cat end) --filter event=destroy --filter type=container --format '${FORMAT}'`,
    "events: how it ended": `
      docker events --since $(cat begin) --until $(cat end) --filter event=die --format '{{.Actor.Attributes.exitCode}}'
      docker events --since $(cat begin) --until $(cat end) --filter event=kill --format '{{.Actor.Attributes.signal}}'`,
    "events: labels": `
      docker events --since $(cat begin) --until $(cat end) --filter event=create --filter type=container --format '{{.Actor.Attributes.color}}'
      docker events --since $(cat begin) --until $(cat end) --filter event=create --filter label=color=red --format '{{.Action}}'
      docker events --since $(cat begin) --until $(cat end) --filter event=create --filter label=color=blue --format '{{.Action}}'`,
    "events: names": `
      docker events --since $(cat begin) --until $(cat end) --filter event=rename --format '{{.Actor.Attributes.oldName}} {{.Actor.Attributes.name}}'
      docker events --since $(cat begin) --until $(cat end) --filter container=nosuch`,
    "events: several kinds": `
      docker events --since $(cat begin) --until $(cat end) --filter event=pause --filter event=unpause --format '{{.Action}}'`,
    "events: of an image": `
      docker events --since $(cat begin) --until $(cat end) --filter image=demo --filter event=die --filter type=container --format '{{.Action}}'
      docker events --since $(cat begin) --until $(cat end) --filter image=nosuch --filter type=container --format '{{.Action}}'`,
    "events: execs": `
      docker events --since $(cat begin) --until $(cat end) --filter event=exec_create --filter event=exec_start --format '{{.Action}}'
      docker events --since $(cat begin) --until $(cat end) --filter event=exec_die --format '{{.Action}} {{.Actor.Attributes.exitCode}}'`,
    "events: as they are printed": `
      docker events --since $(cat begin) --until $(cat end) --filter event=start --filter type=container | head -n 1 | cut -d ' ' -f 2,3`,
    "events: of networks": `
      docker events --since $(cat begin) --until $(cat end) --filter type=network --format '{{.Action}} {{.Actor.Attributes.name}}'`,
    "events: of nothing": `
      docker events --since 1 --until 2
      docker events --since nonsense --until 2`,
    "events: filters that are none": `
      docker events --since 1 --until 2 --filter nosuch=1
      docker events --since 1 --until 2 --filter nosuch`,
    "events: while they happen": `
      docker events --filter container=now --filter event=die --format '{{.Action}} {{.Actor.Attributes.exitCode}}' > told & \\
        events=$!; disown; until test -s told; do docker run --name now --network none demo sh -c 'exit 6'; docker rm now > removed; done; \\
        kill $events; head -n 1 told`,
  },
};
