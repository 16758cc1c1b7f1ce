import type { Group } from "../scenario.ts";

/** The engine itself. */
export const ENGINE: Group = {
  name: "engine",
  scenarios: {
    "version: of the machine": `
      docker version --format '{{.Server.Os}}/{{.Server.Arch}} {{.Server.KernelVersion}}'`,
    "version: of the engine": `
      docker version --format '{{.Server.APIVersion}} {{.Server.MinAPIVersion}}'`,
    "info: of the machine": `
      docker info --format '{{.OSType}} {{.Architecture}} {{.NCPU}} {{.MemTotal}} {{.Name}} {{.KernelVersion}}'`,
    "info: what it can": `
      docker info --format '{{.LoggingDriver}} {{.MemoryLimit}} {{.PidsLimit}} {{.CPUCfsQuota}}'
      docker info --format '{{.IndexServerAddress}} {{.ExperimentalBuild}} {{json .Labels}}'
      docker info --format '{{.Swarm.LocalNodeState}} {{.Images}}'`,
    "info: how it keeps and runs containers": `
      docker info --format '{{.Driver}} {{.LiveRestoreEnabled}}'`,
    "info: a template that is none": `
      docker info --format '{{.Nosuch}}'`,
    "networks: a list": `
      docker network ls --filter name=none --format '{{.Name}} {{.Driver}} {{.Scope}}'`,
    "networks: the one that is none": `
      docker network inspect -f '{{.Name}} {{.Driver}} {{.Scope}} {{.Internal}} {{.Attachable}} {{len .Containers}}' none`,
    "networks: what is not there": `
      docker network inspect nosuch
      docker network rm nosuch`,
    "swarm: is not there": `
      docker node ls
      docker service ls
      docker stack ls
      docker secret ls
      docker swarm leave`,
    "plugins: none": `
      docker plugin ls -q`,
    "the ways to ask whether it is there": `
      docker ps -q
      docker container ls -q
      docker system info --format '{{.OSType}}'`,
  },
};
