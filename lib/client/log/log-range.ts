import { errorFromResponse, isNotFound, unexpectedResponse } from '../errors.ts'
import { readAll } from '../http/body.ts'
import type { Http } from '../http/http.ts'
import { taskPath } from '../http/url.ts'

/**
 * Requests the bytes of a log from `start` to `end` (exclusive; undefined: the size of the log). The caller must read or
 * cancel the body.
 * @returns undefined if there are no such bytes: the log is shorter, has not been created yet, or its task was deleted
 * @throws TasksError, ConnectionError
 */
export async function openRange (http: Http, taskId: string, start: number, end: number | undefined, signal: AbortSignal): Promise<Response | undefined> {
  const range = `bytes=${start}-${end === undefined ? '' : end - 1}`
  const response = await http.open(`${taskPath(taskId)}/log`, { headers: { range }, signal, accept: [404, 416] })
  if (response.status === 206) return response
  if (response.ok) throw await unexpectedResponse(response, 'the requested range')
  if (response.status === 416 || isMissingLog(response)) {
    await response.body?.cancel()
    return undefined
  }
  const error = await errorFromResponse(response)
  if (isNotFound(error)) return undefined
  throw error
}

/**
 * Reads the bytes of a log from `start` to `end` (exclusive); fewer if the log is shorter.
 * @throws TasksError, ConnectionError
 */
export async function readRange (http: Http, taskId: string, start: number, end: number, signal: AbortSignal): Promise<Uint8Array> {
  const response = start === end ? undefined : await openRange(http, taskId, start, end, signal)
  return response === undefined ? new Uint8Array(0) : await readAll(response, signal)
}

/** Whether the server answered that the task exists but has no log yet. */
export function isMissingLog ({ status, headers }: Response): boolean {
  return status === 404 && headers.get('content-length') === '0' && headers.get('content-type')?.startsWith('text/plain') === true
}
