import type { Group } from "../scenario.ts";

/** Volumes, and what containers keep in them. */
export const VOLUMES: Group = {
  name: "volumes",
  before: `
    docker volume create --label color=red first
    docker volume create second`,
  after: `
    docker volume rm -f first second`,
  scenarios: {
    "volumes: made, and made again": `
      docker volume create third
      docker volume create third
      docker volume rm third
      docker volume rm third`,
    "volumes: without a name": `
      docker volume create > name; wc -c < name
      docker volume rm $(cat name) | wc -c`,
    "volumes: a list": `
      docker volume ls -q
      docker volume ls
      docker volume ls --format '{{.Name}} {{.Driver}} {{.Scope}} {{.Labels}}'`,
    "volumes: filters": `
      docker volume ls -q --filter name=fir
      docker volume ls -q --filter label=color
      docker volume ls -q --filter label=color=blue
      docker volume ls -q --filter driver=local
      docker volume ls -q --filter driver=nosuch`,
    "volumes: filters by use": `
      docker volume ls -q --filter dangling=true
      docker volume ls -q --filter dangling=false`,
    "volumes: filters that are none": `
      docker volume ls --filter nosuch=1`,
    "volumes: inspect": `
      docker volume inspect -f '{{.Name}} {{.Driver}} {{.Scope}} {{json .Labels}} {{json .Options}}' first second
      docker volume inspect -f '{{.CreatedAt}}' first
      docker inspect --type volume -f '{{.Name}}' first`,
    "volumes: where they are": `
      docker volume inspect -f '{{if .Mountpoint}}somewhere{{end}}' first`,
    "volumes: what is not there": `
      docker volume inspect nosuch
      docker volume rm nosuch
      docker volume rm -f nosuch`,
    "volumes: names that are none": `
      docker volume create 'a!b'
      docker volume create a
      docker volume create _a`,
    "volumes: a driver that is unknown": `
      docker volume create --driver nosuch other`,
    "volumes: options that are none": `
      docker volume create --opt nosuch=1 other`,
    "volumes: kept from container to container": `
      $RUN -v first:/data demo sh -c 'echo kept > /data/file'
      $RUN -v first:/data demo cat /data/file`,
    "volumes: read-only": `
      $RUN -v first:/data:ro demo sh -c 'touch /data/x; echo $?'`,
    "volumes: in use": `
      $MAKE --name uses -v second:/data demo true
      docker volume rm second
      docker inspect -f '{{range .Mounts}}{{.Type}} {{.Name}} {{.Destination}} {{.Driver}} {{.RW}} [{{.Mode}}]{{end}}' uses
      docker ps -a --filter volume=second --format '{{.Names}} {{.Mounts}}'
      docker volume ls -q --filter dangling=false
      docker rm uses`,
    "volumes: by --mount, made by its use": `
      $RUN --mount type=volume,src=made,dst=/data demo sh -c 'touch /data/x && ls /data'
      docker volume ls -q --filter name=made
      docker volume rm made`,
    "volumes: what the image has there": `
      $RUN -v copied:/etc demo sh -c 'test -s /etc/passwd && echo copied'
      $RUN -v copied:/x demo sh -c 'test -s /x/passwd && echo kept'
      docker volume rm copied`,
    "volumes: without a name, removed with the container": `
      $MAKE --name uses -v /data demo true
      docker volume ls -q | grep -c ...................................
      docker rm -v uses
      docker volume ls -q | grep -c ...................................
      true`,
    "volumes: a folder of the machine": `
      mkdir -p shared && echo from-here > shared/file
      $RUN -v "$PWD/shared:/s" demo sh -c 'cat /s/file; echo from-there > /s/back'
      cat shared/back
      $RUN -v "$PWD/shared:/s:ro" demo sh -c 'touch /s/x; echo $?'`,
    "volumes: a file of the machine": `
      echo one-file > file
      $RUN -v "$PWD/file:/etc/one" demo cat /etc/one`,
    "volumes: in memory": `
      $RUN --tmpfs /t:size=1m,mode=700 demo sh -c 'df -k /t | tail -n 1 | tr -s " " | cut -d " " -f 2; stat -c %a /t'
      $RUN --mount type=tmpfs,dst=/t,tmpfs-size=2m demo sh -c 'df -k /t | tail -n 1 | tr -s " " | cut -d " " -f 2'`,
  },
};
