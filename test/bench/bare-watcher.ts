import { watch } from 'node:fs'
import { answer, cpu, startedWith } from './child.ts'

/** What it costs to be told of changes, and to do nothing about them. */
const { dir } = startedWith<{ dir: string }>()
watch(dir, () => {})
answer({}, { cpu })
