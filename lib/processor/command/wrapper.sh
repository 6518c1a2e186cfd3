# shellcheck shell=sh
# The wrapper of a command for systems without Perl: starts it when the start gate opens, copies its output to the log,
# and appends to the attempt record what happens. `Wrapper` in wrapper.ts describes the arguments, descriptors and lines
# of the record. Messages of the shell itself ("Terminated") are discarded.

cgroup=$1 limit=$2 owner=$3
shift 3

read -r stat < /proc/self/stat
echo "wrapper $stat" >&4 || exit
{
  (
    [ -z "$cgroup" ] || echo 0 > "$cgroup/cgroup.procs" || exit
    read -r stat < /proc/self/stat
    echo "leader $stat" >&4 || exit
    # shellcheck disable=SC2034 # only whether a line arrives matters
    read -r opened <&3 || { echo unstarted >&4; exit; }
    echo started >&4 || exit
    # the command's user may open the pipe again (`> /dev/stderr`)
    [ -z "$owner" ] || chown "$owner" /proc/self/fd/1
    exec 2>&1 3<&- 4>&-
    exec setsid "$@"
  )
  echo "exit $?" >&4
} 2> /dev/null 5>&- | {
  exec 3<&-
  [ -n "$limit" ] || exec cat >&5 4>&-
  # shellcheck disable=SC3045 # dash, bash and BusyBox have it
  ulimit -c 0
  # in units of 512 bytes
  ulimit -f $(((limit + 511) / 512))
  cat >&5 4>&-
  code=$?
  # over the limit (SIGXFSZ), the rest is read and dropped: the command does not notice
  [ $code -le 128 ] || cat > /dev/null 5>&- 4>&-
  exit $code
}
echo "drained $?" >&4
