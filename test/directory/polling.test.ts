import { execFile, spawnSync } from 'node:child_process'
import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { openFeed, putTask, taskText, temporaryDirectory, waitFor } from '../helpers.ts'

t.test('without inotify watches, changes are found by polling, which is logged once', async (t) => {
  const dir = await temporaryDirectory(t)
  const host = join(import.meta.dirname, 'fixtures', 'host.ts')
  // a user namespace has its own limits
  const script = 'echo 0 > /proc/sys/user/max_inotify_watches && exec "$@"'
  const unshared = ['-Ur', 'sh', '-c', script, 'sh']
  if (spawnSync('unshare', [...unshared, 'true']).status !== 0) {
    t.pass('needs user namespaces', { skip: 'user namespaces are not available' })
    return
  }
  const child = execFile('unshare', [...unshared, process.execPath, '--import=tsx', host, dir])
  t.teardown(() => child.kill())
  let output = ''
  child.stdout!.on('data', (text) => { output += text })
  await waitFor(() => output.includes('listening'), { describe: () => output })
  const url = /listening (\S+)/.exec(output)![1]!
  t.match(await (await fetch(`${url}/_meta/health`)).json(), { watcher: 'polling', problems: [{ code: 'processor-absent' }, { code: 'watcher-polling' }] })
  const feed = await openFeed(url)
  t.teardown(() => feed.close())
  await putTask(dir, 'task_1_a', { status: 'running' })
  await feed.find(({ event, data }) => event === 'task.upsert' && data.id === 'task_1_a')
  await appendFile(join(dir, 'task_1_a.log'), 'polled\n')
  await feed.find(({ event, data }) => event === 'task.log' && data.chunk === 'polled\n')
  await writeFile(join(dir, 'task_1_a.json'), taskText('task_1_a', { status: 'failed' }))
  await feed.find(({ event, data }) => event === 'task.upsert' && data.status === 'failed')
  await putTask(dir, 'task_2_b')
  await feed.find(({ event, data }) => event === 'task.upsert' && data.id === 'task_2_b')
  // in place: no name changes, and queued tasks are not polled
  await writeFile(join(dir, 'task_2_b.json'), taskText('task_2_b', { status: 'cancelled' }))
  await feed.find(({ event, data }) => event === 'task.upsert' && data.id === 'task_2_b' && data.status === 'cancelled')
  t.match(await (await fetch(`${url}/_meta/health`)).json(), { polledFiles: 0 }, 'no task is running')
  await waitFor(() => output.split('changes are found by polling').length === 2, { describe: () => output })
})
