import type { TaskSummary } from '../../../client/index.ts'
import { isActive } from '../../../shared/task-status.ts'
import { Modal } from '../ui/modal.tsx'
import { textOf } from '../ui/text.ts'

interface ConfirmDeleteProps {
  readonly task: TaskSummary
  readonly onConfirm: () => void
  readonly onClose: () => void
}

export function ConfirmDelete ({ task: { command, status }, onConfirm, onClose }: ConfirmDeleteProps) {
  return (
    <Modal
      title='Delete this task?' onClose={onClose} buttons={(close) => (
        <>
          <button type='button' class='secondary' onClick={close}>Keep</button>
          <button type='button' class='danger' onClick={onConfirm}>Delete</button>
        </>
      )}
    >
      <p><code>{textOf(command)}</code></p>
      <p>This removes the task and its log for everyone.</p>
      {isActive(status) && <p class='error'>The task has not finished: {status === 'running' ? 'its command will be stopped.' : 'it will not run.'}</p>}
    </Modal>
  )
}
