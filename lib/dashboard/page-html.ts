import { originOf } from './api-address.ts'
import type { EntryFiles } from './assets.ts'

export interface PageSettings {
  readonly title: string
  readonly api: string
  readonly nonce: string
  readonly entry: EntryFiles
}

/** A tick in a circle, as a data URL: the browser need not request another file. */
const ICON = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' stroke='%230172ad' stroke-width='3'><circle cx='12' cy='12' r='9'/><path d='m8 12 3 3 5-6'/></svg>"

/** The page's script renders the rest. It reads its settings from the `data-` attributes. */
export function pageHtml ({ title, api, nonce, entry }: PageSettings): string {
  return `<!doctype html>
<html lang="en" data-api="${escapeHtml(api)}" data-worker="${entry.worker}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="${ICON}">
<link rel="stylesheet" href="assets/${entry.style}">
<script type="module" src="assets/${entry.script}" nonce="${nonce}"></script>
</head>
<body>
<div id="page"><p class="starting" role="status">Loading…</p></div>
<noscript>This page needs JavaScript. The tasks are available <a href="${escapeHtml(api)}">as JSON</a> without it.</noscript>
</body>
</html>
`
}

/**
 * Allows no inline script and no other origin except the API's. xterm.js creates style elements, which carry the nonce,
 * and style attributes for colours beyond its palette; those cannot load or run anything.
 * @see https://github.com/xtermjs/xterm.js/issues/4445
 */
export function contentSecurityPolicy ({ api, nonce }: { api: string, nonce?: string | undefined }): string {
  const self = "'self'"
  const origin = originOf(api)
  const styles = nonce === undefined ? self : `${self} 'nonce-${nonce}'`
  return Object.entries({
    'default-src': "'none'",
    'script-src': self,
    'worker-src': self,
    'connect-src': origin === undefined ? self : `${self} ${origin}`,
    'style-src': styles,
    'style-src-elem': styles,
    'style-src-attr': "'unsafe-inline'",
    'img-src': `${self} data:`,
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': self
  }).map(([name, value]) => `${name} ${value}`).join('; ')
}

export function escapeHtml (text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
