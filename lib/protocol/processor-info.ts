import { TypeCompiler } from '@sinclair/typebox/compiler'
import { Type } from '@sinclair/typebox'
import { TaskTypeSchema, type TaskType, type TaskTypes } from '../shared/task-types.ts'
import { readText } from './regular-file.ts'
import type { TasksDirectory } from './tasks-directory.ts'

export const PROCESSOR_INFO_NAME = '.processor.json'
/** A larger file is neither written nor read: 256 KiB. */
export const MAX_INFO_BYTES = 256 * 1024

/** The processor's published self-description. Untrusted: anyone who can write to the directory can forge it. */
export interface ProcessorInfo extends TaskTypes {
  readonly limits?: Record<string, unknown>
}

const taskType = TypeCompiler.Compile(TaskTypeSchema)
const limitsSchema = TypeCompiler.Compile(Type.Record(Type.String(), Type.Unknown()))

/** What can't be read or used counts as not there. */
export async function readProcessorInfo (directory: TasksDirectory): Promise<ProcessorInfo> {
  try {
    const { text } = await readText(directory, PROCESSOR_INFO_NAME, MAX_INFO_BYTES)
    const { types, anyType, limits } = JSON.parse(text)
    const info = {
      types: Array.isArray(types) ? types.filter((type) => taskType.Check(type)).map(knownOf) : [],
      anyType: anyType === true,
      ...(limitsSchema.Check(limits) && { limits })
    }
    // throws for what is nested too deeply to be sent
    JSON.stringify(info)
    return info
  } catch {
    return { types: [], anyType: false }
  }
}

function knownOf (type: TaskType): TaskType {
  const names = Object.keys(TaskTypeSchema.properties) as Array<keyof TaskType>
  return Object.fromEntries(names.filter((name) => name in type).map((name) => [name, type[name]])) as TaskType
}
