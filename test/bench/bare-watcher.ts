import { watch } from 'node:fs'
import { answer, cpu, startedWith } from './child.ts'

/** Baseline of the CPU time: receives file events and does nothing with them. */
const { dir } = startedWith<{ dir: string }>()
watch(dir, () => {})
answer({}, { cpu })
