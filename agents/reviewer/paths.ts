/** What a file is, by its path. */

const SOURCE = /\.(?:[cm]?[jt]sx?|py|rb|go|rs|java|kts?|c|h|cc|cpp|hpp|cs|php|swift|scala|ex|exs|vue|svelte)$/i

const TEST_FOLDER = /(?:^|\/)(?:tests?|__tests__|__mocks__|specs?|e2e|testdata|fixtures|__fixtures__)\//i

const TEST_NAME = /[._-](?:test|spec)s?\.[^/]+$|(?:^|\/)(?:test_[^/]+|conftest)\.py$|_test\.(?:go|py|rb)$/i

const FIXTURE = /(?:^|\/)(?:fixtures?|__fixtures__|testdata|test-data|snapshots?|__snapshots__)\//i

/** What a person runs in a terminal prints to it on purpose. */
const PRINTS_FOLDER = /(?:^|\/)(?:bin|cli|scripts?|tools?|examples?|bench(?:marks?)?)\//i

const PRINTS_NAME = /(?:^|\/)(?:cli|bin|main)\.[cm]?[jt]s$|\.config\.[cm]?[jt]s$/i

const GENERATED = /(?:^|\/)(?:vendor|third_party|node_modules|dist|build)\/|\.min\.[cm]?js$|\.bundle\.js$/i

export function isTest(path: string): boolean {
  return TEST_FOLDER.test(path) || TEST_NAME.test(path)
}

export function isFixture(path: string): boolean {
  return FIXTURE.test(path)
}

/** Code that someone here wrote; not a test, not generated, not a declaration or configuration. */
export function isSource(path: string): boolean {
  return (
    SOURCE.test(path) && !isTest(path) && !GENERATED.test(path) && !/\.d\.[cm]?ts$|\.config\.[cm]?[jt]s$/i.test(path)
  )
}

export function isGenerated(path: string): boolean {
  return GENERATED.test(path)
}

export function mayPrint(path: string): boolean {
  return PRINTS_FOLDER.test(path) || PRINTS_NAME.test(path) || isTest(path)
}
