import '@picocss/pico/css/pico.min.css'
// imported here, because a style sheet imported only by the lazily loaded terminal would never be loaded
import '@xterm/xterm/css/xterm.css'
import './style.css'
import { render } from 'preact'
import { App } from './app.tsx'
import { pollHealth } from './health/poll-health.ts'
import { followAddress } from './routing/router.ts'
import { feed, now } from './state.ts'
import { listenForShortcuts } from './ui/shortcuts.ts'

followAddress()
feed.value.open()
feed.value.listen()
const page = document.getElementById('page')!
page.replaceChildren()
render(<App />, page)
pollHealth()
listenForShortcuts()
setInterval(() => { if (!document.hidden) now.value = Date.now() }, 1000)
