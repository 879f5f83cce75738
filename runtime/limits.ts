/** Every bound, unit in the name, reason beside it. */

/** A definition or configuration file; the YAML parser is quadratic in places, and no honest one comes near. */
export const DEFINITION_BYTES_MAX = 256 * 1024

/** Linux itself stops at 40; eight is what POSIX promises and more than any honest layout needs. */
export const LINK_HOPS_MAX = 8

/** A path as a tool may write it; PATH_MAX of Linux. */
export const PATH_BYTES_MAX = 4096

/** Folders that one path leads through; each is held open while the path is walked. */
export const PATH_DEPTH_MAX = 128

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

/** Reaching a model provider; a handshake that takes longer will not get better. */
export const MODEL_CONNECT_TIMEOUT_MS = 15_000

/** Answers are not streamed, so nothing arrives before the model has thought to its end. */
export const MODEL_HEADERS_TIMEOUT_MS = 10 * 60_000

/** From the headers to the last byte of an answer; the answer is complete when its headers come. */
export const MODEL_BODY_TIMEOUT_MS = 120_000

/** A model's answer after decompression; the longest outputs are a few megabytes. */
export const MODEL_RESPONSE_BYTES_MAX = 32 * 1024 * 1024

/** What an error quotes of a provider's answer. */
export const ERROR_QUOTE_LENGTH_MAX = 300

/** A shorter secret occurs by chance, so that withholding it would mangle ordinary text. */
export const SECRET_LENGTH_MIN = 6

/** An identifier of a tool call as a provider may choose it; those of real ones are under 64. */
export const CALL_ID_LENGTH_MAX = 128

/** Lexical tokens and escapes of one definition or configuration file: every pass over it stays far below a second. */
export const DEFINITION_TOKENS_MAX = 25_000

/** Steps (characters of a pattern times characters of a path) that comparing the path rules of one file may take. */
export const RULE_COMPARISON_STEPS_MAX = 20_000_000

/** Collections within collections; the deepest honest form has six. The YAML composer recurses. */
export const DEFINITION_DEPTH_MAX = 32

/** Tools of one agent; models choose badly among far fewer. */
export const DEFINITION_TOOLS_MAX = 256

/** Patterns of one list of path rules; every permitting one is compared with every deny of its tool. */
export const PATTERNS_PER_LIST_MAX = 128

/** Characters of one pattern of a path rule; well below what the matcher takes once it has widened a deny. */
export const PATTERN_LENGTH_MAX = 1024

/** Characters of all the patterns of one tool; each entry of a listing is compared with all of them. */
export const TOOL_PATTERN_CHARACTERS_MAX = 8192

/**
 * Steps (characters of the patterns of a tool times characters of the paths of the entries) of one listing. A listing
 * is made in one go, so this is how long the host can be deaf: some seconds at most.
 */
export const LIST_STEPS_MAX = 2_000_000_000

/** Problems that one file reports; a person repairs the first and runs again. */
export const PROBLEMS_MAX = 100

/** The widest values that a definition may set. */
export const TOOL_TIMEOUT_MS_MAX = 60 * 60_000
/** An isolate below this cannot load the guest runtime. */
export const TOOL_MEMORY_BYTES_MIN = 8 * 1024 * 1024
export const TOOL_MEMORY_BYTES_MAX = 1024 * 1024 * 1024
export const TOOL_CALLS_MAX = 1_000_000
export const TOOL_REQUESTS_LIMIT_MAX = 1_000_000
export const RUN_TURNS_LIMIT_MAX = 10_000
export const RUN_TIME_MS_MAX = 24 * 60 * 60_000
export const MODEL_OUTPUT_TOKENS_MAX = 10_000_000

/** The trail. A string or byte array of at least this many bytes is stored once, by its hash, beside the event. */
export const TRAIL_BODY_BYTES_MIN = 4096

/** The trail. An array or object whose encoding has at least this many characters is stored by its hash as well. */
export const TRAIL_JSON_BODY_CHARS_MIN = 64 * 1024

/** The trail. One stored body: several times the largest read or write, well below SQLite's own 1 GB. */
export const TRAIL_BODY_BYTES_MAX = 64 * 1024 * 1024

/** The trail. An event's own text once large values are taken out of it; more than this is a mistake of ours. */
export const TRAIL_TEXT_BYTES_MAX = 1024 * 1024

/** The trail. Nesting of an event's data; SQLite's JSON functions stop at 1000. */
export const TRAIL_DEPTH_MAX = 500

/** The trail. The name of a run or a call; providers' call ids have about 30 characters. */
export const TRAIL_NAME_BYTES_MAX = 1024

/** The trail. How long an event that nobody waits for may wait for company. */
export const TRAIL_LAZY_MS = 20

/** The trail. So much waiting is written at once, so that a busy tool cannot fill the memory. */
export const TRAIL_LAZY_BYTES_MAX = 1024 * 1024

/** The trail. How long a writer waits for the other processes that write to the same file. */
export const TRAIL_BUSY_MS = 30_000

/** What one tool bundles to: it crosses to a sandbox process as one frame. */
export const BUNDLE_BYTES_MAX = 16 * 1024 * 1024

/** The code of all tools of an agent and its script together, in bytes. */
export const AGENT_CODE_BYTES_MAX = 64 * 1024 * 1024

/** Modules of one bundle; the largest honest package tried (a parser with its tables) has a few hundred. */
export const BUNDLE_MODULES_MAX = 5_000

/** One source file; minified libraries reach 4 MiB. */
export const BUNDLE_FILE_BYTES_MAX = 8 * 1024 * 1024

/** All source files of one bundle together: the bundler holds them in memory at once. */
export const BUNDLE_INPUT_BYTES_MAX = 64 * 1024 * 1024

/** Paths looked at for one bundle, absent ones included: each import tries several. */
export const BUNDLE_LOOKUPS_MAX = 100_000

/** Cold bundles take well under a second; past this the bundler's process is stopped. */
export const BUNDLE_TIME_MS = 30_000

/** Problems reported of one bundle; a broken file yields thousands. */
export const BUNDLE_PROBLEMS_MAX = 50

/** Nesting of a tool's JSON Schema, and of conditions in a package's exports. */
export const SCHEMA_DEPTH_MAX = 32
export const EXPORTS_DEPTH_MAX = 16

/** CPU time of one tool call; less than the wall clock, which also counts what the host does for it. */
export const TOOL_CPU_MS = 20_000

/**
 * A sandbox process with no call in it stands at about 90 MB; the largest read crosses it in several copies of 22 MB
 * each. What is above this and its calls' heaps is a leak.
 */
export const SANDBOX_BASE_BYTES = 256 * 1024 * 1024

/** How often the resident memory of a busy sandbox process is read. */
export const SANDBOX_WATCH_MS = 25

/** The process ends a late call itself; where it cannot, the host kills it after this much more. */
export const SANDBOX_GRACE_MS = 80

/** A process that has not said that it is ready by then will not be. */
export const SANDBOX_START_MS = 10_000

/** Bytes sent to a process that it has not read; an honest one always reads, so past this it is stuck or hostile. */
export const SANDBOX_BACKLOG_BYTES_MAX = 192 * 1024 * 1024

/** Frames of a process for calls that are over; some are always under way when a call is cancelled. */
export const SANDBOX_STRAY_FRAMES_MAX = 20_000

/** Requests of one call that wait for their answer, in characters: four of the largest writes side by side. */
export const REQUESTS_UNDER_WAY_CHARS_MAX = 96 * 1024 * 1024

/** After the death of a process its calls are driven again alone, so many at a time. */
export const SANDBOX_ALONE_MAX = 2

/** Deliveries kept for driving a call again after its process died; a call that had more than this fails with it. */
export const REDRIVE_BYTES_MAX = 64 * 1024 * 1024

/** The script plays the model: it waits for whole tool calls, and holds their results. */
export const SCRIPT_MEMORY_BYTES = 256 * 1024 * 1024
export const SCRIPT_CPU_MS = 60_000
export const SCRIPT_RESULT_BYTES_MAX = 4 * 1024 * 1024

/** Nesting of a tool's result; what walks it later recurses. */
export const RESULT_DEPTH_MAX = 200

/** Instructions that stand in a file of their own. */
export const PROMPT_BYTES_MAX = 256 * 1024

/** The top level of a tool and the reading of its schema. */
export const DESCRIBE_WALL_MS = 5_000

/** 128 bits: the seed of a run, from which every other is derived. */
export const SEED_BYTES = 16

/** A task from standard input. */
export const TASK_BYTES_MAX = 1024 * 1024

/** The newest runs that `audit list` shows. */
export const AUDIT_LIST_MAX = 50

/** How often `audit tail -f` looks. */
export const AUDIT_TAIL_MS = 300

/** A value of a setting, in characters. */
export const SETTING_VALUE_LENGTH_MAX = 256

/** The expression that a setting's value must match, in characters, and how long comparing may take. */
export const SETTING_PATTERN_LENGTH_MAX = 1024
export const SETTING_MATCH_MS = 100

/** Budgets of a run: tokens, and US dollars. */
export const RUN_TOKENS_MAX = 1_000_000_000
export const RUN_USD_MIN = 0.0001
export const RUN_USD_MAX = 1_000_000

/** The stretch that a ceiling of a key's `spending` is for; what is older is forgotten. */
export const SPENDING_EVERY_MS_MIN = 3_600_000
export const SPENDING_EVERY_MS_MAX = 366 * 86_400_000

/** What a definition asks of its own rights. */
export const RIGHTS_TESTS_MAX = 1_000

/** The most that `limits` of a tool may name: a result crosses as one frame and is kept in the trail. */
export const TOOL_RESULT_BYTES_LIMIT_MAX = 4 * 1024 * 1024
export const TOOL_LOG_BYTES_LIMIT_MAX = 1024 * 1024

/** A price, in US dollars for a million tokens. */
export const PRICE_USD_MAX = 100_000

/** A lock file: the rights in words are several times as long as the definition. */
export const LOCK_BYTES_MAX = 4 * 1024 * 1024

/** A URL as a tool may write it; what servers refuse begins at 8 KB. */
export const URL_LENGTH_MAX = 16 * 1024

/** Headers of one request or answer, and all their names and values together. */
export const HTTP_HEADERS_MAX = 100
export const HTTP_HEADERS_BYTES_MAX = 32 * 1024

/** HTTP of tools. Reaching a server, its headers, and the longest silence in its answer. */
export const HTTP_CONNECT_MS = 10_000
export const HTTP_HEADERS_MS = 60_000
export const HTTP_SILENCE_MS = 30_000

/** The body of one answer, before and after decompression; a larger one is fetched by ranges. */
export const HTTP_RESPONSE_BYTES_MAX = 64 * 1024 * 1024

/** How many times its size a compressed answer may become: text compresses ten- or twentyfold, JSON of zeros more. */
export const HTTP_DECOMPRESSION_RATIO_MAX = 100

/** One piece of a body: it crosses as one frame, and each costs two events. */
export const HTTP_READ_BYTES_MAX = 1024 * 1024

/** Exchanges of one call that are not over; no more than HTTP_POOL_EXCHANGES_MAX, so that none waits for its own. */
export const HTTP_CALL_EXCHANGES_MAX = 32

/** All answers of one call together: each byte is kept in the trail. */
export const HTTP_CALL_BYTES_MAX = 256 * 1024 * 1024

/** Redirects one after the other (Fetch Standard, HTTP-redirect fetch). */
export const HTTP_REDIRECTS_MAX = 20

// The network as tools reach it (node-web.ts).

/** Addresses of one host; the largest honest answers have a few dozen. */
export const HOST_ADDRESSES_MAX = 256

/**
 * Names that are looked up at once: as many as libuv does. A lookup cannot be ended, so what waited behind it would
 * keep the program alive, and the model's provider from being found.
 */
export const HOST_LOOKUPS_MAX = 2

/** Of the time for connecting, the least that is left to each address; a round trip around the world takes 0.3 s. */
export const CONNECT_SHARE_MS_MIN = 500

/** Exchanges open at once: of one pool, and of a run, so that it leaves file descriptors to the rest. Others wait. */
export const HTTP_POOL_EXCHANGES_MAX = 32
export const HTTP_EXCHANGES_MAX = 256

/** Connections that wait for another request; servers close theirs after 5 s and more. */
export const HTTP_IDLE_CONNECTIONS_MAX = 32
export const HTTP_IDLE_MS = 4_000

/** Answers 1xx before the one that counts; honest servers send one or two. */
export const HTTP_INFORMATIONAL_MAX = 16

/** The text beside a status, in characters; nobody reads more. */
export const HTTP_STATUS_TEXT_LENGTH_MAX = 256

/** Bytes of a body that have come and were not read yet; then the connection is not read on. */
export const HTTP_BUFFER_BYTES_MAX = 256 * 1024

/** Smaller chunks of a body are gathered in blocks of this size: each would be an object of its own, and two events. */
export const HTTP_BLOCK_BYTES = 16 * 1024

/**
 * What may frame a body (sizes and extensions of chunks, records of TLS), in bytes: so many times the body, and so many
 * more. A body in chunks of one byte, each in a record of its own, takes less than 32 times itself.
 */
export const HTTP_FRAMING_RATIO_MAX = 64
export const HTTP_FRAMING_BYTES_MAX = 1024 * 1024

/** A compressed body may become so large whatever its ratio is. */
export const HTTP_RATIO_FREE_BYTES = 1024 * 1024

/** What a decompressor of zstd may hold at once, as a power of two: 8 MB (RFC 9659). */
export const ZSTD_WINDOW_LOG_MAX = 23

/** How long cheap effects may share a turn of the event loop, and how many: so long a deadline is not heard. */
export const EFFECTS_TURN_MS = 2
export const EFFECTS_PER_TURN_MAX = 64

/** The arguments of one tool call as JSON: as much as the largest result has, which a script may hand on. */
export const TOOL_ARGUMENTS_BYTES_MAX = 4 * 1024 * 1024

/** What a call prints is an event of the trail for each line; the timeline of a call with more is read by nobody. */
export const TOOL_LOG_LINES_MAX = 1_000

/** Requests of one call that wait for their answer: more files than an honest tool opens side by side. */
export const REQUESTS_IN_FLIGHT_MAX = 8_192

/** Of one isolate, beside what its heap may hold: most of the room in which V8 makes objects (sandbox/process.ts). */
export const SANDBOX_YOUNG_BYTES = 24 * 1024 * 1024

// The store of secrets (credentials/).

/** How long a process waits for the others that write to the same file; each write takes milliseconds. */
export const STORE_BUSY_MS = 10_000

/** The name of a tenant, a user or a credential; those of people and of services are far shorter. */
export const STORE_NAME_BYTES_MAX = 256

/** One secret with all that belongs to it, as JSON; the largest honest one is a private key of a few kilobytes. */
export const SECRET_PAYLOAD_BYTES_MAX = 64 * 1024

/** How long a version can be read after the next one took its place: as long as the longest run that pinned it. */
export const SECRET_GRACE_MS = 24 * 60 * 60_000

/** How exactly the time of the last use is kept; each new one is a durable write. */
export const SECRET_USED_STEP_MS = 60_000

/** Beneath it scrypt buys too little: 12 random lower-case letters are 56 bits. */
export const PASSPHRASE_LENGTH_MIN = 12

/** scrypt: N, r and p (RFC 7914 section 2), and the memory that N and r take with some room. */
export const SCRYPT_COST = 2 ** 17
export const SCRYPT_BLOCK_SIZE = 8
export const SCRYPT_PARALLELIZATION = 1
export const SCRYPT_MEMORY_BYTES_MAX = 192 * 1024 * 1024

/** A file that holds a key or an age identity; `age-keygen` writes under 200 bytes. */
export const KEY_FILE_BYTES_MAX = 4096

/** How long a key file may stay empty while another process, which has just made it, writes the key into it. */
export const KEY_FILE_WAIT_MS = 2_000

/** A lease that is not renewed for so long is taken over: its holder died, or slept. It is renewed every third of it. */
export const LEASE_MS = 15_000

/** How long who waits for a lease sleeps at first and at most: others need the file as well. */
export const LEASE_POLL_MS_MIN = 20
export const LEASE_POLL_MS_MAX = 500

// Where secrets come from (credentials/source-*.ts).

/** A file of secrets: a key of RSA with 16,384 bits has 13 KB, an `.env` a few. */
export const SECRET_FILE_BYTES_MAX = 256 * 1024

/** One secret; the longest tokens that servers make are a few kilobytes, and none takes a header of more. */
export const SECRET_LENGTH_MAX = 16 * 1024

/** An index of git with half a million files; of a larger one nobody says what it tracks. */
export const GIT_INDEX_BYTES_MAX = 64 * 1024 * 1024

/** The operator's command for a secret: its arguments, what it prints, how long it may take. */
export const COMMAND_ARGUMENTS_MAX = 64
export const COMMAND_OUTPUT_BYTES_MAX = 64 * 1024
export const COMMAND_MS = 10_000

/** After its end, how long what it printed may still be on its way. */
export const COMMAND_DRAIN_MS = 500

/** The name of a user where it becomes part of a path; NAME_MAX of Linux leaves room for an ending. */
export const USER_SEGMENT_LENGTH_MAX = 128

/** A server that gives out tokens: reaching it, its answer's headers, its body, and how much of that. */
export const ISSUER_CONNECT_MS = 10_000
export const ISSUER_HEADERS_MS = 20_000
export const ISSUER_BODY_MS = 10_000
export const ISSUER_RESPONSE_BYTES_MAX = 1024 * 1024

/** How long before its end a token is replaced: a request under way must not outlive it. */
export const TOKEN_MARGIN_MS = 5 * 60_000

/** A token of a short life is replaced when this part of it is left: else each use would replace it. */
export const TOKEN_MARGIN_PART = 0.1

/** An app's statement about itself: GitHub takes ten minutes at most, and clocks differ. */
export const APP_STATEMENT_BACK_S = 60
export const APP_STATEMENT_AHEAD_S = 9 * 60

/** A person logs in, in a browser; device codes live for 15 minutes at most issuers. */
export const LOGIN_MS = 15 * 60_000

// Grants of credentials (credentials/).

/** Rules of one link of a grant chain: each is compared with all of its parent's, at each use. */
export const AUTHORITY_RULES_MAX = 128

/** An authority as JSON, in characters: four times as much as that many long rules. */
export const AUTHORITY_LENGTH_MAX = 64 * 1024

/** Compiled rules that are kept; a run uses some dozens. */
export const RULES_REMEMBERED_MAX = 1024

/** How long a token for one request lives: it is consumed as soon as a connection can be had. */
export const ACTION_TOKEN_MS = 30_000

/** Names in a grant (a user, a tool, a path, a reason), in characters. */
export const GRANT_NAME_LENGTH_MAX = 4096

/** Media types of bodies that may be sent with a credential: what APIs take, and nothing that a browser runs. */
export const CREDENTIAL_CONTENT_TYPES: readonly string[] = [
  'application/graphql',
  'application/json',
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/octet-stream',
  'application/x-ndjson',
  'application/x-www-form-urlencoded',
  'application/xml',
  'multipart/form-data',
  'text/plain',
  'text/xml',
]

/** A secret, in bytes; private keys and files of service accounts have up to 4 KB. Its needles take thousands of times that. */
export const SECRET_BYTES_MAX = 8 * 1024

/**
 * Encodings within encodings that are undone to find a secret. What lies below is still looked for in the forms of
 * needles.ts. Each more is slower on hostile input by the ways to begin a run of base64, which are four.
 */
export const SCRUB_NESTING_MAX = 2

/** What is held back of a stream because a secret may have begun in it: a tenth of this for the longest one. */
export const SCRUB_HOLD_BYTES = 1024 * 1024
/** One request for a token, whole; who holds the lease of a refresh token holds it longer. */
export const ISSUER_MS = 30_000

/** How long the browser of who has logged in may take for a page of one line. */
export const LOOPBACK_ANSWER_MS = 1_000

/** After an issuer failed to replace a token that still lasts, how long it is left alone: each use would wait for it. */
export const TOKEN_RETRY_MS = 30_000

/** A value of the store that is older is overdue: NIST and most providers ask for 90 days. */
export const SECRET_AGE_DAYS_MAX = 90

/** How often a run asks for another value because a server refused the one it had: tokens last for minutes at least. */
export const CREDENTIAL_RENEWALS_MAX = 16

/** How many values of a credential a run may see come back: each is ended at its provider, where that can be done. */
export const CREDENTIAL_EXPOSURES_MAX = 3
