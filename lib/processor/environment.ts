/**
 * Variables that a policy must not be able to set for the processes between the processor and a command: the wrapper,
 * and `setpriv` and `env` for a type with a `user`. They run with the processor's full privileges, so these variables
 * reach only the command itself, as arguments of `env`.
 *
 * The list covers what those programs obey: `PATH`, the dynamic linker, Perl, the shell, and the variables that glibc
 * itself ignores in a setuid program (`LOCPATH`, `GCONV_PATH`, `TMPDIR`, …). Interpreters are missing, as none of these
 * programs is one; compare `CODE_LOADER_VARIABLES`.
 */
export const PRIVILEGED_LOADER_VARIABLES = /^(PATH|LD_.*|PERL.*|GCONV_PATH|GETCONF_DIR|GLIBC_TUNABLES|HOSTALIASES|LOCALDOMAIN|LOCPATH|MALLOC_.*|NIS_PATH|NLSPATH|RESOLV_HOST_CONF|RES_OPTIONS|TMPDIR|TZDIR|ENV|BASH_ENV|BASHOPTS|SHELLOPTS|PS4|IFS)$/

/**
 * Variables that decide which programs, libraries or scripts a command loads. A policy may set them, but not to a value
 * from the task: otherwise a task could run its own code.
 *
 * The list covers the interpreters and tools that a command may be (Python, Ruby, Node.js, Git, Java, editors and
 * pagers). The variables of glibc that matter only to a privileged process, such as `LOCPATH`, are missing: at this
 * point the command runs with its own user's rights; compare `PRIVILEGED_LOADER_VARIABLES`.
 */
export const CODE_LOADER_VARIABLES = /^(PATH|ENV|IFS|PS4|BASH_ENV|BASHOPTS|SHELLOPTS|GCONV_PATH|JAVA_TOOL_OPTIONS|EDITOR|PAGER)$|^(LD_|PERL|PYTHON|RUBY|NODE_|GIT_)/
