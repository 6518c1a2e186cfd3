/** What the server wrote into the page. */
const { api = '/api/tasks', worker = '' } = document.documentElement.dataset

/** Where the routes of the tasks are. */
export const API = new URL(api, document.baseURI).href.replace(/\/+$/, '')

export const WORKER = new URL(`assets/${worker}`, document.baseURI)

export const TITLE = document.title
