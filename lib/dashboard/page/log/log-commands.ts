import { taskHash } from '../routing/route.ts'
import { announce } from '../ui/announcer.ts'
import { copyText } from '../ui/clipboard.ts'
import { messageOf } from '../ui/message.ts'
import type { LogView } from './log-view.ts'

/** The commands of the toolbar and of the shortcuts. */
export interface LogCommands {
  toggleFollow (): void
  toStart (): void
  toEnd (): void
  toggleWrap (): void
  copy (): void
  copyLink (): void
  scrollPages (pages: number): void
}

export function logCommands (view: LogView, id: string, follows: boolean): LogCommands {
  return {
    toggleFollow: () => follows ? view.unfollow() : view.follow(),
    toStart: () => view.showAt(0),
    toEnd: () => view.follow(),
    toggleWrap: () => view.toggleWrap(),
    copy: () => announceResult(async () => {
      await copyText(view.text())
      return 'Copied.'
    }),
    copyLink: () => announceResult(async () => await copyLinkToTop(view, id)),
    scrollPages: (pages) => view.scrollPages(pages)
  }
}

async function copyLinkToTop (view: LogView, id: string): Promise<string> {
  const offset = await view.offsetAtTop()
  const hash = taskHash(id, offset)
  history.replaceState(null, '', hash)
  await copyText(new URL(hash, location.href).href)
  return `Copied a link to byte ${offset}.`
}

function announceResult (work: () => Promise<string>): void {
  work().then(announce, (error: unknown) => announce(messageOf(error)))
}
