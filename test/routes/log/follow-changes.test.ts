import { appendFile, readFile, rename, stat, truncate, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { EventStream, putTask, startServer, temporaryDirectory, untilClients, untilKnown } from '../../helpers.ts'
import { randomFrom } from '../../random.ts'
import { Download, download, endOf, openLogEvents, startTaskServer, textOf, turns } from './fixtures.ts'

interface Trial {
  readonly url: string
  readonly dir: string
  readonly number: number
}

/** Writes the last bytes and the final status together. @returns what a follower missed; undefined if nothing */
async function finishWhileWriting (t: Test, { url, dir, number }: Trial): Promise<string | undefined> {
  const id = `task_${number}_race`
  const path = join(dir, `${id}.log`)
  await putTask(dir, id, { status: 'running' })
  await untilKnown(url, id)
  const raw = new Download(`${url}/${id}/log?follow=true`)
  const stream = new EventStream(`${url}/${id}/log/events`)
  t.teardown(() => { raw.close(); stream.close() })
  await Promise.all([raw.open(), stream.open()])
  let log = ''
  for (let line = 0; line < number % 5; line++) {
    log += `line ${line} of ${number} é\n`
    await writeFile(path, log)
    if (line % 2 === 0) await turns(1)
  }
  const last = `last of ${number}`
  await appendFile(path, last)
  await putTask(dir, id, { status: number % 2 === 0 ? 'completed' : 'failed' })
  const end = await endOf(stream)
  if (await raw.end !== 'complete' || !String(raw.bytes).endsWith(last)) return `${id}: ${String(raw.bytes)}`
  if (textOf(stream) !== log + last) return `${id}: ${JSON.stringify(stream.messages)}`
  return end.id === `${Buffer.byteLength(log + last)}-end` ? undefined : `${id}: ${end.id}`
}

t.test('followers receive the last bytes before the end of the task', async (t) => {
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir })
  for (let round = 0; round < 8; round++) {
    const results = await Promise.all(Array.from({ length: 12 }, (_, index) => finishWhileWriting(t, { url, dir, number: round * 12 + index })))
    t.strictSame(results.filter((text) => text !== undefined), [], `round ${round}`)
  }
  await untilClients(url, 0)
})

t.test('followers of a log that is truncated, rewritten or replaced receive its new content', async (t) => {
  const { task, path } = await startTaskServer(t, '0123456789')
  const raw = await download(t, `${task}/log?follow=true`)
  const stream = await openLogEvents(t, task)
  await stream.find(({ data }) => data.end === 10)
  const becomes = async (text: string) => {
    await stream.until(() => textOf(stream) === text)
    await raw.until((all) => all.endsWith(text))
  }
  // ends with an incomplete character
  await appendFile(path, Buffer.from([0x61, 0xf0, 0x9f]))
  await stream.find(({ data }) => data.end === 11)
  await truncate(path)
  await stream.find(({ data }) => data.truncated === true)
  await appendFile(path, 'abc')
  await becomes('abc')
  await writeFile(path, 'a longer one, in place')
  await becomes('a longer one, in place')
  await writeFile(`${path}.new`, 'another file, longer than the one before')
  await rename(`${path}.new`, path)
  await becomes('another file, longer than the one before')
  await truncate(path, 7)
  await becomes('another')
  await appendFile(path, ' end')
  await becomes('another end')
})

t.test('deleting a task ends its followers', async (t) => {
  const { task, url } = await startTaskServer(t, 'x')
  const raw = await download(t, `${task}/log?follow=true`)
  const stream = await openLogEvents(t, task)
  t.equal((await fetch(`${task}?force=1`, { method: 'DELETE' })).status, 200)
  t.match(await endOf(stream), { data: { status: null } })
  t.equal(await raw.end, 'complete')
  await untilClients(url, 0)
})

const CHARACTERS = [...'abcdefghijé日😀\n']
type Random = (below: number) => number

/** Changes a log at random. @returns the change, for a person */
async function changeLog (path: string, random: Random): Promise<string> {
  const length = [random(10), random(200), random(100_000)][random(3)]!
  const text = Array.from({ length }, () => CHARACTERS[random(CHARACTERS.length)]).join('')
  const change = ['append', 'append', 'append', 'append', 'empty', 'truncate', 'rewrite', 'replace', 'unlink'][random(9)]!
  if (change === 'append') await appendFile(path, text)
  else if (change === 'empty') await truncate(path).catch(() => {})
  else if (change === 'truncate') await truncate(path, random(((await stat(path).catch(() => undefined))?.size ?? 0) + 1)).catch(() => {})
  else if (change === 'rewrite') await writeFile(path, text)
  else if (change === 'unlink') await unlink(path).catch(() => {})
  else await writeFile(`${path}.new`, text).then(() => rename(`${path}.new`, path))
  return `${change} ${Buffer.byteLength(text)}`
}

/** The bytes that a client of the events has; a byte that is not valid UTF-8 becomes a question mark. */
function bytesOf ({ messages }: EventStream): Buffer {
  const pieces: Buffer[] = []
  for (const { data, event } of messages) {
    if (event !== 'message') continue
    if (data.truncated === true) pieces.length = 0
    pieces.push(data.lossy === true ? Buffer.alloc(data.end - data.offset, '?') : Buffer.from(data.chunk))
  }
  return Buffer.concat(pieces)
}

/** @returns the differences between a log and what its followers have */
async function followChanges (t: Test, { url, dir, number }: Trial, random: Random): Promise<string[]> {
  const id = `task_${number}_fuzz`
  const path = join(dir, `${id}.log`)
  await putTask(dir, id, { status: 'running' })
  await untilKnown(url, id)
  const stream = await openLogEvents(t, `${url}/${id}`)
  const raw = await download(t, `${url}/${id}/log?follow=true`)
  const changes: string[] = []
  for (let step = 0; step < 25; step++) {
    changes.push(await changeLog(path, random))
    await turns(random(3) * random(30))
  }
  await putTask(dir, id, { status: 'completed' })
  const end = await endOf(stream)
  const log = await readFile(path).catch(() => Buffer.alloc(0))
  const copy = bytesOf(stream)
  const differences: string[] = []
  const isSame = copy.length === log.length && copy.every((byte, at) => byte === log[at] || byte === 0x3f)
  if (!isSame) differences.push(`${id}: ${copy.length} of ${log.length} bytes after ${changes.join(', ')}`)
  if (end.id !== `${log.length}-end`) differences.push(`${id}: end ${end.id} instead of ${log.length}`)
  const isComplete = await raw.end === 'complete' && raw.bytes.subarray(raw.size - log.length).equals(log)
  if (!isComplete) differences.push(`${id}: raw bytes after ${changes.join(', ')}`)
  return differences
}

t.test('followers end with the exact log after random changes', async (t) => {
  const seed = Number(process.env.SEED ?? Date.now() % 1e6)
  t.comment(`SEED=${seed}`)
  const { below: random } = randomFrom(seed)
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir })
  const differences = await Promise.all(Array.from({ length: 10 }, (_, number) => followChanges(t, { url, dir, number }, random)))
  t.strictSame(differences.flat(), [])
})
