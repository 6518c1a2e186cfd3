import { newHash } from '../routing/route.ts'
import { readOnly, shownTasks, tasks } from '../state.ts'
import { FilterBar } from './filter-bar.tsx'
import { TaskRows } from './task-rows.tsx'

export function ListPage () {
  return (
    <main class='list'>
      <h1 class='hidden'>Tasks</h1>
      <FilterBar />
      {shownTasks.value.length === 0 ? <EmptyList /> : <TaskRows shown={shownTasks.value} />}
    </main>
  )
}

function EmptyList () {
  if (tasks.value !== undefined && tasks.value.length > 0) return <p class='nothing'>No matching tasks. Try another status or fewer words.</p>
  return (
    <div class='nothing'>
      <p>No tasks yet.</p>
      {!readOnly.value && <p><a class='button' href={newHash()}>New task</a></p>}
      <p>Create tasks with <code>POST</code> or by adding a file to the directory.</p>
    </div>
  )
}
