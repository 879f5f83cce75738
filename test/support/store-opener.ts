/** A process that opens the store named by its argument and writes one row; many of them race for a new file. */

import { openFile } from './store.ts'

const file = openFile(process.argv[2] ?? '')
file.database.prepare("INSERT INTO user_key VALUES ('t', ?, x'00')").run(String(process.pid))
file.close()
