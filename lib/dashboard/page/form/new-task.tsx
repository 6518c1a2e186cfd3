import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { NewTask as NewTaskInput, TaskType } from '../../../client/index.ts'
import { taskHash } from '../routing/route.ts'
import { go, goToList } from '../routing/router.ts'
import { client, readOnly, taskById, tasks, types } from '../state.ts'
import { watchTask } from '../ui/announcer.ts'
import { messageOf } from '../ui/message.ts'
import { ConfigField } from './config-field.tsx'
import { textOf } from '../ui/text.ts'
import { atFields, fieldOf, fill, fillFrom, valueOf, type Field, type Filled, type Misfit } from './fields.ts'
import { misfitsOf } from './validate.ts'

/** For types of which nothing is known. */
const OTHER: TaskType = { name: '', shell: true }

export function NewTask ({ from }: { from: string | undefined }) {
  const known = types.value
  const before = from === undefined ? undefined : taskById(from)
  if (readOnly.value) return <main class='form'><h1>New task</h1><p>This view is read-only.</p></main>
  if (known === undefined || (from !== undefined && tasks.value === undefined)) return <p class='starting'>Loading…</p>
  // a processor that told nothing may run anything
  const open = known.anyType || known.types.length === 0
  const named = known.types.filter(({ name }) => !open || name !== 'custom')
  const all = open ? [...named, { ...OTHER, name: 'custom', title: 'Command' }] : named
  return <Form key={from ?? ''} types={all} told={known.types.length > 0} before={before} />
}

type Before = Partial<Pick<NewTaskInput, 'command' | 'type' | 'app' | 'config'>> | undefined

function Form ({ types, told, before }: { types: readonly TaskType[], told: boolean, before: Before }) {
  const [name, setName] = useState(types.some(({ name }) => name === before?.type) ? before!.type! : types[0]!.name)
  const type = types.find((type) => type.name === name) ?? types[0]!
  const [command, setCommand] = useState(textOf(before?.command))
  const [app, setApp] = useState(textOf(before?.app))
  const config = before?.type === type.name ? before.config : undefined
  const field = useMemo(() => type.config === undefined ? undefined : fieldOf(type.config, config), [type])
  const [filled, setFilled] = useState<Filled>({})
  const [misfits, setMisfits] = useState<readonly Misfit[]>([])
  const [commandMissing, setCommandMissing] = useState(false)
  const [problem, setProblem] = useState<string | undefined>(undefined)
  const [busy, setBusy] = useState(false)
  const sending = useRef(false)
  const first = useRef<HTMLTextAreaElement>(null)
  // before anything that is typed could go elsewhere
  useLayoutEffect(() => { first.current?.focus() }, [])
  useEffect(() => {
    setFilled(field === undefined ? {} : config === undefined ? fill(field) : fillFrom(field, config))
    setMisfits([])
  }, [field])

  async function create (event: Event): Promise<void> {
    event.preventDefault()
    // a key that is held, a second click
    if (sending.current) return
    const { config, misfits } = check(type, field, filled)
    const missing = type.shell === true && command.trim() === ''
    setCommandMissing(missing)
    setMisfits(misfits)
    setProblem(undefined)
    if (missing) return first.current?.focus()
    if (misfits.length > 0) return focusOn(misfits[0]!)
    sending.current = true
    setBusy(true)
    try {
      const { task } = await client.create({
        // only a label, where the type itself says what is run
        command: type.shell === true ? command : command.trim() || (type.title ?? type.name),
        type: type.name,
        ...(app !== '' && { app }),
        ...(config !== undefined && { config })
      })
      watchTask(task.id)
      go(taskHash(task.id))
    } catch (error) {
      setProblem(messageOf(error))
    } finally {
      sending.current = false
      setBusy(false)
    }
  }

  const misfit = (name: string) => misfits.find((each) => each.name === name)?.message
  return (
    <main class='form'>
      <h1>New task</h1>
      {!told && <p class='quiet'>No processor has published its task types yet.</p>}
      <form onSubmit={create} noValidate>
        {types.length > 1 && (
          <label>
            Type
            <select value={name} onChange={({ currentTarget }) => setName(currentTarget.value)}>
              {types.map(({ name, title }) => <option key={name} value={name}>{title ?? name}</option>)}
            </select>
          </label>
        )}
        {type.description !== undefined && <p>{type.description}</p>}
        <div class='field'>
          <label for='field-command'>{type.shell === true ? 'Command' : 'Label (optional)'}</label>
          <textarea
            id='field-command' class='code' rows={type.shell === true ? 3 : 1} value={command} spellcheck={false} autocomplete='off' ref={first}
            aria-invalid={commandMissing || undefined} aria-describedby='help-command'
            onInput={({ currentTarget }) => setCommand(currentTarget.value)}
            onKeyDown={(event) => { if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) create(event) }}
          />
          <small id='help-command'>{commandMissing ? 'Enter a command.' : type.shell === true ? 'For a shell; Ctrl+Enter creates the task.' : type.title ?? type.name}</small>
        </div>
        {field !== undefined && <ConfigField field={field} filled={filled} misfit={misfit} onFill={(name, value) => setFilled((before) => ({ ...before, [name]: value }))} />}
        <div class='field'>
          <label for='field-app'>App (optional)</label>
          <input id='field-app' value={app} maxLength={200} autocomplete='off' aria-describedby='help-app' onInput={({ currentTarget }) => setApp(currentTarget.value)} />
          <small id='help-app'>For display and search only.</small>
        </div>
        {problem !== undefined && <p class='error' role='alert'>{problem}</p>}
        <div class='buttons'>
          <button type='submit' aria-busy={busy} disabled={busy}>Create</button>
          <button type='button' class='secondary' onClick={goToList}>Back</button>
        </div>
      </form>
    </main>
  )
}

function check (type: TaskType, field: Field | undefined, filled: Filled): { config?: unknown, misfits: readonly Misfit[] } {
  if (field === undefined) return { misfits: [] }
  const { value: config, misfits } = valueOf(field, filled)
  if (misfits.length > 0) return { misfits }
  return { config, misfits: atFields(field, misfitsOf(type.config!, config ?? '')) }
}

function focusOn ({ name }: Misfit): void {
  // the messages are drawn first
  requestAnimationFrame(() => document.getElementById(`config-${name}`)?.focus())
}
