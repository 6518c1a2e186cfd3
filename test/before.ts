// The browser is unpacked once, not by several tests at the same time.
import chromium from '@sparticuz/chromium'

await chromium.executablePath()
