import { builtinModules } from 'node:module'

// The layers of the project, from lib/README.md, as import rules. `npm run lint` reports every violation.

/** A rule that forbids `from` to import anything of lib except these folders and files. */
function layer (name, from, mayImport) {
  return {
    name: `${name} may import only ${mayImport.join(', ') || 'itself'}`,
    severity: 'error',
    from: { path: from },
    to: { path: '^lib/', pathNot: [from, ...mayImport.map((path) => `^lib/${path}`)] }
  }
}

/** A rule that forbids `from` to reach `to`, directly or through other modules. */
function unreachable (name, from, to) {
  return { name, severity: 'error', from: { path: from }, to: { path: to, reachable: true } }
}

const STORE = ['store\\.ts$', 'errors\\.ts$', 'shared/', 'util/']
const FASTIFY = '^node_modules/(fastify|@fastify/[^/]+|fastify-plugin)/'
const NODE = `^(node:)?(${builtinModules.join('|')})$`

export default {
  forbidden: [
    { name: 'no import circles', severity: 'error', from: { path: '^lib/' }, to: { circular: true } },
    { name: 'only declared dependencies', severity: 'error', from: { path: '^lib/', pathNot: '^lib/dashboard/page/' }, to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'unknown'], dependencyTypesNot: ['npm-peer'] } },
    layer('util', '^lib/util/', []),
    layer('shared', '^lib/shared/', ['util/']),
    layer('store', '^lib/store\\.ts$', ['shared/', 'util/']),
    layer('errors', '^lib/errors\\.ts$', []),
    layer('protocol', '^lib/protocol/', ['shared/', 'util/']),
    layer('check', '^lib/check/', ['protocol/', 'shared/', 'util/']),
    layer('directory', '^lib/directory/', ['protocol/', 'log/', ...STORE]),
    layer('log', '^lib/log/', STORE),
    layer('sse', '^lib/sse/', ['errors\\.ts$', 'shared/', 'util/']),
    layer('feed', '^lib/feed/', ['sse/', 'log/', ...STORE]),
    layer('routes', '^lib/routes/', ['feed/', 'sse/', 'log/', 'health\\.ts$', 'create-task\\.ts$', ...STORE]),
    layer('client', '^lib/client/', ['shared/', 'util/']),
    layer('dashboard page', '^lib/dashboard/page/', ['client/', 'shared/', 'util/']),
    layer('dashboard', '^lib/dashboard/(?!page/)', ['errors\\.ts$', 'util/']),
    layer('processor', '^lib/processor/', ['protocol/', 'shared/', 'util/']),
    layer('web side', '^lib/[^/]+\\.ts$', ['directory/', 'routes/', 'feed/', 'sse/', 'log/', ...STORE]),
    layer('cli', '^lib/cli/', ['processor/', 'check/', 'protocol/', 'util/']),
    unreachable('the client and the page run in browsers', '^lib/(client|dashboard/page)/.*\\.tsx?$', NODE),
    unreachable('the client does not load Fastify', '^lib/client/', FASTIFY),
    unreachable('the processor does not load Fastify', '^lib/(processor|protocol|check|cli)/', FASTIFY)
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'default'], extensions: ['.ts', '.tsx', '.js', '.mjs'] }
  }
}
