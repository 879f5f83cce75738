/** Holds the trail's write lock, so that a run that wants to record something waits. */
import Database from 'better-sqlite3'

export function lockTrail(path: string): Disposable {
  const database = new Database(path)
  database.exec('BEGIN IMMEDIATE')
  return { [Symbol.dispose]: () => void database.close() }
}
