import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, closeSync, linkSync, mkdirSync, openSync, realpathSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { basename, dirname, join } from 'node:path'
import type { Test } from 'tap'
import type { Random } from '../random.ts'
import type { Bystander } from './outside.ts'

/** Where an odd file is created. `outside` has files and a pipe that the processor must not touch. */
export interface Place {
  readonly t: Test
  readonly dir: string
  readonly outside: string
  /** The `stateDir` option of the processor, and the folder below it that belongs to `dir`. */
  readonly state: string
  readonly records: string
  readonly bystander: Bystander
  readonly random: Random
}

type Status = 'completed' | 'failed' | 'cancelled' | 'queued'

export interface Expected {
  /** A line that the processor must log. */
  readonly line?: RegExp
  /** The reason why the processor must not start. */
  readonly refused?: RegExp
  /** The status that the task `task_1_odd` must reach. Default: it is not checked. */
  readonly status?: Status
  readonly errorMessage?: RegExp
}

type Make = (path: string, place: Place) => unknown

/** Kinds of files that can have the name of a regular one. */
export const ODD_FILES: Record<string, Make> = {
  'link to a file': (path, { outside }) => symlinkSync(join(outside, 'secret'), path),
  'link to a task': (path, { outside }) => symlinkSync(join(outside, 'task.json'), path),
  'link to a lock': (path, { outside }) => symlinkSync(join(outside, 'lock'), path),
  'link to a pipe': (path, { outside }) => symlinkSync(join(outside, 'pipe'), path),
  'link to a folder': (path, { outside }) => symlinkSync(join(outside, 'folder'), path),
  'link to nothing': (path, { outside }) => symlinkSync(join(outside, 'new'), path),
  'link to itself': (path) => symlinkSync(path, path),
  'link to a device': (path) => symlinkSync('/dev/zero', path),
  FIFO: (path) => execFileSync('mkfifo', [path]),
  socket: async (path, { t }) => {
    const server = createServer()
    // by a short path: that of a socket has at most 108 bytes; the server deletes it by this path when it closes
    const folder = openSync(dirname(path), 'r')
    t.teardown(() => server.close(() => closeSync(folder)))
    await new Promise<void>((resolve) => server.listen(`/proc/self/fd/${folder}/${basename(path)}`, resolve))
  },
  folder: (path) => mkdirSync(path),
  'folder with a file': (path) => {
    mkdirSync(path)
    writeFileSync(join(path, 'inner'), '')
  }
}
const LINKS = ['link to a file', 'link to a task', 'link to a lock', 'link to a pipe', 'link to a folder', 'link to nothing', 'link to itself', 'link to a device']
const FOLDERS = ['folder', 'folder with a file']
const ALL = [...LINKS, 'FIFO', 'socket', ...FOLDERS]

const ODD = 'task_1_odd'

export function putOdd ({ dir }: Place, fields: Record<string, unknown> = {}): void {
  writeFileSync(join(dir, `${ODD}.json`), JSON.stringify({ id: ODD, status: 'queued', command: 'echo odd', type: 'custom', config: '', ...fields }))
}

const huge = (path: string, bytes: number, text = '') => {
  writeFileSync(path, text)
  truncateSync(path, bytes)
}

/** Writes an attempt record as an earlier processor left it. */
function putRecord ({ records }: Place, header: Record<string, unknown>, lines: string[] = [], name?: string): void {
  const whole = { version: 1, id: ODD, nonce: 'n', bootId: execFileSync('cat', ['/proc/sys/kernel/random/boot_id'], { encoding: 'utf8' }).trim(), type: 'custom', ...header }
  mkdirSync(records, { recursive: true, mode: 0o700 })
  writeFileSync(join(records, name ?? `${ODD}.${whole.nonce}`), [JSON.stringify(whole), ...lines, ''].join('\n'))
}

async function putState (place: Place, name: string, make: Make): Promise<void> {
  mkdirSync(place.records, { recursive: true, mode: 0o700 })
  await make(join(place.records, name), place)
}

/** The odd directories, by what is odd in them. */
export const ODD_DIRECTORIES: Record<string, Record<string, (place: Place) => Promise<Expected> | Expected>> = {
  log: {
    ...table(ALL, async (place, make) => {
      putOdd(place)
      await make(join(place.dir, `${ODD}.log`), place)
      return { status: 'failed', errorMessage: /log cannot be written: it / }
    }),
    'hard link': (place) => {
      putOdd(place)
      linkSync(join(place.outside, 'linked'), join(place.dir, `${ODD}.log`))
      return { status: 'failed', errorMessage: /more than one hard link/ }
    },
    huge: (place) => {
      putOdd(place)
      huge(join(place.dir, `${ODD}.log`), 2 ** 41)
      return { status: 'completed' }
    }
  },
  json: {
    ...table(ALL, async (place, make) => {
      await make(join(place.dir, `${ODD}.json`), place)
      return { line: /task_1_odd.json cannot be used: it / }
    }),
    huge: ({ dir }) => {
      huge(join(dir, `${ODD}.json`), 2 ** 41, '{"id":"task_1_odd"')
      return { line: /task_1_odd.json cannot be used: it is larger/ }
    },
    ...broken('', 'null', '1', '"task_1_odd"', '[]', '{}', '{"id":"task_2_odd","status":"queued","command":"echo x"}', '{"id":["task_1_odd"],"status":"queued"}',
      '{"id":"task_1_odd","status":"queued","command":', '\0'.repeat(4096), '{"id":"../task_1_odd","status":"queued","command":"x"}', '['.repeat(500_000))
  },
  task: {
    ...fields('failed', { command: '' }, { command: 5 }, { command: ['echo'] }, { command: 'a\0b' }, { command: null }, { type: 'a\0b' }, { app: '\0' },
      { command: `: ${'x'.repeat(200_000)}` }, { config: 'x'.repeat(140_000) }),
    ...fields('completed', { type: { a: 1 } }, { type: '\u001b[31m\n' }, { app: ['x'] }, { config: { __proto__: 1 } }, { timeoutMs: 1e308 }, { timeoutMs: '1' }, { timeoutMs: -1 },
      { createdAt: 'never' }, { createdAt: { a: 1 } }, { created_at: '+275760-09-13T00:00:00Z', createdAt: null }, { env: { LD_PRELOAD: 'x' }, cwd: '/' }, { pid: 1, exitCode: '0' }),
    ...fields('queued', { status: 'Queued' }, { status: ['queued'] }, { status: 'queued\n' }, { status: undefined }),
    'nested deeply': ({ dir }) => {
      writeFileSync(join(dir, `${ODD}.json`), `{"id":"${ODD}","status":"queued","command":"echo x","other":${'['.repeat(60_000)}${']'.repeat(60_000)}}`)
      return { line: /task_1_odd/ }
    }
  },
  running: table(['pid', 'pid 1', 'group', 'cgroup', 'heartbeat'], (place, _make, name) => {
    const { pid } = place.bystander
    const forged = { pid: { pid }, 'pid 1': { pid: 1 }, group: { pgid: pid, session: pid, leader: place.bystander.stat }, cgroup: { cgroup: '/sys/fs/cgroup' }, heartbeat: {} }[name]
    putOdd(place, { status: 'running', heartbeatAt: '9999-12-31T23:59:59.999Z', nonce: 'n', ...forged })
    return { status: 'failed', errorMessage: /The processor stopped while/ }
  }),
  claim: {
    ...table(ALL, async (place, make) => {
      putOdd(place)
      await make(join(place.dir, `${ODD}.claim`), place)
      return { line: /task_1_odd: its claim cannot be removed: it is / }
    }),
    huge: (place) => {
      putOdd(place)
      huge(join(place.dir, `${ODD}.claim`), 2 ** 41)
      return { line: /task_1_odd: its claim cannot be removed: it is larger/ }
    },
    ...claims('completed', '{"by":"processor","nonce":"x"}', '{"by":"processor","nonce":"x","pid":1,"leader":1}'),
    ...claims('queued', '{"by":"cancel","nonce":"x"}', '{"by":"root","nonce":"x"}', '', 'no json', '{"by":"processor","nonce":1}', '{"by":["processor"]}')
  },
  marker: {
    ...table([...LINKS, 'FIFO', 'socket'], async (place, make) => {
      putOdd(place)
      await make(join(place.dir, `${ODD}.cancel`), place)
      return { status: 'cancelled' }
    }),
    ...table(FOLDERS, async (place, make) => {
      putOdd(place)
      await make(join(place.dir, `${ODD}.cancel`), place)
      return { status: 'cancelled', line: /task_1_odd cancelled before start/ }
    }),
    huge: (place) => {
      putOdd(place)
      huge(join(place.dir, `${ODD}.cancel`), 2 ** 41)
      return { status: 'cancelled' }
    }
  },
  lock: {
    ...table([...LINKS.filter((name) => name !== 'link to itself'), 'FIFO', 'socket', ...FOLDERS], async ({ dir, ...place }, make) => {
      await make(join(dir, '.processor.lock.pid'), { dir, ...place })
      return { refused: /cannot be used as a lock: it is .* Remove it/ }
    }),
    huge: ({ dir }) => {
      huge(join(dir, '.processor.lock.pid'), 2 ** 41, '1\nheartbeat x\n')
      return { refused: /cannot be used as a lock: it is larger/ }
    },
    ...locks({ refused: /An older processor/ }, '', '1', '1\n', 'x\ny\n', '1\nHeartbeat x\n', '\0\0\0\0'),
    ...locks({}, '1\nheartbeat x\n', '-1\nheartbeat x\n', '\u001b[2J\nheartbeat \u001b[2J\n'),
    touched: ({ t, dir }) => {
      const path = join(dir, '.processor.lock.pid')
      writeFileSync(path, '1\nheartbeat of-another\n')
      const timer = setInterval(() => utimesSync(path, new Date(), new Date()), 20)
      t.teardown(() => clearInterval(timer))
      return { refused: /Another processor is running in this directory \(process 1\)/ }
    }
  },
  FIFO: {
    ...table([...LINKS, 'socket', ...FOLDERS], async (place, make) => {
      await make(join(place.dir, '.queue.fifo'), place)
      return { line: /Cannot use the FIFO/ }
    }),
    'regular file': ({ dir }) => {
      writeFileSync(join(dir, '.queue.fifo'), 'task_1_odd\n')
      return { line: /Cannot use the FIFO/ }
    },
    'hard link': ({ dir, outside }) => {
      linkSync(join(outside, 'pipe'), join(dir, '.queue.fifo'))
      return { line: /Cannot use the FIFO/ }
    }
  },
  names: table(['control characters', 'not UTF-8', 'like options', 'almost ids', 'temporary', 'many'], ({ dir }, _make, name) => {
    const names: Record<string, Array<string | Buffer>> = {
      'control characters': ['\u001b[31m', 'a\nb', 'task_1_a\n.json', 'task_1_\u0007.json', '\u202e.json'],
      'not UTF-8': [Buffer.from('task_1_a\xff.json', 'latin1'), Buffer.from([0xff, 0xfe])],
      'like options': ['-rf', '--help', '-', '~', '$(touch x)', '`touch x`', '*'],
      'almost ids': ['task_1_.json', 'task__a.json', 'task_1_a.JSON', 'task_1_a.json.json', `task_1_${'a'.repeat(200)}.json`, 'task_1_a.', 'task_1_a', 'task_-1_a.json', 'task_1_a.log.1'],
      temporary: ['.tmp-0', `.tmp-${'0'.repeat(18)}`, '.processor.json.tmp'],
      many: Array.from({ length: 10_000 }, (_, i) => `empty${i}`)
    }
    for (const one of names[name]!) writeFileSync(Buffer.concat([Buffer.from(`${dir}/`), Buffer.from(one as string)]), '')
    return {}
  }),
  'processor info': table(ALL, async (place, make) => {
    await make(join(place.dir, '.processor.json'), place)
    return {}
  }),
  state: {
    'others can write': ({ state }) => {
      chmodSync(state, 0o777)
      return { refused: /be writable by no other user/ }
    },
    'group can write': ({ state }) => {
      chmodSync(state, 0o770)
      return { refused: /be writable by no other user/ }
    },
    'others can read its folder': ({ records }) => {
      mkdirSync(records, { recursive: true })
      chmodSync(records, 0o755)
      return { refused: /be accessible by no other user/ }
    },
    'a file instead of its folder': ({ records }) => {
      writeFileSync(records, '')
      return { refused: /cannot be used/ }
    },
    'garbage files': ({ records }) => {
      mkdirSync(records, { mode: 0o700 })
      for (const name of ['notes', '.hidden', 'lock~', 'task_1_odd.n', 'task_1_odd']) writeFileSync(join(records, name), 'garbage')
      return {}
    },
    ...table(ALL, async (place, make) => {
      await putState(place, 'lock', make)
      return { refused: /cannot be used as a lock/ }
    })
  },
  record: {
    ...table(ALL, async (place, make) => {
      await putState(place, `${ODD}.n`, make)
      return { line: /task_1_odd.n is not a regular file/ }
    }),
    'for no task': (place) => {
      putRecord(place, { id: 'task_2_none' }, [], 'task_2_none.n')
      return {}
    },
    'of another task': (place) => {
      putOdd(place, { status: 'running' })
      putRecord(place, { id: 'task_2_none' }, [`leader ${place.bystander.stat}`, 'started'])
      return { status: 'failed', errorMessage: /The processor stopped while/ }
    },
    truncated: (place) => {
      putOdd(place)
      mkdirSync(place.records, { mode: 0o700 })
      writeFileSync(join(place.records, `${ODD}.n`), '{"version":1,"id":"task_1_odd"')
      return { status: 'completed' }
    },
    'cut off in a line': (place) => {
      putOdd(place, { status: 'running' })
      putRecord(place, {}, [`leader ${place.bystander.stat}`, 'started', 'exit 0', 'drained 0', 'exit'])
      return { status: 'completed' }
    },
    ...table(['as it is', 'with another start', 'of another boot', 'cancelled', 'timed out', 'as the wrapper'], (place, _make, name) => {
      const { bystander, dir } = place
      const stat = bystander.stat.split(' ')
      if (name === 'with another start') stat[21] = String(Number(stat[21]) - 1)
      if (name === 'cancelled') writeFileSync(join(dir, `${ODD}.cancel`), '')
      putOdd(place, { status: 'running' })
      const leader = name === 'as the wrapper' ? '999999999 (sh) Z 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 0 0 0 0 1' : stat.join(' ')
      putRecord(place, { ...(name === 'of another boot' && { bootId: 'b' }), ...(name === 'timed out' && { timeoutMs: 1 }) },
        [`wrapper ${stat.join(' ')}`, `leader ${leader}`, 'started'])
      return { status: name === 'cancelled' ? 'cancelled' : 'failed' }
    }),
    'with the cgroup of others': (place) => {
      // a folder like a cgroup, with the process that must not be signalled
      const cgroup = join(place.dir, 'cgroup')
      mkdirSync(cgroup)
      writeFileSync(join(cgroup, 'cgroup.procs'), `${place.bystander.pid}\n`)
      putOdd(place, { status: 'running' })
      putRecord(place, { cgroup }, ['leader 999999999 (sh) Z 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 0 0 0 0 1', 'started'])
      return { status: 'failed' }
    }
  }
}

function table (names: string[], make: (place: Place, make: Make, name: string) => Promise<Expected> | Expected) {
  return Object.fromEntries(names.map((name) => [name, (place: Place) => make(place, ODD_FILES[name]!, name)]))
}

function broken (...texts: string[]) {
  return Object.fromEntries(texts.map((text) => [`holding ${JSON.stringify(text).slice(0, 60)}`, ({ dir }: Place): Expected => {
    writeFileSync(join(dir, `${ODD}.json`), text)
    return { line: /task_1_odd.json cannot be used: it/ }
  }]))
}

function fields (status: Status, ...changes: Array<Record<string, unknown>>) {
  return Object.fromEntries(changes.map((change) => [`${status} with ${JSON.stringify(change).slice(0, 60)}`, (place: Place): Expected => {
    putOdd(place, change)
    return { status }
  }]))
}

function claims (status: Status, ...texts: string[]) {
  return Object.fromEntries(texts.map((text) => [`holding ${text}`, (place: Place): Expected => {
    putOdd(place)
    writeFileSync(join(place.dir, `${ODD}.claim`), text)
    return { status }
  }]))
}

function locks (expected: Expected, ...texts: string[]) {
  return Object.fromEntries(texts.map((text) => [`holding ${JSON.stringify(text)}`, ({ dir }: Place): Expected => {
    writeFileSync(join(dir, '.processor.lock.pid'), text)
    return expected
  }]))
}

/** The folder of a processor's records about a directory. */
export function recordsFolder (state: string, dir: string): string {
  return join(state, createHash('sha256').update(realpathSync(dir)).digest('hex').slice(0, 32))
}
