/** Every bound, unit in the name, reason beside it. */

/** A definition or configuration file; the YAML parser is quadratic in places, and no honest one comes near. */
export const DEFINITION_BYTES_MAX = 256 * 1024

/** Linux itself stops at 40; eight is what POSIX promises and more than any honest layout needs. */
export const LINK_HOPS_MAX = 8

/** A path as a tool may write it; PATH_MAX of Linux. */
export const PATH_BYTES_MAX = 4096

/** One read by a tool; larger files are read in ranges. */
export const FILE_READ_BYTES_MAX = 16 * 1024 * 1024

/** One write by a tool: it crosses the wall as one frame. */
export const FILE_WRITE_BYTES_MAX = 16 * 1024 * 1024

/** Entries that one listing returns; a larger folder is an error with this limit's name. */
export const LIST_ENTRIES_MAX = 100_000

/** A frame from a sandbox process: the largest read as base64, and room for its envelope. */
export const FRAME_BYTES_MAX = 24 * 1024 * 1024

/** Defaults of one tool call (contract: limits). */
export const TOOL_TIMEOUT_MS = 30_000
export const TOOL_MEMORY_BYTES = 64 * 1024 * 1024
export const TOOL_REQUESTS_MAX = 10_000
export const TOOL_RESULT_BYTES_MAX = 1024 * 1024
export const TOOL_LOG_BYTES_MAX = 64 * 1024

/** Defaults of one run (contract: budget). */
export const RUN_TURNS_MAX = 20
export const RUN_TIME_MS = 10 * 60_000
