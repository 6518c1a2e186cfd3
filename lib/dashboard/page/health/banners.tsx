import { RefreshCw, TriangleAlert, Lock } from 'lucide-preact'
import { computed } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { feed, feedState, health, now, readOnly, tasks } from '../state.ts'
import { NOT_LOGGED_IN } from '../ui/message.ts'
import { alertsOf, type Alert } from './alerts.ts'

/** As JSON, so that a tick of the clock re-renders nothing unless an alert changes. */
const alertsJson = computed(() => JSON.stringify(alertsOf(health.value, tasks.value ?? [], now.value)))

export function Banners () {
  const alerts: Alert[] = JSON.parse(alertsJson.value)
  return (
    <div class='banners' role='status'>
      <FeedBanner />
      {readOnly.value && <Banner kind='quiet'><Lock size={16} aria-hidden='true' /> Read-only view.</Banner>}
      {alerts.map(({ code, message, serious }) => (
        <Banner key={code} kind={serious ? 'serious' : 'quiet'}><TriangleAlert size={16} aria-hidden='true' /> {message}</Banner>
      ))}
    </div>
  )
}

function FeedBanner () {
  const state = feedState.value
  if (state.type === 'disconnected') {
    return <Banner kind='quiet'>Connection lost; reconnecting. The data shown may be out of date. <Retry /></Banner>
  }
  if (state.type !== 'rejected') return null
  const message = state.statusCode === 401
    ? NOT_LOGGED_IN
    : state.statusCode === 403 ? 'You do not have permission to view these tasks.' : `The tasks cannot be loaded: ${state.message}`
  return <Banner kind='serious'><TriangleAlert size={16} aria-hidden='true' /> {message} <Retry /></Banner>
}

function Retry () {
  return <button type='button' class='small' onClick={() => feed.value.retry()}><RefreshCw size={14} aria-hidden='true' /> Try again</button>
}

function Banner ({ kind, children }: { kind: 'quiet' | 'serious', children: ComponentChildren }) {
  return <p class={`banner ${kind}`}>{children}</p>
}
