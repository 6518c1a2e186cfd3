import { request, type IncomingMessage, type RequestOptions, type ServerResponse } from 'node:http'

/** Forwards a request to another server, and its answer back. The connection breaks if either side breaks it. */
export function forward (incoming: IncomingMessage, response: ServerResponse, target: Pick<RequestOptions, 'port' | 'hostname' | 'path'>): void {
  const { method, headers } = incoming
  const forwarded = request({ ...target, method, headers, agent: false }, (answer) => {
    response.writeHead(answer.statusCode!, answer.headers)
    answer.on('error', () => response.destroy())
    answer.pipe(response)
  })
  forwarded.on('error', () => response.destroy())
  response.on('close', () => forwarded.destroy())
  incoming.pipe(forwarded)
}
