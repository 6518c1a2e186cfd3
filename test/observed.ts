// Preloaded into a program in a process of its own: it answers its parent's questions about its event loop.
import { PauseMeter } from './pauses.ts'

const pauses = new PauseMeter()
process.on('message', (question) => { if (question === 'pauses') process.send!(pauses.take()) })
// the program ends by itself
process.channel!.unref()
