import type { Group } from "../scenario.ts";

/** Images as they are. */
export const IMAGES: Group = {
  name: "images",
  scenarios: {
    "images: a list": `
      docker images --format '{{.Repository}} {{.Tag}}'
      docker images -q | wc -l`,
    "images: as a table": `
      docker images --format 'table {{.Repository}}\\t{{.Tag}}\\t{{.ID}}'`,
    "images: by name": `
      docker images demo --format '{{.Repository}}:{{.Tag}}'
      docker images demo:latest --format '{{.Repository}}:{{.Tag}}'
      docker images demo:other --format '{{.Repository}}:{{.Tag}}'
      docker images nosuch --format '{{.Repository}}:{{.Tag}}'`,
    "images: by a pattern": `
      docker images --filter reference='de*' --format '{{.Repository}}:{{.Tag}}'
      docker images --filter reference='*:latest' --format '{{.Repository}}:{{.Tag}}'
      docker images --filter reference='x*' --format '{{.Repository}}:{{.Tag}}'`,
    "images: the ids are the archive's": `
      test "$(docker images -q --no-trunc demo)" = "$(docker inspect -f '{{.Id}}' demo)" && echo the same
      docker image inspect -f '{{.Id}}' $(docker images -q demo) | wc -c`,
    "images: inspect, its configuration": `
      docker image inspect -f '{{json .Config.Cmd}} {{json .Config.Entrypoint}} {{json .Config.Env}}' demo
      docker image inspect -f '{{.Config.WorkingDir}} [{{.Config.User}}] {{json .Config.Labels}}' demo
      docker image inspect -f '{{json .Config.Volumes}} {{json .Config.ExposedPorts}}' demo`,
    "images: inspect, what it is": `
      docker image inspect -f '{{.Os}} {{.Architecture}} {{json .RepoTags}} {{json .RepoDigests}}' demo
      docker image inspect -f '{{.Created}} [{{.Author}}] [{{.Comment}}] [{{.Parent}}]' demo
      docker image inspect -f '{{.Created}}' demo | cut -c 1-10`,
    "images: inspect, its layers": `
      docker image inspect -f '{{.RootFS.Type}} {{json .RootFS.Layers}}' demo`,
    "images: inspect, by parts of its id": `
      docker image inspect -f '{{json .RepoTags}}' $(docker images -q demo)
      docker image inspect -f '{{json .RepoTags}}' $(docker images -q --no-trunc demo)
      docker inspect -f '{{json .RepoTags}}' demo:latest`,
    "images: what is not there": `
      docker image inspect nosuch
      docker image inspect nosuch:1 demo | grep -c '"Id"'
      docker inspect --type image nosuch`,
    "images: a container by the image's id": `
      $RUN $(docker images -q demo) echo by id`,
    "images: which image a container has": `
      $MAKE --name by-name demo true
      test "$(docker inspect -f '{{.Image}}' by-name)" = "$(docker images -q --no-trunc demo)" && echo the same
      docker inspect -f '{{.Config.Image}}' by-name
      docker rm by-name`,
    "images: loaded again": `
      docker load -q -i ../demo.tar
      docker load < ../demo.tar
      docker images -q demo | wc -l`,
    "images: what cannot be loaded": `
      docker load -i nothing
      docker load < /dev/null`,
    "images: filters that are none": `
      docker images --filter nosuch=1
      docker images --filter nosuch`,
  },
};
