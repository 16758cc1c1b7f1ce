/** The agent image: the agent and the libraries that it loads, in a read-only erofs file system. */
export { libraryClosure, parseLdd } from "./library-closure.ts";
export { type ErofsStorage, makeErofs } from "./make-erofs.ts";
export { type AgentTreeInput, stageAgentTree } from "./stage-agent-tree.ts";
