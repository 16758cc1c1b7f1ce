import type { Group } from "../scenario.ts";

/** What is told of containers: one that runs, one that has ended, one that was never started. */
export const LISTS: Group = {
  name: "lists",
  before: `
    $MAKE --name made --label color=blue --label empty= demo sh -c 'exit 0'
    $START --name ended --label color=red -e A=b demo sh -c 'echo ended; exit 3'
    docker wait ended
    $START --name runs --label color=red --label size=big -h box -u 1000 -w /tmp --stop-signal INT \\
      --tmpfs /t --add-host a:192.0.2.1 --ulimit nofile=64:128 --cap-drop CHOWN --read-only demo sleep 1000`,
  after: `
    docker rm -f made ended runs`,
  scenarios: {
    "ps: what runs": `
      docker ps --format '{{.Names}}'
      docker ps -q | wc -l`,
    "ps: all, newest first": `
      docker ps -a --format '{{.Names}} {{.Image}} {{.State}} {{.Status}}'`,
    "ps: as a table": `
      docker ps -a`,
    "ps: columns of one's own": `
      docker ps -a --format 'table {{.Names}}\\t{{.Command}}\\t{{.Ports}}'`,
    "ps: commands": `
      docker ps -a --no-trunc --format '{{.Command}}'
      docker ps -a --format '{{.Command}}'`,
    "ps: labels": `
      docker ps --format '{{.Label "color"}} {{.Label "none"}}'
      docker ps -a --filter name=runs --format '{{.Labels}}' | tr , '\\n' | sort`,
    "ps: networks and mounts": `
      docker ps -a --format '{{.Networks}} [{{.Mounts}}] [{{.LocalVolumes}}]'`,
    "ps: ids": `
      docker ps -aq
      docker ps -aq --no-trunc
      docker ps --format '{{.ID}}'`,
    "ps: the newest": `
      docker ps -l --format '{{.Names}}'
      docker ps -n 2 --format '{{.Names}}'
      docker ps -n 0 --format '{{.Names}}'
      docker ps -n -1 --format '{{.Names}}'`,
    "ps: as JSON": `
      docker ps -a --filter name=made --format '{{json .Names}} {{json .State}} {{json .Labels}}'`,
    "ps --filter status": `
      docker ps --filter status=exited --format '{{.Names}}'
      docker ps --filter status=created --format '{{.Names}}'
      docker ps --filter status=running --format '{{.Names}}'
      docker ps --filter status=paused --format '{{.Names}}'
      docker ps --filter status=created --filter status=exited --format '{{.Names}}'
      docker ps --filter status=nosuch --format '{{.Names}}'`,
    "ps --filter exited": `
      docker ps -a --filter exited=3 --format '{{.Names}}'
      docker ps -a --filter exited=0 --format '{{.Names}}'
      docker ps --filter exited=3 --format '{{.Names}}'
      docker ps -a --filter exited=x`,
    "ps --filter name": `
      docker ps -a --filter name=e --format '{{.Names}}'
      docker ps -a --filter name='^/ended$' --format '{{.Names}}'
      docker ps -a --filter name='^ended$' --format '{{.Names}}'
      docker ps -a --filter name=made --filter name=runs --format '{{.Names}}'
      docker ps -a --filter name=nosuch --format '{{.Names}}'`,
    "ps --filter id": `
      docker ps -a --filter id=$(docker inspect -f '{{.Id}}' ended) --format '{{.Names}}'
      docker ps -a --filter id=$(docker inspect -f '{{slice .Id 0 10}}' ended) --format '{{.Names}}'
      docker ps -a --filter id=nosuch --format '{{.Names}}'`,
    "ps --filter label": `
      docker ps -a --filter label=color --format '{{.Names}}'
      docker ps -a --filter label=color=red --format '{{.Names}}'
      docker ps -a --filter label=color=red --filter label=size --format '{{.Names}}'
      docker ps -a --filter label=color=red --filter label=color=blue --format '{{.Names}}'
      docker ps -a --filter label=empty --format '{{.Names}}'
      docker ps -a --filter label=empty= --format '{{.Names}}'`,
    "ps --filter ancestor": `
      docker ps -a --filter ancestor=demo --format '{{.Names}}'
      docker ps -a --filter ancestor=demo:latest --format '{{.Names}}'
      docker ps -a --filter ancestor=$(docker images -q demo) --format '{{.Names}}'
      docker ps -a --filter ancestor=nosuch --format '{{.Names}}'`,
    "ps --filter before and since": `
      docker ps -a --filter before=ended --format '{{.Names}}'
      docker ps -a --filter since=ended --format '{{.Names}}'
      docker ps -a --filter before=nosuch --format '{{.Names}}'
      docker ps -a --filter since=nosuch --format '{{.Names}}'`,
    "ps --filter network and volume": `
      docker ps -a --filter network=none --format '{{.Names}}'
      docker ps -a --filter network=nosuch --format '{{.Names}}'
      docker ps -a --filter volume=/t --format '{{.Names}}'
      docker ps -a --filter volume=nosuch --format '{{.Names}}'`,
    "ps --filter publish and expose": `
      docker ps -a --filter publish=80 --format '{{.Names}}'
      docker ps -a --filter expose=80/tcp --format '{{.Names}}'`,
    "ps --filter health and is-task": `
      docker ps -a --filter health=none --format '{{.Names}}'
      docker ps -a --filter health=healthy --format '{{.Names}}'
      docker ps -a --filter health=nosuch --format '{{.Names}}'
      docker ps -a --filter is-task=false --format '{{.Names}}'`,
    "ps: filters that are none": `
      docker ps --filter nosuch=1
      docker ps --filter nosuch`,
    "ps: a template that is none": `
      docker ps --format '{{.Nosuch}}'
      docker ps --format '{{'`,

    "inspect: names and commands": `
      docker inspect -f '{{.Name}} {{.Path}} {{json .Args}}' made ended runs
      docker inspect -f '{{json .Config.Cmd}} {{json .Config.Entrypoint}} {{.Config.Image}}' runs`,
    "inspect: states": `
      docker inspect -f '{{.State.Status}} {{.State.Running}} {{.State.Paused}} {{.State.Restarting}}' made ended runs
      docker inspect -f '{{.State.Dead}} {{.State.OOMKilled}} {{.State.ExitCode}} [{{.State.Error}}]' made ended runs
      docker inspect -f '{{.State.StartedAt}} {{.State.FinishedAt}} {{.RestartCount}}' made ended runs
      docker inspect -f '{{if .State.Pid}}a process{{else}}none{{end}}' made ended runs`,
    "inspect: health before the start and after the end": `
      docker create --name checked --health-cmd true --health-interval 1h demo true
      docker inspect -f '{{json .State.Health}}' checked
      docker start -a checked
      docker inspect -f '{{json .State.Health}}' checked
      docker ps -a --filter health=unhealthy --format '{{.Names}}'
      docker ps -a --filter health=none --format '{{.Names}}'
      docker rm checked`,
    "inspect: what a state has": `
      docker inspect -f '{{range $name, $value := .State}}{{$name}} {{end}}' runs`,
    "inspect: the configuration": `
      docker inspect -f '{{.Config.Hostname}} {{.Config.Domainname}} {{.Config.User}} {{.Config.WorkingDir}}' runs
      docker inspect -f '{{.Config.Tty}} {{.Config.OpenStdin}} {{.Config.StdinOnce}} {{.Config.StopSignal}}' runs
      docker inspect -f '{{json .Config.Labels}}' made ended runs
      docker inspect -f '{{json .Config.Env}}' ended
      docker inspect -f '{{len .Config.Hostname}} {{.Config.WorkingDir}}' made`,
    "inspect: which streams were attached": `
      docker inspect -f '{{.Config.AttachStdin}} {{.Config.AttachStdout}} {{.Config.AttachStderr}}' made runs`,
    "inspect: what the machine does for it": `
      docker inspect -f '{{.HostConfig.NetworkMode}} {{.HostConfig.AutoRemove}} {{.HostConfig.Privileged}}' runs
      docker inspect -f '{{.HostConfig.ReadonlyRootfs}} {{json .HostConfig.RestartPolicy}}' runs
      docker inspect -f '{{.HostConfig.LogConfig.Type}} {{.HostConfig.ShmSize}} {{.HostConfig.OomScoreAdj}}' runs
      docker inspect -f '{{json .HostConfig.ExtraHosts}} {{json .HostConfig.CapDrop}} {{json .HostConfig.CapAdd}}' runs
      docker inspect -f '{{json .HostConfig.Tmpfs}}' runs
      docker inspect -f '{{json .HostConfig.Ulimits}}' runs
      docker inspect -f '{{json .HostConfig.Binds}} {{json .HostConfig.PidsLimit}}' runs`,
    "inspect: memory and processors": `
      docker inspect -f '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.CpuShares}}' runs`,
    "inspect: namespaces": `
      docker inspect -f '{{.HostConfig.IpcMode}} [{{.HostConfig.PidMode}}]' runs`,
    "inspect: networks": `
      docker inspect -f '{{range $name, $value := .NetworkSettings.Networks}}{{$name}} {{end}}' runs
      docker inspect -f '[{{.NetworkSettings.IPAddress}}] {{json .NetworkSettings.Ports}}' runs`,
    "inspect: mounts": `
      docker inspect -f '{{len .Mounts}}' made ended runs`,
    "inspect: what the engine calls itself": `
      docker inspect -f '{{.Driver}} {{.Platform}}' runs`,
    "inspect: as JSON": `
      docker inspect made | grep -c '"Name": "/made"'
      docker inspect -f '{{json .Name}}' made
      docker container inspect -f '{{.Name}}' made`,
    "inspect: of which kind": `
      docker inspect --type container -f '{{.Name}}' made
      docker inspect --type image made
      docker inspect --type volume made
      docker inspect --type nosuch made`,
    "inspect: a template that is none": `
      docker inspect -f '{{.Nosuch}}' made
      docker inspect -f '{{.Name.Nosuch}}' made
      docker inspect -f '{{' made`,
    "inspect: what is not there": `
      docker inspect nosuch
      docker inspect made nosuch | grep -c Id
      docker inspect --size=x made`,
    "info: how many there are": `
      docker info --format '{{.Containers}} {{.ContainersRunning}} {{.ContainersPaused}} {{.ContainersStopped}}'`,
  },
};
