interface RequestErrorProps {
  readonly message: string
  readonly onRetry: () => void
}

export function RequestError ({ message, onRetry }: RequestErrorProps) {
  return <p class='error' role='alert'>{message} <button type='button' class='small' onClick={onRetry}>Try again</button></p>
}
