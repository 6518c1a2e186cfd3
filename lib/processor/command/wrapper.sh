# shellcheck shell=sh
# The wrapper of a command for systems without Perl: starts it when the start gate opens, copies its output to the log,
# and appends to the attempt record what happens. `Wrapper` in wrapper.ts describes the arguments, descriptors and lines
# of the record. Messages of the shell itself ("Terminated") are discarded.
#
# Its variables have a prefix: a variable that the command inherits stays exported, and would get another value.

task_wrapper_cgroup=$1 task_wrapper_limit=$2 task_wrapper_owner=$3
shift 3

read -r task_wrapper_stat < /proc/self/stat
echo "wrapper $task_wrapper_stat" >&4 || exit
{
  (
    [ -z "$task_wrapper_cgroup" ] || echo 0 > "$task_wrapper_cgroup/cgroup.procs" || exit
    read -r task_wrapper_stat < /proc/self/stat
    echo "leader $task_wrapper_stat" >&4 || exit
    # shellcheck disable=SC2034 # only whether a line arrives matters
    read -r task_wrapper_opened <&3 || { echo unstarted >&4; exit; }
    echo started >&4 || exit
    # the command's user may open the pipe again (`> /dev/stderr`)
    [ -z "$task_wrapper_owner" ] || chown "$task_wrapper_owner" /proc/self/fd/1
    exec 2>&1 3<&- 4>&-
    exec setsid "$@"
  )
  echo "exit $?" >&4
} 2> /dev/null 5>&- | {
  exec 3<&-
  [ -n "$task_wrapper_limit" ] || exec cat >&5 4>&-
  # shellcheck disable=SC3045 # dash, bash and BusyBox have it
  ulimit -c 0
  # in units of 512 bytes
  ulimit -f $(((task_wrapper_limit + 511) / 512))
  cat >&5 4>&-
  task_wrapper_code=$?
  # over the limit (SIGXFSZ), the rest is read and dropped: the command does not notice
  [ $task_wrapper_code -le 128 ] || cat > /dev/null 5>&- 4>&-
  exit $task_wrapper_code
}
echo "drained $?" >&4
