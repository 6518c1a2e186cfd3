import { isUtf8 } from 'node:buffer'
import { FST_TASKS_VALIDATION } from '../errors.ts'
import { MAX_CONFIG_BYTES } from '../shared/command-limits.ts'
import { JsonTextError, MAX_NESTING, nestingOf } from '../shared/json-scanner.ts'
import { JsonText } from '../shared/json-text.ts'
import { isLongStructure } from '../shared/long-structure.ts'
import { NewTaskSchema } from '../shared/task-schema.ts'
import { withoutByteOrderMark } from '../util/byte-order-mark.ts'
import { compileCheck } from '../util/compile-check.ts'

/** Any text of at most this length is parsed within a few ms. */
const SHORT_BYTES = 64 * 1024

const NOT_JSON = '{'

const decoder = new TextDecoder()
const checkNewTask = compileCheck(NewTaskSchema)

/**
 * Checks a request body before it is parsed: `JSON.parse` may take many times longer for a text than for others of the same
 * length.
 * @param body a new task, as JSON; the bytes are overwritten
 * @returns the text for `JSON.parse`; if the body is not valid JSON, neither is the text
 * @throws FST_TASKS_VALIDATION
 */
export function checkedJson (body: Buffer): string {
  // decoding would replace the invalid bytes
  if (!isUtf8(body)) throw new FST_TASKS_VALIDATION('body must be JSON in UTF-8')
  const bytes = withoutByteOrderMark(body)
  if (bytes.length > SHORT_BYTES) return checkedLongJson(bytes)
  if (nestingOf(bytes) > MAX_NESTING) throw new FST_TASKS_VALIDATION(`body is nested more than ${MAX_NESTING} levels deep`)
  return bytes.toString('utf8')
}

function checkedLongJson (bytes: Buffer): string {
  try {
    const text = JsonText.compact(bytes)
    if (!text.isObject) throw new FST_TASKS_VALIDATION('body must be an object')
    const names = [...text.names]
    for (const name of names) checkMember(text, name)
    // of a repeated name only the last value was checked
    return decoder.decode(text.pick(names).bytes)
  } catch (error) {
    if (!(error instanceof JsonTextError)) throw error
    if (error.problem === 'not-json') return NOT_JSON
    throw new FST_TASKS_VALIDATION(error.message.replace(/^it/, 'body'))
  }
}

function checkMember (text: JsonText, name: string): void {
  if (!Object.hasOwn(NewTaskSchema.properties, name)) {
    const { path, message } = checkNewTask(Object.fromEntries([['command', 'true'], [name, null]]))!
    throw new FST_TASKS_VALIDATION(`body${path} ${message}`)
  }
  if (isLongStructure(text, name)) {
    throw new FST_TASKS_VALIDATION(`body/${name} must have at most ${MAX_CONFIG_BYTES} bytes as JSON, the limit of the system for a variable, not ${text.raw(name)!.length}`)
  }
}
