export { dashboard as default, dashboard as 'module.exports', dashboard as tasksDashboard } from './dashboard.ts'
export type { TasksDashboardOptions } from './dashboard.ts'
