import type { Group } from "../scenario.ts";

/** What containers have printed. */
export const LOGS: Group = {
  name: "logs",
  before: `
    $START --name talk demo sh -c 'for n in 1 2 3; do echo out $n; sleep 0.3; echo err $n >&2; sleep 0.3; done; printf end'
    $START --name many demo sh -c 'echo first >&2; seq 20000'
    $START --name silent --log-driver none demo echo nobody hears
    docker wait talk many silent`,
  after: `
    docker rm -f talk many silent`,
  scenarios: {
    "logs: both outputs": `
      docker logs talk`,
    "logs: in their order": `
      docker logs talk 2>&1`,
    "logs: the last lines": `
      docker logs --tail 1 talk
      docker logs --tail 2 talk
      docker logs -n 3 talk 2>&1
      docker logs --tail 0 talk
      docker logs --tail 100 talk 2> /dev/null`,
    "logs: all, said in other ways": `
      docker logs --tail all talk 2> /dev/null
      docker logs --tail -1 talk 2> /dev/null
      docker logs --tail x talk 2> /dev/null`,
    "logs: with times": `
      docker logs -t talk
      docker logs -t --tail 1 talk`,
    "logs: times go up": `
      docker logs -t talk 2>&1 | cut -d ' ' -f 1 | sort -c && echo sorted`,
    "logs: since a time": `
      docker logs --since "$(docker logs -t talk 2>&1 | sed -n 4p | cut -d ' ' -f 1)" talk 2>&1
      docker logs --since 2000-01-01 talk 2>&1
      docker logs --since 2100-01-01 talk
      docker logs --since 24h talk 2>&1
      docker logs --since 0 talk 2>&1`,
    "logs: until a time": `
      docker logs --until "$(docker logs -t talk 2>&1 | sed -n 4p | cut -d ' ' -f 1)" talk 2>&1
      docker logs --until 2000-01-01 talk
      docker logs --until 2100-01-01 talk 2>&1`,
    "logs: between two times": `
      docker logs --since "$(docker logs -t talk 2>&1 | sed -n 2p | cut -d ' ' -f 1)" \\
        --until "$(docker logs -t talk 2>&1 | sed -n 5p | cut -d ' ' -f 1)" talk 2>&1`,
    "logs: the last since a time": `
      docker logs --tail 2 --since "$(docker logs -t talk 2>&1 | sed -n 4p | cut -d ' ' -f 1)" talk 2>&1`,
    "logs: a time that is none": `
      docker logs --since nonsense talk
      docker logs --until nonsense talk`,
    "logs: followed to the end of what has ended": `
      docker logs -f talk
      docker logs -f --tail 1 talk`,
    "logs: with details": `
      docker logs --details --tail 2 talk 2>&1`,
    "logs: many lines": `
      docker logs many 2> /dev/null | md5sum
      docker logs --tail 5000 many 2> /dev/null | md5sum
      docker logs many 2>&1 > /dev/null`,
    "logs: that are not kept": `
      docker logs silent`,
    "logs: no such container": `
      docker logs nosuch`,
    "logs: followed while it runs": `
      $START --name speaks demo sh -c 'for n in 1 2 3 4 5; do echo $n; sleep 0.2; done'
      docker logs -f speaks
      docker rm speaks`,
    "logs: of a run that is followed by another": `
      $START --name twice demo echo run
      docker wait twice
      docker start twice
      docker wait twice
      docker logs twice
      docker logs --tail 1 twice
      docker rm twice`,
    "logs: a long line": `
      $START --name long demo sh -c 'head -c 100000 /dev/zero | tr "\\0" x; echo; echo next'
      docker wait long
      docker logs long | md5sum
      docker logs --tail 1 long
      docker logs -t long | wc -l
      docker rm long`,
  },
};
