import { constants, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { FastifyReply } from 'fastify'
import type { OpenStream } from './slots.ts'

/** A writable response. Responses of Node.js for HTTP/1 have this interface. */
export interface Sink {
  /** Bytes that were written but not sent. */
  readonly writableLength: number
  readonly destroyed: boolean
  write (bytes: Buffer): boolean
  end (): unknown
  destroy (): unknown
  on (event: 'drain' | 'close' | 'error', listener: () => void): unknown
}

export function sinkOf ({ raw }: FastifyReply): Sink {
  const http2 = http2StreamOf(raw)
  if (http2 === undefined) return raw
  return {
    get writableLength () { return raw.writableLength },
    get destroyed () { return http2.destroyed },
    write: (bytes) => raw.write(bytes),
    end: () => raw.end(),
    destroy: () => raw.destroy(),
    on: (event, listener) => raw.on(event, listener)
  }
}

/** Whether the client has disconnected. If it did before the handler ran, `close` will not fire again. */
export function isDisconnected ({ raw, request }: FastifyReply): boolean {
  const http2 = http2StreamOf(raw)
  return http2 === undefined ? raw.destroyed || request.raw.socket.destroyed : http2.destroyed || http2.aborted
}

/**
 * Makes sure that the response emits `close` when its client disconnects. By itself, Node.js does not emit it for a
 * response that waits for earlier ones of its connection (HTTP/1.1 pipelining), nor, before all data is sent, for a
 * stream that the client resets without an error code (HTTP/2).
 */
export function emitCloseOnDisconnect ({ raw, request }: FastifyReply): void {
  const http2 = http2StreamOf(raw)
  if (http2 !== undefined) {
    http2.once('aborted', () => { if (http2.rstCode === constants.NGHTTP2_NO_ERROR) http2.destroy() })
  } else if (raw.socket === null && !raw.destroyed) {
    const { socket } = request.raw
    const onClose = () => {
      // otherwise Node.js emits it
      if (raw.socket !== null || raw.destroyed) return
      raw.destroy()
      raw.emit('close')
    }
    // one for each waiting response
    socket.setMaxListeners(0)
    socket.once('close', onClose)
    raw.once('close', () => socket.off('close', onClose))
  }
}

/** How a hijacked response ends when its server closes. */
export function closersOf ({ raw, request }: FastifyReply): Pick<OpenStream, 'end' | 'destroy'> {
  const http2 = http2StreamOf(raw)
  // The session outlives its streams and would keep the server open. A destroyed stream drops its reference to it.
  const session = http2?.session
  return {
    end: () => {
      raw.end()
      session?.close()
    },
    destroy: () => {
      // The client must not mistake this for a complete response. HTTP/2 has an error code for it. Over HTTP/1.0 (the
      // default of nginx) a closed connection is a complete response, so the connection is reset.
      http2?.close(constants.NGHTTP2_INTERNAL_ERROR)
      if (request.raw.httpVersion === '1.0') reset(raw.socket)
      raw.destroy()
      session?.close()
    }
  }
}

function http2StreamOf (raw: FastifyReply['raw']): ServerHttp2Stream | undefined {
  return 'stream' in raw ? raw.stream as ServerHttp2Stream : undefined
}

function reset (socket: Socket | null): void {
  try {
    socket?.resetAndDestroy()
  } catch {
    // not supported by TLS and Unix sockets
  }
}
