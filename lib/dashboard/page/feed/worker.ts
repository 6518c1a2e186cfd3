import { FeedHost } from './host.ts'

// The API's address is the worker's name, so that pages of different ones do not share it.
const scope = globalThis as unknown as { readonly name: string, onconnect: (event: MessageEvent) => void }
const host = new FeedHost(scope.name)
scope.onconnect = ({ ports: [port] }) => host.join(port!)
