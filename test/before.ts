// Unpacks the browser before the tests, so that several tests do not do it at the same time.
import chromium from '@sparticuz/chromium'

await chromium.executablePath()
