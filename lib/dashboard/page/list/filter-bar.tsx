import { CircleX, Search } from 'lucide-preact'
import { TASK_STATUSES } from '../../../shared/task-status.ts'
import { listFilter, setFilter } from '../routing/router.ts'
import { counts, shownTasks, tasks, usedTypes } from '../state.ts'
import { STATUS_LABELS } from './status.tsx'

export function FilterBar () {
  const filter = listFilter.value
  const all = tasks.value?.length ?? 0
  return (
    <search class='filters'>
      <div class='statuses' role='toolbar' aria-label='Status'>
        <button type='button' class='chip' aria-pressed={filter.status === undefined} onClick={() => setFilter({ ...filter, status: undefined })}>
          All <b>{all}</b>
        </button>
        {TASK_STATUSES.map((status) => (
          <button
            key={status} type='button' class={`chip ${status}`} aria-pressed={filter.status === status}
            onClick={() => setFilter({ ...filter, status: filter.status === status ? undefined : status })}
          >
            {STATUS_LABELS[status]} <b>{counts.value[status]}</b>
          </button>
        ))}
      </div>
      <label class='find'>
        <span class='hidden'>Find in commands, IDs, apps and errors</span>
        <Search size={16} aria-hidden='true' />
        <input
          type='search' id='find' placeholder='Find…' value={filter.text ?? ''} autocomplete='off' spellcheck={false}
          onInput={({ currentTarget }) => setFilter({ ...filter, text: currentTarget.value })}
        />
      </label>
      <label class='type'>
        <span class='hidden'>Type</span>
        <select value={filter.type ?? ''} onChange={({ currentTarget }) => setFilter({ ...filter, type: currentTarget.value || undefined })}>
          <option value=''>All types</option>
          {usedTypes.value.map((type) => <option key={type} value={type}>{type}</option>)}
        </select>
      </label>
      {shownTasks.value.length < all && (
        <p class='found'>
          {shownTasks.value.length} of {all}
          <button type='button' class='plain' onClick={() => setFilter({})}><CircleX size={16} aria-hidden='true' /> Show all</button>
        </p>
      )}
    </search>
  )
}
