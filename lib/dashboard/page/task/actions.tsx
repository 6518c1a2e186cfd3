import { Ban, RotateCcw, Trash2 } from 'lucide-preact'
import { useState } from 'preact/hooks'
import type { TaskSummary } from '../../../client/index.ts'
import { isActive } from '../../../shared/task-status.ts'
import { newHash, taskHash } from '../routing/route.ts'
import { go, goToList } from '../routing/router.ts'
import { client, readOnly } from '../state.ts'
import { announce } from '../ui/announcer.ts'
import { useRequest } from '../ui/use-request.ts'
import { ConfirmDelete } from './confirm-delete.tsx'

export function Actions ({ task }: { task: TaskSummary }) {
  const [isConfirming, setConfirming] = useState(false)
  const [isCancelling, setCancelling] = useState(false)
  const request = useRequest()
  if (readOnly.value) return null
  const { id, status } = task
  const cancel = () => request.run(async () => {
    const { outcome } = await client.value.cancel(id)
    if (outcome !== 'requested') return
    setCancelling(true)
    announce('Cancellation requested.')
  })
  const deleteTask = () => {
    setConfirming(false)
    return request.run(async () => {
      await client.value.delete(id, { force: isActive(status) })
      announce('Deleted.')
      goToList()
    })
  }
  return (
    <div class='actions'>
      {isActive(status) && (
        <button type='button' class='small' onClick={cancel} aria-busy={isCancelling && status === 'running'} disabled={isCancelling}>
          <Ban size={16} aria-hidden='true' /> {isCancelling ? 'Cancelling…' : 'Cancel'}
        </button>
      )}
      {!isActive(status) && (
        <button type='button' class='small' onClick={() => request.run(() => runAgain(id))}><RotateCcw size={16} aria-hidden='true' /> Run again</button>
      )}
      <a class='button small secondary' href={newHash(id)}>Edit and run</a>
      <button type='button' class='small secondary' onClick={() => setConfirming(true)}><Trash2 size={16} aria-hidden='true' /> Delete</button>
      {request.error !== undefined && <p class='error' role='alert'>{request.error}</p>}
      {isConfirming && <ConfirmDelete task={task} onConfirm={deleteTask} onClose={() => setConfirming(false)} />}
    </div>
  )
}

async function runAgain (id: string): Promise<void> {
  const original = await client.value.get(id)
  if (original === undefined) throw new Error('The task was deleted.')
  const { command, type, app, config, timeoutMs } = original
  const { task } = await client.value.create({ command, type, app, config, ...(timeoutMs !== undefined && { timeoutMs }) })
  go(taskHash(task.id))
}
