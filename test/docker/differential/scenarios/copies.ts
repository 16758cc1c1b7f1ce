import type { Group } from "../scenario.ts";

/** `docker cp`, with a container that runs and with one that has ended. */
export const COPIES: Group = {
  name: "copies",
  before: `
    $START --name box demo sleep 1000
    $START --name over demo sh -c 'mkdir -p /d/sub; echo a > /d/a; echo b > /d/sub/b; ln -s a /d/link; chmod 640 /d/a'
    docker wait over
    docker exec box sh -c 'mkdir -p /d/sub; echo a > /d/a; echo b > /d/sub/b; ln -s a /d/link; chmod 640 /d/a; chown 5:6 /d/sub/b'
    mkdir -p from/sub && echo a > from/a && echo b > from/sub/b && ln -sf a from/link && chmod 600 from/a`,
  after: `
    docker rm -f box over`,
  scenarios: {
    "cp: a file in": `
      docker cp from/a box:/tmp/
      docker exec box cat /tmp/a
      docker exec box stat -c '%u:%g %a' /tmp/a`,
    "cp: a file in, by another name": `
      docker cp from/a box:/tmp/other
      docker exec box cat /tmp/other`,
    "cp: a file over a file": `
      docker cp from/sub/b box:/tmp/a
      docker exec box cat /tmp/a`,
    "cp: a folder in": `
      docker cp from box:/tmp
      docker exec box sh -c 'cd /tmp/from && find . | sort; readlink link'`,
    "cp: a folder in, by another name": `
      docker cp from box:/tmp/named
      docker exec box sh -c 'cd /tmp/named && find . | sort'`,
    "cp: what a folder holds": `
      docker exec box mkdir /tmp/holds
      docker cp from/. box:/tmp/holds
      docker exec box sh -c 'cd /tmp/holds && find . | sort'`,
    "cp: a folder over a file": `
      docker cp from box:/etc/passwd`,
    "cp: a file out": `
      docker cp box:/d/a out-a
      cat out-a; stat -c %a out-a; rm out-a`,
    "cp: a file out, into a folder": `
      mkdir out; docker cp box:/d/a out; cat out/a; rm -r out`,
    "cp: a folder out": `
      docker cp box:/d out
      cd out; find . | sort; readlink link; cat sub/b; cd ..; rm -r out`,
    "cp: a link, and what it points to": `
      docker cp box:/d/link link; readlink link; rm link
      docker cp -L box:/d/link link; cat link; rm link`,
    "cp: with owners": `
      docker cp -a box:/d out; stat -c '%u:%g' out/sub/b; rm -r out
      docker cp -a from/a box:/tmp/owned; docker exec box stat -c %u:%g /tmp/owned`,
    "cp: an archive out": `
      docker cp box:/d - | tar -t | sort
      docker cp box:/d/a - | tar -xO`,
    "cp: an archive in": `
      tar -c from | docker cp - box:/tmp/holds
      docker exec box cat /tmp/holds/from/sub/b`,
    "cp: an archive that is none": `
      echo nonsense | docker cp - box:/tmp`,
    "cp: what is not there": `
      docker cp box:/no/such .
      docker cp no-such box:/tmp
      docker cp from/a box:/no/such/folder/
      docker cp from/a box:/no/such/file`,
    "cp: a file with a slash behind it": `
      docker cp box:/d/a/ .
      docker cp from/a box:/d/a/`,
    "cp: no such container": `
      docker cp nosuch:/x .
      docker cp from/a nosuch:/x`,
    "cp: from container to container, and from here to here": `
      docker cp box:/d over:/d
      docker cp from/a x`,
    "cp: megabytes": `
      head -c 5000000 /dev/urandom > bytes
      docker cp bytes box:/tmp/bytes
      docker cp box:/tmp/bytes - | tar -xO | cmp - bytes; docker exec box rm /tmp/bytes; rm bytes`,
    "cp: out of what has ended": `
      docker cp over:/d out; cd out; find . | sort; cat a sub/b; stat -c %a a; cd ..; rm -r out
      docker cp over:/no/such .`,
    "cp: into what has ended": `
      docker cp from over:/new
      docker cp over:/new/sub/b - | tar -xO
      docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' over`,
    "cp: into what is mounted read-only": `
      $START --name fixed --read-only --tmpfs /w demo sleep 1000
      docker cp from/a fixed:/x
      docker rm -f fixed`,
  },
};
