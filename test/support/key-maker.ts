/** A process that makes the key file named by its argument, or reads the one that is there, and prints its text. */

import { newKeyText } from '../../runtime/credentials/store/key-source.ts'
import { makeKeyFile } from '../../runtime/node-store-key.ts'

process.stdout.write(makeKeyFile(process.argv[2] ?? '', newKeyText()))
