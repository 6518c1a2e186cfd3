import { computed } from '@preact/signals'

export interface PageConfig {
  /** Absolute URL of the tasks routes, without a slash at its end. */
  readonly api: string
  /** URL of the SharedWorker's script. */
  readonly worker: URL
  readonly title: string
}

/** The settings that the server wrote into the page, read at first use. */
export const config = computed<PageConfig>(() => {
  const { api = '/api/tasks', worker = '' } = document.documentElement.dataset
  return {
    api: new URL(api, document.baseURI).href.replace(/\/+$/, ''),
    worker: new URL(`assets/${worker}`, document.baseURI),
    title: document.title
  }
})
