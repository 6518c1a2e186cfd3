import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'

interface ModalProps {
  readonly title: string
  readonly onClose: () => void
  readonly children: ComponentChildren
  /** Default: a button that closes the dialog. */
  readonly buttons?: (close: () => void) => ComponentChildren
}

/** A `<dialog>`: the browser keeps the focus inside, restores it afterwards, and closes the dialog with Esc. */
export function Modal ({ title, onClose, children, buttons }: ModalProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const name = useId()
  useEffect(() => {
    dialog.current?.showModal()
  }, [])
  const close = () => dialog.current?.close()
  return (
    <dialog ref={dialog} aria-labelledby={name} onClose={onClose} onClick={({ target, currentTarget }) => { if (target === currentTarget) currentTarget.close() }}>
      <article>
        <h2 id={name}>{title}</h2>
        {children}
        <footer>{buttons?.(close) ?? <button type='button' onClick={close}>Close</button>}</footer>
      </article>
    </dialog>
  )
}
