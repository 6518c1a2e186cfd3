import type { Task } from '../../../client/index.ts'

/** All fields of the task, including those that other programs have added. */
export function AllFields ({ task }: { task: Task }) {
  return (
    <details>
      <summary>All fields</summary>
      <dl class='fields'>
        {Object.entries(task).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{typeof value === 'string' ? value : <code>{JSON.stringify(value, null, 2)}</code>}</dd>
          </div>
        ))}
      </dl>
    </details>
  )
}
