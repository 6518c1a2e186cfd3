import '@picocss/pico/css/pico.min.css'
// a stylesheet that only the terminal imports would never be loaded
import '@xterm/xterm/css/xterm.css'
import './style.css'
import { render } from 'preact'
import { App } from './app.tsx'
import { openFeed } from './feed/feed.ts'
import { watchHealth } from './health/health.ts'
import { now } from './state.ts'
import { listenForKeys } from './ui/keys.ts'

openFeed()
const page = document.getElementById('page')!
page.replaceChildren()
render(<App />, page)
watchHealth()
listenForKeys()
setInterval(() => { if (!document.hidden) now.value = Date.now() }, 1000)
