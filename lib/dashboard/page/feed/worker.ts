import { FeedHost } from './host.ts'

// The worker's name is the address of the API: pages with different APIs have different workers.
const scope = globalThis as unknown as { readonly name: string, onconnect: (event: MessageEvent) => void }
const host = new FeedHost(scope.name)
scope.onconnect = ({ ports: [port] }) => host.join(port!)
