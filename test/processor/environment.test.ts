import t from 'tap'
import { CODE_LOADER_VARIABLES, PRIVILEGED_LOADER_VARIABLES } from '../../lib/processor/environment.ts'

/** Whether the name is in PRIVILEGED_LOADER_VARIABLES, and in CODE_LOADER_VARIABLES. */
const TABLE: ReadonlyArray<readonly [name: string, privileged: boolean, code: boolean]> = [
  // both: programs, libraries and the start of shells
  ['PATH', true, true], ['LD_PRELOAD', true, true], ['LD_LIBRARY_PATH', true, true], ['LD_', true, true], ['GCONV_PATH', true, true],
  ['PERL5LIB', true, true], ['PERL5OPT', true, true], ['ENV', true, true], ['BASH_ENV', true, true], ['BASHOPTS', true, true],
  ['SHELLOPTS', true, true], ['PS4', true, true], ['IFS', true, true],
  // only privileged processes are at risk: glibc ignores these in setuid programs
  ['GLIBC_TUNABLES', true, false], ['LOCPATH', true, false], ['MALLOC_CHECK_', true, false], ['NLSPATH', true, false], ['TMPDIR', true, false],
  ['TZDIR', true, false], ['HOSTALIASES', true, false], ['LOCALDOMAIN', true, false], ['RES_OPTIONS', true, false], ['RESOLV_HOST_CONF', true, false],
  ['GETCONF_DIR', true, false], ['NIS_PATH', true, false],
  // only commands are at risk: interpreters and tools that the wrapper never starts
  ['PYTHONPATH', false, true], ['PYTHONSTARTUP', false, true], ['RUBYOPT', false, true], ['NODE_OPTIONS', false, true], ['NODE_PATH', false, true],
  ['GIT_SSH_COMMAND', false, true], ['JAVA_TOOL_OPTIONS', false, true], ['EDITOR', false, true], ['PAGER', false, true],
  // neither
  ['HOME', false, false], ['LANG', false, false], ['TZ', false, false], ['USER', false, false], ['TASK_CONFIG', false, false],
  // names are compared whole and with their case
  ['path', false, false], ['MY_PATH', false, false], ['PATH_INFO', false, false], ['XLD_PRELOAD', false, false], ['ENVIRONMENT', false, false], ['', false, false]
]

t.test('the variables of privileged processes and those of commands differ as documented', async (t) => {
  for (const [name, privileged, code] of TABLE) {
    t.equal(PRIVILEGED_LOADER_VARIABLES.test(name), privileged, `PRIVILEGED_LOADER_VARIABLES: "${name}"`)
    t.equal(CODE_LOADER_VARIABLES.test(name), code, `CODE_LOADER_VARIABLES: "${name}"`)
  }
})
