/** What of the Web Platform Tests does not apply to a guest, each with the reason. */

interface Excluded {
  /** What the path of a file begins with, or matches. */
  readonly file: string | RegExp
  /** Only the subtests whose names match. */
  readonly subtests?: RegExp
  readonly reason: string
}

const NO_DOCUMENT = 'needs a document'
const NO_WORKER = 'needs workers or windows that post messages'
const NO_BLOB_URL = 'a tool has no blob: URLs, which live as long as a document'
const STILL_CLOCK = 'asks for a clock that runs; the one of a guest stands still between deliveries'
const NO_GLOBAL_TARGET = 'the global object of a guest is no EventTarget'

const EXCLUDED: readonly Excluded[] = [
  { file: /idlharness/, reason: 'the parser of interface definitions is not in the archive' },
  {
    file: 'url/IdnaTestV2',
    reason: 'made from Unicode 15.0; TS 46 has changed since. web-url.test.ts compares with the URL of Node 26',
  },
  {
    file: 'url/toascii',
    subtests: /^xn--|^0123|<a>|<area>|using .*(?:location|<)/,
    reason: `${NO_DOCUMENT}, or says what the standard said before ASCII names became free of TS 46 (2025)`,
  },
  { file: /^url\/(?:url-setters-a-area|percent-encoding|javascript-urls|data-uri)/, reason: NO_DOCUMENT },
  { file: /^encoding\/(?:unsupported-labels|unsupported-encodings|bigint|single-byte-decoder)/, reason: NO_DOCUMENT },
  { file: /^encoding\/(?:legacy-mb-|sharedarraybuffer)/, reason: 'needs documents in that encoding' },
  { file: 'encoding/replacement-encodings', reason: 'needs XMLHttpRequest' },
  { file: 'encoding/encodeInto', subtests: /detached/, reason: NO_WORKER },
  { file: 'encoding/streams/decode-utf8', reason: 'takes SharedArrayBuffer from WebAssembly; a guest has neither' },
  { file: /^encoding\//, subtests: /SharedArrayBuffer/, reason: 'a guest has no shared memory' },
  { file: /^encoding\/streams\/(?:realms|invalid-realm)/, reason: 'needs frames' },
  { file: /^streams\/transferable\//, reason: NO_WORKER },
  { file: 'streams/readable-byte-streams/enqueue-with-detached-buffer', reason: NO_WORKER },
  { file: 'streams/readable-byte-streams/non-transferable-buffers', reason: 'a guest has no WebAssembly' },
  { file: /^streams\/.*(?:cross-realm|per-global)/, reason: 'needs frames' },
  {
    file: /^dom\/events\/(?:Event-dispatch-listener-order|EventListener-addEventListener\.sub|legacy-pre|relatedTarget)/,
    reason: NO_DOCUMENT,
  },
  { file: /^dom\/events\/event-global/, reason: 'needs windows: window.event is one of theirs' },
  { file: 'dom/events/EventTarget-removeEventListener', reason: NO_GLOBAL_TARGET },
  { file: 'dom/events/Event-constructors', subtests: /^Untitled [34]$/, reason: STILL_CLOCK },
  { file: /^hr-time\/(?:basic|monotonic-clock)/, subtests: /positive number/, reason: STILL_CLOCK },
  { file: 'hr-time/window-worker', reason: NO_WORKER },
  { file: 'FileAPI/blob/Blob-constructor-dom', reason: NO_DOCUMENT },
  { file: 'FileAPI/blob/Blob-constructor', subtests: /MessagePort/, reason: NO_WORKER },
  { file: 'FileAPI/file/send-file', reason: 'needs the server of the tests, or forms' },
  { file: /^FileAPI\/(?:url|BlobURL)\//, reason: NO_BLOB_URL },
  { file: /^FileAPI\/(?:FileReader|reading-data-section|fileReader|filelist)/i, reason: 'a guest has no FileReader' },
  { file: 'html/webappapis/microtask-queuing/queue-microtask-exceptions', reason: NO_GLOBAL_TARGET },
  { file: 'html/webappapis/microtask-queuing/queue-microtask.window', reason: NO_DOCUMENT },
  { file: /^html\/webappapis\/structured-clone\//, subtests: /MessagePort/, reason: NO_WORKER },
  { file: 'WebCryptoAPI/historical', reason: 'of pages that came without TLS' },
  {
    file: /^WebCryptoAPI\/(?!digest|getRandomValues|randomUUID|historical)/,
    reason: 'of ciphers the sandbox has HMAC and AES-GCM alone, which web-crypto.test.ts compares with those of Node',
  },
]

export function exclusionOf(file: string): string | undefined {
  return EXCLUDED.find((each) => each.subtests === undefined && covers(each, file))?.reason
}

export function isExcludedSubtest(file: string, name: string): boolean {
  return EXCLUDED.some((each) => each.subtests?.test(name) === true && covers(each, file))
}

function covers({ file: wanted }: Excluded, file: string): boolean {
  return typeof wanted === 'string' ? file.startsWith(wanted) : wanted.test(file)
}
