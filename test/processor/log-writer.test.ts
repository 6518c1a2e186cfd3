import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { readFile, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { LOG_WRITERS } from '../../lib/processor/log-writer.ts'
import { makeDirectory, startProcessor, until, enqueue, untilEnded, readLogOf } from './fixtures.ts'

const bytes = Buffer.from(Array.from({ length: 1_000_000 }, (_, i) => (i * 31 + (i >> 8)) & 255))

/** Runs one as the wrapper does. */
function write (script: string, log: string, limit = '', record = `${log}.record`): { input: NodeJS.WritableStream, ended: Promise<number> } {
  const fds = [record, log].map((path) => openSync(path, 'a'))
  const child = spawn('/bin/sh', ['-c', `limit=$1\n${script}`, 'sh', limit], { stdio: ['pipe', 'ignore', 'ignore', 'ignore', ...fds] })
  fds.forEach(closeSync)
  const input = child.stdin!
  input.on('error', () => {})
  return { input, ended: once(child, 'exit').then(([code, signal]) => code ?? signal) }
}

for (const [name, { script }] of Object.entries(LOG_WRITERS)) {
  t.test(`${name}: every byte, in order, behind what is there`, async (t) => {
    const log = join(makeDirectory(t, { log: 'before\n' }), 'log')
    const { input, ended } = write(script, log)
    input.end(bytes)
    t.equal(await ended, 0)
    t.ok(Buffer.concat([Buffer.from('before\n'), bytes]).equals(await readFile(log)))
  })

  t.test(`${name}: up to the limit, and the command does not notice`, async (t) => {
    for (const [before, limit] of [[0, 102_400], [1_000, 102_400], [110_000, 102_400]] as const) {
      const log = join(makeDirectory(t), `log-${before}`)
      await writeFile(log, bytes.subarray(0, before))
      const { input, ended } = write(script, log, String(limit))
      // more than pipes hold: it must be read
      input.end(bytes.subarray(before))
      t.equal(await ended, 153)
      t.ok(bytes.subarray(0, Math.max(before, limit)).equals(await readFile(log)), `${before}, ${limit}`)
    }
  })
}

t.test('a log with a limit', async (t) => {
  const dir = makeDirectory(t)
  await startProcessor(t, dir, { logMaxBytes: 1024 })
  const long = await enqueue(dir, { command: 'yes | head -c 100000; echo done >&2; exit 5' })
  const short = await enqueue(dir, { command: 'echo short' })
  t.match(await untilEnded(dir, long), { status: 'failed', exitCode: 5, errorMessage: 'Exited with code 5. The log has reached its limit; further output was dropped.' })
  t.equal((await readLogOf(dir, long)).length, 1024)
  t.match(await untilEnded(dir, short), { status: 'completed', errorMessage: null })
})

const isRoot = process.geteuid!() === 0
t.test('perl: a full disk waits, and loses nothing', { skip: !isRoot && 'needs root, to mount a small file system' }, async (t) => {
  const around = makeDirectory(t, { small: {} })
  const dir = join(around, 'small')
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1536k', 'none', dir])
  t.teardown(() => execFileSync('umount', ['-l', dir]))
  await writeFile(join(dir, 'filler'), Buffer.alloc(1_000_000))
  const log = join(dir, 'log')
  const { input, ended } = write(LOG_WRITERS.perl.script, log, '', join(around, 'record'))
  input.end(bytes)
  const record = () => readFile(join(around, 'record'), 'latin1')
  await until(around, async () => await record() === 'full\n' ? true : undefined)
  await unlink(join(dir, 'filler'))
  t.equal(await ended, 0)
  t.equal(await record(), 'full\nroom\n')
  t.ok(bytes.equals(await readFile(log)))
})
