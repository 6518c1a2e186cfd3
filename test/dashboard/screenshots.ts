// npm run screenshots: takes the README's screenshots of a real server and processor.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify from 'fastify'
import tasksPlugin from 'fastify-tasks'
import tasksDashboard from 'fastify-tasks/dashboard'
import { TaskProcessor } from '../../lib/processor/processor.ts'
import { launchBrowser, untilLogHas } from './browser.ts'

const TARGET = join(import.meta.dirname, '../../examples/screenshots')
const BUILD = `for step in fetch compile test bundle; do
  printf '\\033[1;34m==>\\033[0m %s\\n' "$step"
  for n in 1 2 3; do printf '    \\033[32mok\\033[0m %s part %s\\n' "$step" "$n"; sleep 0.05; done
done
printf '\\033[33mwarning:\\033[0m 2 tests were slow, see https://ci.example/123\\n'
printf '\\033]9;4;1;62\\007'; sleep 60`

/** Run in reverse order. */
const cleaners: Array<() => unknown> = []
const base = mkdtempSync(join(tmpdir(), 'fastify-tasks-screenshots-'))
cleaners.push(() => rmSync(base, { recursive: true, force: true }))
const dir = join(base, 'tasks')
const app = Fastify({ forceCloseConnections: true })
cleaners.push(() => app.close())
await app.register(tasksPlugin, { dir })
await app.register(tasksDashboard)
const url = await app.listen({ port: 0, host: '127.0.0.1' })
const quiet = { info () {}, warn () {} }
const processor = new TaskProcessor(dir, { concurrency: 2, graceMs: 200, stateDir: join(base, 'state'), logger: quiet })
cleaners.push(() => processor.stop({ now: true }))
await processor.start()
const create = async (command: string, type: string, app_: string | null = null) => (await app.tasks.create({ command, type, app: app_ })).task.id

for (const [command, type, name] of [
  ['pg_dump shop | gzip > /backups/shop.gz; sleep 0.4', 'backup', 'shop'], ['rsync -a --delete /srv/photos nas:/photos; exit 23', 'backup', null],
  ['certbot renew; exit 0', 'maintenance', null], ['make -C /srv/blog deploy; true', 'deploy', 'blog'], ['apt-get -qq update; true', 'maintenance', null]
] as const) await create(command, type, name)
const build = await create(BUILD, 'build', 'shop')
await create('ffmpeg -i talk.mkv talk.webm; sleep 60', 'video')
await create('make -C /srv/shop deploy TAG=v2.4.1', 'deploy', 'shop')
await create('smartctl --test=long /dev/sda', 'maintenance')

mkdirSync(TARGET, { recursive: true })
const browser = await launchBrowser({ teardown: (work: () => unknown) => { cleaners.push(work) } } as Parameters<typeof launchBrowser>[0])
for (const [name, colorScheme, place] of [['list', 'light', '#/'], ['task', 'dark', `#/tasks/${build}`]] as const) {
  const context = await browser.newContext({ viewport: { width: 1100, height: 560 }, colorScheme, permissions: ['clipboard-read', 'clipboard-write'] })
  const page = await context.newPage()
  await page.goto(`${url}/${place}`)
  if (name === 'task') await untilLogHas(page, 'ci.example')
  else await page.getByRole('row').filter({ hasText: 'ffmpeg' }).filter({ hasText: 'running' }).waitFor()
  await page.evaluate(() => (document.activeElement as HTMLElement).blur())
  await page.screenshot({ path: join(TARGET, `${name}.png`) })
  await context.close()
}
for (const clean of cleaners.reverse()) await clean()
process.exit()
