import { FeedHost } from './host.ts'

// The worker's name is the address of the API: pages with different APIs have different workers.
const host = new FeedHost(self.name)
addEventListener('connect', (event) => {
  if (event instanceof MessageEvent) for (const port of event.ports) host.join(port)
})
