import type { Group } from "../scenario.ts";

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
