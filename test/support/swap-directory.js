// The other side of a race: `d` is by turns a folder of the root and a link out of it, until the parent goes.
import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const root = process.argv[2]
process.on('disconnect', () => process.exit(0))
process.send('ready')

// The parent makes a missing folder anew when it writes into the gap between two renames.
function move(from, to) {
  for (;;) {
    try {
      renameSync(join(root, from), join(root, to))
      return
    } catch (error) {
      if (error.code === 'ENOENT') throw error
    }
    try {
      rmSync(join(root, to), { recursive: true, force: true })
    } catch {
      // The parent wrote into it meanwhile; the next turn removes it.
    }
  }
}

function swap() {
  for (let turn = 0; turn < 500; turn++) {
    move('d', 'folder')
    move('link', 'd')
    move('d', 'link')
    move('folder', 'd')
  }
  setImmediate(swap)
}
swap()
