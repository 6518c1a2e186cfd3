import { TypeCompiler } from '@sinclair/typebox/compiler'
import { Type } from '@sinclair/typebox'
import { MAX_NESTING, nestingOf } from '../shared/json-scanner.ts'
import { TaskTypeSchema, type TaskType, type TaskTypes } from '../shared/task-types.ts'
import { MAX_INFO_BYTES, PROCESSOR_INFO_NAME } from './file-names.ts'
import { readBytes } from './regular-file.ts'
import type { TasksDirectory } from './tasks-directory.ts'

/** The processor's published self-description. Untrusted: any program that can write to the directory can forge it. */
export interface ProcessorInfo extends TaskTypes {
  readonly limits?: Record<string, unknown>
}

const NO_INFO: ProcessorInfo = { types: [], anyType: false }

const taskType = TypeCompiler.Compile(TaskTypeSchema)
const limitsSchema = TypeCompiler.Compile(Type.Record(Type.String(), Type.Unknown()))

/** Reads `.processor.json`. A file or part that is missing or invalid counts as empty. It does not reject. */
export async function readProcessorInfo (directory: TasksDirectory): Promise<ProcessorInfo> {
  try {
    const { bytes } = await readBytes(directory, PROCESSOR_INFO_NAME, MAX_INFO_BYTES)
    if (nestingOf(bytes) > MAX_NESTING) return NO_INFO
    const { types, anyType, limits } = JSON.parse(bytes.toString('utf8'))
    return {
      types: Array.isArray(types) ? types.filter((type) => taskType.Check(type)).map(withKnownFields) : [],
      anyType: anyType === true,
      ...(limitsSchema.Check(limits) && { limits })
    }
  } catch {
    return NO_INFO
  }
}

/** Without the fields of later versions. */
function withKnownFields (type: TaskType): TaskType {
  const names = Object.keys(TaskTypeSchema.properties) as Array<keyof TaskType>
  return Object.fromEntries(names.filter((name) => name in type).map((name) => [name, type[name]])) as TaskType
}
