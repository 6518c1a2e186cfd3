import { API, WORKER } from '../config.ts'
import { connection, receive } from '../state.ts'
import type { FeedMessage, FeedRequest } from './messages.ts'

let port: MessagePort | undefined
/** The worker could not be loaded: only another page can. */
let broken = false

/** Where browsers have no such workers (Chrome on Android), each page has a connection of its own. */
async function open (): Promise<MessagePort> {
  if (typeof SharedWorker === 'function') {
    const worker = new SharedWorker(WORKER, { type: 'module', name: API })
    worker.onerror = () => {
      broken = true
      connection.value = { type: 'refused', statusCode: undefined, message: 'the page can\'t be loaded, or was changed on the server.' }
    }
    return worker.port
  }
  const { FeedHost } = await import('./host.ts')
  const { port1, port2 } = new MessageChannel()
  new FeedHost(API).join(port1)
  return port2
}

function send (request: FeedRequest): void {
  port?.postMessage(request)
}

/** Connects again at once. */
export function retry (): void {
  if (broken) location.reload()
  else send({ type: 'retry' })
}

export async function openFeed (): Promise<void> {
  port = await open()
  port.onmessage = ({ data }: MessageEvent<FeedMessage>) => receive(data)
}

addEventListener('pagehide', () => send({ type: 'leave' }))
// shown again from the browser's memory
addEventListener('pageshow', ({ persisted }) => { if (persisted) openFeed() })
addEventListener('online', () => { if (connection.value.type === 'disconnected') retry() })
