import { Ban, RotateCcw, Trash2 } from 'lucide-preact'
import { useRef, useState } from 'preact/hooks'
import type { Task } from '../../../client/index.ts'
import { isActive } from '../../../shared/task-status.ts'
import { newHash, taskHash } from '../routing/route.ts'
import { go, goToList } from '../routing/router.ts'
import { client, readOnly } from '../state.ts'
import { announce } from '../ui/announcer.ts'
import { messageOf } from '../ui/message.ts'
import { textOf } from '../ui/text.ts'
import { Modal } from '../ui/modal.tsx'

export function Actions ({ task }: { task: Task }) {
  const [asks, setAsks] = useState(false)
  // one wish is one request, however often it is clicked
  const busy = useRef(false)
  const [wished, setWished] = useState(false)
  const [problem, setProblem] = useState<string | undefined>(undefined)
  if (readOnly.value) return null
  const { id, status } = task
  const attempt = async (work: () => Promise<unknown>) => {
    if (busy.current) return
    busy.current = true
    setProblem(undefined)
    await work().catch((error: unknown) => setProblem(messageOf(error)))
    busy.current = false
  }
  const cancel = () => attempt(async () => {
    const { outcome } = await client.cancel(id)
    if (outcome === 'requested') {
      setWished(true)
      announce('Cancellation requested.')
    }
  })
  const again = () => attempt(async () => {
    const { command, type, app, config, timeoutMs } = task
    const { task: created } = await client.create({ command, type, app, config, ...(timeoutMs !== undefined && { timeoutMs }) })
    go(taskHash(created.id))
  })
  const remove = () => {
    setAsks(false)
    return attempt(async () => {
      await client.delete(id, { force: isActive(status) })
      announce('Deleted.')
      goToList()
    })
  }
  return (
    <div class='actions'>
      {isActive(status) && (
        <button type='button' class='small' onClick={cancel} aria-busy={wished && status === 'running'} disabled={wished}>
          <Ban size={16} aria-hidden='true' /> {wished ? 'Cancelling…' : 'Cancel'}
        </button>
      )}
      {!isActive(status) && <button type='button' class='small' onClick={again}><RotateCcw size={16} aria-hidden='true' /> Run again</button>}
      <a class='button small secondary' href={newHash(id)}>Edit and run</a>
      <button type='button' class='small secondary' onClick={() => setAsks(true)}><Trash2 size={16} aria-hidden='true' /> Delete</button>
      {problem !== undefined && <p class='error' role='alert'>{problem}</p>}
      {asks && <ConfirmDelete task={task} onConfirm={remove} onClose={() => setAsks(false)} />}
    </div>
  )
}

function ConfirmDelete ({ task: { command, status }, onConfirm, onClose }: { task: Task, onConfirm: () => void, onClose: () => void }) {
  return (
    <Modal
      title='Delete this task?' onClose={onClose} buttons={(close) => (
        <>
          <button type='button' class='secondary' onClick={close}>Keep it</button>
          <button type='button' class='danger' onClick={onConfirm}>Delete</button>
        </>
      )}
    >
      <p><code>{textOf(command)}</code></p>
      <p>This removes the task and its log for everyone.</p>
      {isActive(status) && <p class='error'>It has not ended: {status === 'running' ? 'its command will be stopped.' : 'it will not be run.'}</p>}
    </Modal>
  )
}
