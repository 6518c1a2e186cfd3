import { RefreshCw, TriangleAlert, Lock } from 'lucide-preact'
import { computed } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { retry } from '../feed/feed.ts'
import { connection, health, now, readOnly, tasks } from '../state.ts'
import { alertsOf } from './alerts.ts'

/** Compared as JSON, so that the clock tick alone causes no re-render. */
const troubles = computed(() => JSON.stringify(alertsOf(health.value, tasks.value ?? [], now.value)))

export function Banners () {
  const found = JSON.parse(troubles.value) as ReturnType<typeof alertsOf>
  return (
    <div class='banners' role='status'>
      <ConnectionBanner />
      {readOnly.value && <Banner kind='quiet'><Lock size={16} aria-hidden='true' /> Read-only view.</Banner>}
      {found.map(({ code, message, serious }) => (
        <Banner key={code} kind={serious ? 'serious' : 'quiet'}><TriangleAlert size={16} aria-hidden='true' /> {message}</Banner>
      ))}
    </div>
  )
}

function ConnectionBanner () {
  const now = connection.value
  if (now.type === 'disconnected') {
    return <Banner kind='quiet'>Connection lost; reconnecting. The data shown may be out of date. <Retry /></Banner>
  }
  if (now.type !== 'refused') return null
  const message = now.statusCode === 401
    ? 'You are not logged in (any more). Log in, perhaps in another tab, and try again.'
    : now.statusCode === 403 ? 'You do not have permission to view these tasks.' : `The tasks can't be shown: ${now.message}`
  return <Banner kind='serious'><TriangleAlert size={16} aria-hidden='true' /> {message} <Retry /></Banner>
}

function Retry () {
  return <button type='button' class='small' onClick={retry}><RefreshCw size={14} aria-hidden='true' /> Try again</button>
}

function Banner ({ kind, children }: { kind: 'quiet' | 'serious', children: ComponentChildren }) {
  return <p class={`banner ${kind}`}>{children}</p>
}
