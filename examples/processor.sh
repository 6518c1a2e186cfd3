#!/usr/bin/env bash
#
# A processor in bash, for hosts without Node.js: runs the queued tasks of a directory by the same file contract as
# `fastify-tasks process`. It needs Linux, bash 4.4, jq 1.6, util-linux (setsid), GNU coreutils and findutils, hard links.
#
# Limitations:
# - Commands do not survive it: if it is killed, so are they, and the next start marks their tasks as failed.
# - It has no policy. It checks files before it opens them, which protects against accidents, not against a program that
#   replaces a file in between.
# - It does not complete the cancellations and deletions that a crashed web server left; the next web server does.
# - It finds a task by a line in the FIFO or by polling (3 s): it receives no file events.

set -uo pipefail
shopt -s globasciiranges

readonly HELP='Usage: processor.sh DIR --allow-any-command [--concurrency N] [--grace TIME]
  --allow-any-command   required: anyone with write access to DIR can run any command as this user
  --concurrency N       number of tasks that run at the same time (default: 1)
  --grace TIME          time from TERM to KILL, such as 10s, 500ms or 0s; units d, h, m, s, ms (default: 10s)
INT, TERM or HUP stops it: running tasks are terminated and become failed. A second signal kills them immediately.
Exit codes: 0 stopped, 1 could not start or lost the lock, 2 invalid arguments.'
readonly ID='[tT][aA][sS][kK]_+([0-9])_+([0-9a-zA-Z])'
readonly STALE_MS=10000 TOUCH_MS=2000 POLL_MS=3000 HEARTBEAT_MS=5000 UNKILLABLE_MS=30000 MAX_BYTES=1048576

# The beginning of a filter that changes a task file: outputs the task. Exit code 7: it no longer has the expected status.
# shellcheck disable=SC2016 # the variables are those of jq
readonly CHANGE='
  def iso: now | (floor | todate | rtrimstr("Z")) + "." + ((. - floor) * 1000 | floor | tostring | ("00" + .)[-3:]) + "Z";
  $text | if utf8bytelength > 1048576 then error("too large") else fromjson end
  | if type != "object" or .id != $id then error("not this task") elif .status != $expected then "" | halt_error(7) else . end |'
# Outputs status, why the task cannot run, command, type, app, config and timeoutMs, each followed by a NUL byte.
# shellcheck disable=SC2016 # the variables are those of jq
readonly FIELDS='
  def text: if type == "string" then . else "" end;
  $text | fromjson | if type != "object" or .id != $id then error("not this task") else . end
  | [.command, .type, .app | text] as $values
  | (if has("config") and .config != "" then .config | tojson else "" end) as $config
  | (if $values[0] | test("\\S") | not then "The command is empty."
     elif any($values[] | explode[]; . == 0) then "The command, type or app contains a NUL byte."
     elif any($values[], $config; utf8bytelength > 131000) then "Could not start: the command or config exceeds the system\u0027s argument size limit."
     else "" end) as $refusal
  | (.timeoutMs | if type == "number" and . > 0 and . == floor then [., 2147483647] | min | tostring else "" end) as $timeout
  | [.status | text], [$refusal], (if $refusal == "" then $values + [$config, $timeout] else ["", "", "", "", ""] end)
  | .[] + "\u0000"'
# Outputs for each file: id, status, time of creation in ms.
# shellcheck disable=SC2016 # the variables are those of jq
readonly INDEX='
  def ms: try (capture("^(?<time>[^.Z+]{19})(?<part>[.][0-9]+)?Z$")
    | (.time + "Z" | fromdate) + ("0" + (.part // "") | tonumber) | . * 1000 | round) catch empty;
  $ARGS.named | to_entries[] | .key as $id | .value | try fromjson catch null
  | if type != "object" or .id != $id then "\($id) unusable 0"
    else [(.createdAt, .created_at | ms), ($id | split("_")[1] | tonumber)][0] as $created
      | "\($id) \(.status | if IN("queued", "running", "completed", "failed", "cancelled") then . else "unknown" end) \([$created, 9e15] | min)" end'

say () { printf '%s\n' "$1"; }
warn () { printf '%s\n' "$1" >&2; }
die () { warn "$2"; exit "$1"; }

# Sets `now`: a monotonic clock, in ms.
read_clock () { local up; read -r up _ < /proc/uptime; now=$((10#${up/./} * 10)); }
# Sets `random`: 32 hexadecimal digits.
make_nonce () { read -r random < /proc/sys/kernel/random/uuid; random=${random//-/}; }

exists () { [[ -e $1 || -L $1 ]]; }
is_regular () { [[ -f $1 && ! -L $1 ]]; }
# Whether it is the same directory as at the start: files missing in another one (after an unmount) were not deleted.
same_directory () { [[ $(stat -Lc %d:%i -- "$dir" 2>/dev/null) == "$directory" && -r $dir && -x $dir ]]; }
share () { [[ -z $group ]] || chgrp -- "$group" "$1" 2>/dev/null || :; }

# create_exclusive NAME TEXT: creates a file that is complete when it appears. False: the name exists already.
create_exclusive () {
  local random temporary created=0
  make_nonce; temporary=$dir/.tmp-${random:0:18}
  (set -C; printf '%s' "$2" > "$temporary") && share "$temporary" && ln -T -- "$temporary" "$dir/$1" 2>/dev/null || created=1
  rm -f -- "$temporary"
  return $created
}

# change_task ID EXPECTED_STATUS FILTER [JQ_ARGUMENTS]: returns 4 if the file is gone, 7 if it has another status.
change_task () {
  local id=$1 expected=$2 filter=$3 file=$dir/$1.json random temporary status=0; shift 3
  exists "$file" || return 4
  is_regular "$file" || return 1
  make_nonce; temporary=$dir/.tmp-${random:0:18}
  write () { jq "$@" --rawfile text "$file" --arg id "$id" --arg expected "$expected" "$CHANGE $filter" > "$temporary"; } 2>/dev/null
  write -n "$@" || status=$?
  if (( status == 0 )); then
    # the indentation may have made it too large to be read again
    (( $(stat -c %s -- "$temporary") <= MAX_BYTES )) || write -nc "$@" || status=1
    share "$temporary"
    # A heartbeat is not synced; a status is: otherwise a power failure could make a task run twice.
    [[ $filter == .heartbeatAt* ]] || sync -- "$temporary" || status=1
    # deleted meanwhile: it must not be created again
    exists "$file" || status=4
  fi
  if (( status == 0 )) && mv -fT -- "$temporary" "$file" 2>/dev/null; then
    [[ $filter == .heartbeatAt* ]] || sync -- "$dir"
    return 0
  fi
  rm -f -- "$temporary"
  return $((status == 0 ? 1 : status))
}

# finish_task ID EXPECTED_STATUS STATUS MESSAGE [EXIT_CODE]: writes the final status and deletes the marker. False: it failed.
finish_task () {
  # shellcheck disable=SC2016 # the variables are those of jq
  change_task "$1" "$2" '.status = $status | .completedAt = iso | .exitCode = $code | .errorMessage = (if $message == "" then null else $message end)' \
    --arg status "$3" --arg message "$4" --argjson code "${5:-null}"
  case $? in
    0) if [[ $(marker_of "$1") == delete ]]; then delete_files "$1"; else rm -f -- "$dir/$1.cancel" 2>/dev/null || :; fi ;;
    4) clear_deleted "$1" ;;
    7) ;;
    *) return 1 ;;
  esac
}

delete_files () { local kind; for kind in json log claim cancel; do rm -f -- "$dir/$1.$kind" 2>/dev/null || :; done; }
# Deletes the remaining files of a deleted task, unless a task with the same id was created since.
clear_deleted () {
  same_directory || return 1
  if [[ $(marker_of "$1") == delete ]] || ! exists "$dir/$1.json"; then delete_files "$1"; fi
}

# Prints `cancel` or `delete`, or nothing. Any other kind of file with that name counts as a request to cancel.
marker_of () {
  exists "$dir/$1.cancel" || return 0
  if is_regular "$dir/$1.cancel" && [[ $(jq '.delete == true' "$dir/$1.cancel" 2>/dev/null) == true ]]; then echo delete; else echo cancel; fi
}

# --- the lock ---

# Sets `seen`: the lock's text, inode and mtime; empty if there is no lock.
read_lock () {
  seen=
  exists "$lock" || return 0
  is_regular "$lock" || die 1 "$lock cannot be used as a lock: it is not a regular file. Remove it and start again."
  seen=$(head -c 4096 -- "$lock" 2>/dev/null; stat -c '%i %.9Y' -- "$lock" 2>/dev/null)
}
die_running () { die 1 "Another processor is running in this directory (process ${1%%[!0-9]*})."; }
holds_lock () {
  local text=
  [[ -n ${stepped_down-} ]] && return 1
  is_regular "$lock" && { IFS= read -rd '' text < "$lock" || :; } 2>/dev/null
  [[ $text == "$lock_text" ]]
}

acquire_lock () {
  local random seen first since
  make_nonce; lock_text=$$$'\n'"heartbeat $random"$'\n'
  until create_exclusive "${lock##*/}" "$lock_text"; do
    read_lock; first=$seen
    [[ -n $first ]] || { exists "$lock" || same_directory || die 1 "The directory $dir cannot be used."; sleep 0.1; continue; }
    [[ $first == *$'\n'heartbeat\ * ]] || die 1 "An older processor, which gives no heartbeat, holds $lock. If it no longer runs, remove that file and start again."
    say "Process ${first%%[!0-9]*} holds the directory's lock: waiting $STALE_MS ms to see whether it is running"
    read_clock; since=$now
    while [[ -n $seen ]] && (( now - since < STALE_MS )); do
      sleep 0.5
      (( stop_signals == 0 )) || exit 0
      read_clock; read_lock
      [[ -z $seen || $seen == "$first" ]] || die_running "$seen"
    done
    [[ -n $seen ]] || continue
    rm -f -- "$lock"
    # another processor that waited for the same moment may delete and create it as well: the last one holds it
    create_exclusive "${lock##*/}" "$lock_text" || continue
    sleep 0.5
    holds_lock && break
    read_lock; die_running "$seen"
  done
  read_clock; touched=$now
}

# Touches the lock when that is due, and takes no more tasks if another processor holds it.
touch_lock () {
  read_clock
  (( now - touched >= TOUCH_MS )) || return 0
  touched=$now
  if holds_lock; then touch -cm -- "$lock"; return 0; fi
  [[ -n $stepped_down ]] || warn 'Lost the lock to another processor, or it was removed; no more tasks will be claimed.'
  stepped_down=1
}

# --- one task, in its own subshell ---

# Creates the log, or accepts an existing file without other names: a link would lead outside the directory.
# Prints why the log cannot be used, if so.
prepare_log () {
  local log=$dir/$1.log
  if [[ -L $log ]]; then echo 'it is a symbolic link'
  elif [[ ! -e $log ]]; then (set -C; : > "$log") 2>/dev/null && share "$log" || echo 'it could not be created'
  elif [[ ! -f $log ]]; then echo 'it is not a regular file'
  elif [[ $(stat -c %h -- "$log") != 1 ]]; then echo 'it has more than one hard link'
  elif [[ ! -w $log ]]; then echo EACCES
  fi
}

# Claims a task and makes it `running`, or finishes it. False: there is nothing to run. Sets `fields`.
claim_task () {
  local random claim reason taken=1
  holds_lock || return 1
  make_nonce; claim="{\"by\":\"processor\",\"nonce\":\"$random\"}"
  create_exclusive "$id.claim" "$claim" || return 1
  prepare && taken=0
  # the next status is in the task file, or the task is still queued
  if is_regular "$dir/$id.claim" && [[ $(head -c 4096 -- "$dir/$id.claim") == "$claim" ]]; then rm -f -- "$dir/$id.claim"; fi
  return $taken
}

prepare () {
  is_regular "$dir/$id.json" || return 1
  mapfile -td '' fields < <(jq -nj --rawfile text "$dir/$id.json" --arg id "$id" "$FIELDS" 2>/dev/null)
  [[ ${#fields[@]} == 7 && ${fields[0]} == queued ]] || return 1
  if [[ -n $(marker_of "$id") ]]; then
    finish_task "$id" queued cancelled 'Cancelled before start.' && say "$id cancelled before start"
    return 1
  fi
  reason=${fields[1]}
  if [[ -z $reason ]]; then
    reason=$(prepare_log "$id")
    reason=${reason:+"Could not start: its log cannot be written: $reason."}
  fi
  if [[ -n $reason ]]; then
    finish_task "$id" queued failed "$reason" && say "$id failed: $reason"
    return 1
  fi
  [[ -z $stopped ]] && has_processor || return 1
  change_task "$id" queued '.status = "running" | .startedAt = iso | .heartbeatAt = .startedAt'
  case $? in 0) return 0 ;; 4) clear_deleted "$id" ;; esac
  return 1
}

# Whether the processor that started this subshell is still running.
has_processor () { local stat; read -rd '' stat < "/proc/$BASHPID/stat"; stat=${stat##*) }; stat=${stat#* }; [[ ${stat%% *} == "$$" ]]; }

# request_stop REASON: starts to terminate the command. `deleted` and `disowned` override an earlier reason: the task file
# must not be written then.
request_stop () {
  case $1 in
    deleted | disowned) [[ $stopped == d* ]] || stopped=$1 ;;
    *) [[ -n $code ]] || stopped=${stopped:-$1} ;;
  esac
  ending=1
}
on_stop () { request_stop processor; read_clock; (( stop_signals++ == 0 )) || kill_at=$now; }

# Checks for requests to stop the command, and writes the heartbeat.
check_requests () {
  case $(marker_of "$id") in
    delete) request_stop deleted ;;
    cancel) request_stop cancelled ;;
    *) exists "$dir/$id.json" || { same_directory && request_stop deleted; } ;;
  esac
  has_processor || { request_stop disowned; kill_at=${kill_at:-$now}; }
  if [[ -n $timeout_at ]] && (( now >= timeout_at )); then request_stop timeout; fi
  if (( now >= beat_at )) && [[ $stopped != d* ]]; then
    beat_at=$((now + HEARTBEAT_MS))
    change_task "$id" running '.heartbeatAt = iso'
    (( $? != 7 )) || request_stop disowned
  fi
}

# Signals all processes of the leader's group and session if that is due. False: none is left, except zombies.
signal_members () {
  local file stat state pgrp session signal='' members=() others=()
  for file in /proc/[0-9]*/stat; do
    stat=; IFS= read -rd '' stat < "$file"
    [[ -n $stat ]] || continue
    read -r state _ pgrp session _ <<< "${stat##*) }"
    [[ $state != [ZXx] && ( $pgrp == "$leader" || $session == "$leader" ) ]] || continue
    file=${file#/proc/}
    members+=("${file%/stat}")
    (( pgrp == leader )) || others+=("${file%/stat}")
  done 2>/dev/null
  (( ${#members[@]} > 0 )) || return 1
  read_clock
  if [[ -n $kill_at ]] && (( now >= kill_at )); then signal=KILL
  elif (( now >= term_at )); then signal=TERM term_at=$((now + 5000)) kill_at=${kill_at:-$((now + grace_ms))}; fi
  # the group in one call, so that no process escapes by forking
  [[ -z $signal ]] || kill "-$signal" -- "-$leader" "${others[@]}" 2>/dev/null || :
  # stopped processes receive TERM only after CONT
  [[ $signal != TERM ]] || kill -CONT -- "-$leader" "${others[@]}" 2>/dev/null || :
}

# Starts the command. Both streams go through one real pipe: with the log itself as stderr, `> /dev/stderr` would truncate it.
start () {
  exec 4>> "$dir/$id.log" || return 1
  exec 5> >(exec cat >&4 3>&-)
  appender=$!
  (
    trap - INT QUIT HUP TERM
    umask "$command_umask"
    export TASK_ID=$id TASK_TYPE=${fields[3]} TASK_APP=${fields[4]}
    [[ -z ${fields[5]} ]] || export TASK_CONFIG=${fields[5]}
    exec setsid "${default_signals[@]}" sh -c -- "${fields[2]}"
  ) < /dev/null >&5 2>&5 3>&- 4>&- 5>&- &
  leader=$!
  exec 5>&-
}

# Waits until all processes of the command have exited. Sets `code` and `all_gone`.
supervise () {
  local rounds=0
  while :; do
    if [[ -z $code ]] && ! kill -0 "$leader"; then wait "$leader"; code=$? ending=1; fi
    if [[ -n $ending ]] && ! signal_members && [[ -n $code ]]; then return; fi
    read_clock
    if [[ -n $kill_at ]] && (( now > kill_at + UNKILLABLE_MS )); then all_gone=; return; fi
    check_requests
    if (( rounds++ < 10 )); then sleep 0.02; else sleep 0.2; fi
  done
}

# Waits until the output is in the log. A process that left the session can keep the pipe open: while it writes nothing,
# it is not waited for. An appender that waits for its disk is.
drain () {
  local size=-1 before rounds=0 stat
  while kill -0 "$appender"; do
    if (( rounds++ % 50 == 0 )); then
      before=$size; size=$(stat -Lc %s /proc/self/fd/4)
      stat=; IFS= read -rd '' stat < "/proc/$appender/stat"
      if (( size == before || rounds > 500 )) && [[ ${stat##*) } == S* || $rounds -gt 3000 ]]; then kill -KILL "$appender"; return 0; fi
    fi
    sleep 0.01
  done
  wait "$appender"
}

run_task () {
  local id=$1 fields=() stopped='' code='' ending='' kill_at='' term_at=0 timeout_at='' all_gone=1 leader appender status message complete=1 tries=0
  stop_signals=0
  # a terminal's Ctrl-C reaches the whole group: only the processor's TERM counts
  trap '' INT QUIT HUP; trap on_stop TERM
  claim_task || return
  read_clock; local beat_at=$((now + HEARTBEAT_MS))
  [[ -z ${fields[6]} ]] || timeout_at=$((now + fields[6]))
  start || { finish_task "$id" running failed "Could not start: its log cannot be written."; return; }
  say "$id started"
  supervise 2>/dev/null
  drain 2>/dev/null || complete=
  case $stopped in
    deleted) clear_deleted "$id"; say "$id deleted"; return ;;
    disowned) say "$id disowned"; return ;;
    cancelled) status=cancelled message=Cancelled. ;;
    timeout) status=failed message="Timed out after ${fields[6]} ms." ;;
    processor) status=failed message='The processor was stopped.' ;;
    *) if [[ -z $complete ]]; then status=failed message="Output was lost: the log could not be written. Exited with code $code."
       elif (( code == 0 )); then status=completed message=
       else status=failed message="Exited with code $code."; fi ;;
  esac
  [[ -n $all_gone ]] || message+="${message:+ }Some of its processes could not be killed."
  # on a full disk, it waits for space; a file that stays malformed is not written
  until finish_task "$id" running "$status" "$message" "$code"; do
    (( tries++ > 0 )) || warn "$id: its outcome ($status) cannot be written yet"
    if ! has_processor || (( stop_signals > 1 )) || { (( tries > 5 )) && ! jq . "$dir/$id.json" > /dev/null 2>&1; }; then warn "$id: its outcome ($status) is not written"; return; fi
    sleep 1
  done
  say "$id $status (exit code ${code:-unknown})"
}

# --- all tasks ---

declare -A known=() state=() created=() runs=()

# Lists the names, and reads the files that are new or changed.
scan () {
  local kind size print id changed=()
  local -A there=()
  while read -rd '' kind size print id; do
    id=${id%.json}
    # shellcheck disable=SC2053 # the right side is a pattern
    [[ $id == $ID && ${#id} -le 100 ]] || continue
    there[$id]=1
    [[ ${known[$id]-} != "$print" ]] || continue
    known[$id]=$print state[$id]=unusable
    if [[ $kind == f ]] && (( size <= MAX_BYTES )); then changed+=("$id"); else warn "$id.json cannot be used: it is not a regular file of at most 1 MiB"; fi
  done < <(find "$dir/" -mindepth 1 -maxdepth 1 -name '*.json' -printf '%y %s %i:%T@:%C@ %f\0' 2>/dev/null)
  for id in "${!known[@]}"; do [[ -n ${there[$id]-} ]] || unset "known[$id]" "state[$id]" "created[$id]"; done
  while (( ${#changed[@]} > 0 )); do
    index "${changed[@]:0:50}"
    changed=("${changed[@]:50}")
    touch_lock
  done
}

# index ID...: reads the task files with one jq, or one by one if that fails.
index () {
  local id status at text arguments=()
  for id; do arguments+=(--rawfile "$id" "$dir/$id.json"); done
  if ! text=$(jq -rn "${arguments[@]}" "$INDEX" 2>/dev/null); then
    if (( $# > 1 )); then for id; do index "$id"; done; else unset "known[$1]"; fi
    return
  fi
  while read -r id status at; do
    state[$id]=$status created[$id]=$at
    [[ $status != unusable ]] || warn "$id.json cannot be used now: it does not hold a task of that id"
  done <<< "$text"
}

# Recovers the tasks of a dead processor. No other processor claims or runs a task while this one holds the lock.
recover () {
  local id
  scan
  for id in "${!state[@]}"; do
    case ${state[$id]} in
      running)
        warn "$id: the processor that ran it is gone"
        if [[ -n $(marker_of "$id") ]]; then finish_task "$id" running cancelled Cancelled.
        else finish_task "$id" running failed 'The processor stopped while this task was running.'; fi ;;&
      queued) ! is_regular "$dir/$id.claim" || [[ $(jq -r .by "$dir/$id.claim" 2>/dev/null) != processor ]] || rm -f -- "$dir/$id.claim" ;;
      running | completed | failed | cancelled) rm -f -- "$dir/$id.claim" ;;
    esac
    touch_lock
  done
}

# Starts queued tasks, oldest first, up to the concurrency limit. A task that could not be claimed waits for the next scan.
start_tasks () {
  local id oldest
  while (( ${#runs[@]} < concurrency && stop_signals == 0 )) && [[ -z $stepped_down ]]; do
    oldest=
    for id in "${!created[@]}"; do
      [[ ${state[$id]} == queued && -z ${runs[$id]-} ]] || continue
      if [[ -z $oldest ]] || (( created[$id] < created[$oldest] )) || { (( created[$id] == created[$oldest] )) && [[ $id < $oldest ]]; }; then oldest=$id; fi
    done
    [[ -n $oldest ]] || return 0
    # a line in the FIFO wakes the main loop when it has finished
    (run_task "$oldest"; echo >&3) &
    runs[$oldest]=$!
  done
}

# Finishes a task whose subshell was killed. The environment identifies the processes that it had started.
fail_orphan () {
  local file
  for file in /proc/[0-9]*/environ; do
    grep -qzxF "TASK_ID=$1" "$file" && { file=${file#/proc/}; kill -KILL "${file%/environ}"; }
  done 2>/dev/null
  say "$1: its supervising process was killed"
  finish_task "$1" running failed 'The exit status is unknown: the supervising process was killed.' || :
}

reap () {
  local id
  for id in "${!runs[@]}"; do
    kill -0 "${runs[$id]}" 2>/dev/null && continue
    wait "${runs[$id]}" 2>/dev/null || (( $? != 137 )) || fail_orphan "$id"
    # the next scan reads its status
    unset "runs[$id]" "known[$id]"
    state[$id]=unknown
  done
}

# bash 5.2 loses the timeout of a `read` that a signal interrupts: a line in the FIFO wakes it.
on_signal () { (( stop_signals++ )); echo >&3 & }

# parse_duration TEXT: prints the ms of a text such as 10s, with the units of the CLI, at most those of a timer. False: it is another text.
parse_duration () {
  local unit
  [[ $1 =~ ^([0-9]{1,9})(ms|s|m|h|d)$ ]] || return 1
  case ${BASH_REMATCH[2]} in ms) unit=1 ;; s) unit=1000 ;; m) unit=60000 ;; h) unit=3600000 ;; d) unit=86400000 ;; esac
  local ms=$((10#${BASH_REMATCH[1]} * unit))
  (( ms <= 2147483647 )) && printf '%s\n' "$ms"
}

parse_arguments () {
  dir='' allowed='' concurrency=1 grace=10s grace_ms=0
  while (( $# > 0 )); do
    case $1 in
      --help | -h) say "$HELP"; exit 0 ;;
      --allow-any-command) allowed=1 ;;
      --concurrency) concurrency=${2-}; shift ;;
      --grace) grace=${2-}; shift ;;
      -*) die 2 "Unknown option $1. See --help." ;;
      *) [[ -z $dir ]] || die 2 "Expected one directory, but also got $1."; dir=$1 ;;
    esac
    shift
  done
  [[ -n $dir ]] || die 2 'Missing argument DIR. See --help.'
  [[ -n $allowed ]] || die 2 'Anyone with write access to the directory can run any command as this user. To allow that, use --allow-any-command.'
  [[ $concurrency == [1-9]*([0-9]) && ${#concurrency} -le 9 ]] || die 2 "--concurrency must be an integer of at least 1, not \"$concurrency\"."
  grace_ms=$(parse_duration "$grace") || die 2 "--grace must be a duration with a unit, such as 10s (units: ms, s, m, h, d), not \"$grace\"."
}

main () {
  local program now=0 fifo fifo_inode=none line pause=1 scanned_at forwarded=0 stepped_down='' touched=0
  parse_arguments "$@"
  for program in jq setsid mkfifo find; do command -v "$program" > /dev/null || die 1 "The program $program is missing; install it."; done
  mkdir -p -- "$dir" 2>/dev/null
  [[ -d $dir && -r $dir && -w $dir && -x $dir ]] || die 1 "The directory $dir cannot be used."
  directory=$(stat -Lc %d:%i -- "$dir") lock=$dir/.processor.lock.pid fifo=$dir/.queue.fifo stop_signals=0
  group=$(stat -Lc %g -- "$dir"); [[ $group != "$(id -g)" ]] || group=
  command_umask=$(umask); umask 027
  # a shell ignores these two signals in background processes and cannot restore them
  default_signals=()
  # shellcheck disable=SC2054 # the comma belongs to the argument of env
  ! env --default-signal=INT,QUIT true 2>/dev/null || default_signals=(env --default-signal=INT,QUIT)
  unset TASK_ID TASK_TYPE TASK_APP TASK_CONFIG
  trap on_signal INT TERM HUP
  exec 3<> <(:)
  acquire_lock
  # the types and limits that an earlier processor published
  rm -f -- "$dir/.processor.json" 2>/dev/null || :
  exists "$fifo" || mkfifo -m 660 -- "$fifo" 2>/dev/null && share "$fifo"
  if [[ -p $fifo && ! -L $fifo ]]; then exec 3<> "$fifo"; fifo_inode=$(stat -c %i -- "$fifo")
  else warn 'Polling without the FIFO: .queue.fifo is another kind of file'; fi
  recover
  say "Processing the tasks in $dir (concurrency $concurrency, grace $grace)"
  scanned_at=$now
  while (( stop_signals == 0 )) && [[ -z $stepped_down ]]; do
    reap; start_tasks
    line=''
    if read -rn 4096 -t "$pause" -u 3 line; then
      # an empty line: a task has finished, and its subshell exits in a moment
      pause=0.05
      # shellcheck disable=SC2053 # the right side is a pattern
      if [[ $line == $ID ]]; then scanned_at=-$POLL_MS; fi
      # one scan for all lines that arrive together
      for _ in {1..200}; do
        read -rn 4096 -t 0.01 -u 3 line || break
        [[ -z $line ]] || scanned_at=-$POLL_MS
      done
    else pause=1; fi
    touch_lock
    if (( now - scanned_at >= POLL_MS )); then scan; scanned_at=$now; fi
  done
  while reap; (( ${#runs[@]} > 0 )); do
    if (( forwarded < stop_signals )); then
      (( forwarded++ )); say "Stopping ${!runs[*]}"
      kill -TERM "${runs[@]}" 2>/dev/null
    fi
    sleep 0.1; touch_lock
  done
  if [[ -p $fifo && $(stat -c %i -- "$fifo") == "$fifo_inode" ]]; then rm -f -- "$fifo"; fi
  [[ -z $stepped_down ]] || exit 1
  if holds_lock; then rm -f -- "$lock"; fi
}

main "$@"
