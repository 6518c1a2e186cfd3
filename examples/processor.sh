#!/usr/bin/env bash
#
# A processor in bash, for hosts without Node.js: runs the queued tasks of a directory by the same contract of files as
# `fastify-tasks process`. Needs Linux, bash 4.4, jq 1.6, util-linux (setsid), GNU coreutils and findutils, hard links.
#
# What it does not do:
# - Commands do not survive it: if it is killed, so are they, and the next start marks their tasks as failed.
# - No policy. Files are checked before they are opened, not while: against accidents, not against who times a swap.
# - What a crashed web server left half cancelled or half deleted is left to the next one, but for its markers.
# - A task is found by a line in the FIFO, or by a look (3 s): it gets no notices from the system.

set -uo pipefail
shopt -s globasciiranges

readonly HELP='Usage: processor.sh DIR --allow-any-command [--concurrency N] [--grace TIME]
  --allow-any-command   needed: whoever can write to DIR can run any command as this user
  --concurrency N       how many tasks run at the same time (default: 1)
  --grace TIME          time from TERM to KILL for a cancelled command: 500ms, 10s, 5m (default: 10s)
A signal (INT, TERM, HUP) ends it, and what runs, as failed; a second one kills that at once.
Exit codes: 0 it was stopped, 1 it could not start or lost its lock, 2 it was called in a wrong way.'
readonly ID='[tT][aA][sS][kK]_+([0-9])_+([0-9a-zA-Z])'
readonly STALE_MS=10000 TOUCH_MS=2000 LOOK_MS=3000 HEARTBEAT_MS=5000 UNKILLABLE_MS=30000 MAX_BYTES=1048576

# shellcheck disable=SC2016
# What a change of a task's file begins with: the task if it is what it should be. 7: somebody else has changed it.
readonly CHANGE='
  def iso: now | (floor | todate | rtrimstr("Z")) + "." + ((. - floor) * 1000 | floor | tostring | ("00" + .)[-3:]) + "Z";
  $text | if utf8bytelength > 1048576 then error("too large") else fromjson end
  | if type != "object" or .id != $id then error("not this task") elif .status != $expected then "" | halt_error(7) else . end |'
# shellcheck disable=SC2016
# status, why it can not run, command, type, app, config, timeoutMs: each ended by a NUL byte
readonly FIELDS='
  def text: if type == "string" then . else "" end;
  $text | fromjson | if type != "object" or .id != $id then error("not this task") else . end
  | [.command, .type, .app | text] as $values
  | (if has("config") and .config != "" then .config | tojson else "" end) as $config
  | (if $values[0] | test("\\S") | not then "It has no command."
     elif any($values[] | explode[]; . == 0) then "Its command, type or app holds a NUL byte."
     elif any($values[], $config; utf8bytelength > 131000) then "Could not be started: its command or its config is too long for the system."
     else "" end) as $refusal
  | (.timeoutMs | if type == "number" and . > 0 and . == floor then [., 2147483647] | min | tostring else "" end) as $timeout
  | [.status | text], [$refusal], (if $refusal == "" then $values + [$config, $timeout] else ["", "", "", "", ""] end)
  | .[] + "\u0000"'
# for each file: id, status, time of creation in ms
# shellcheck disable=SC2016
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

# Sets `now`: ms of a clock that only goes forward.
tell_time () { local up; read -r up _ < /proc/uptime; now=$((10#${up/./} * 10)); }
# Sets `random`: 32 hexadecimal digits.
roll () { read -r random < /proc/sys/kernel/random/uuid; random=${random//-/}; }

is_there () { [[ -e $1 || -L $1 ]]; }
is_regular () { [[ -f $1 && ! -L $1 ]]; }
# A file that is missing in another directory (an unmounted one) is not a deleted file.
same_directory () { [[ $(stat -Lc %d:%i -- "$dir" 2>/dev/null) == "$directory" && -r $dir && -x $dir ]]; }
share () { [[ -z $group ]] || chgrp -- "$group" "$1" 2>/dev/null || :; }

# create_exclusive NAME TEXT: complete when it appears; false: the name is taken.
create_exclusive () {
  local random temporary created=0
  roll; temporary=$dir/.tmp-${random:0:18}
  (set -C; printf '%s' "$2" > "$temporary") && share "$temporary" && ln -T -- "$temporary" "$dir/$1" 2>/dev/null || created=1
  rm -f -- "$temporary"
  return $created
}

# change_task ID EXPECTED_STATUS FILTER [ARGUMENTS OF JQ]: 4: the file is gone; 7: it has another status by now.
change_task () {
  local id=$1 expected=$2 filter=$3 file=$dir/$1.json random temporary status=0; shift 3
  is_there "$file" || return 4
  is_regular "$file" || return 1
  roll; temporary=$dir/.tmp-${random:0:18}
  write () { jq "$@" --rawfile text "$file" --arg id "$id" --arg expected "$expected" "$CHANGE $filter" > "$temporary"; } 2>/dev/null
  write -n "$@" || status=$?
  if (( status == 0 )); then
    # indented, it may have become too large to be read again
    (( $(stat -c %s -- "$temporary") <= MAX_BYTES )) || write -nc "$@" || status=1
    share "$temporary"
    # A beat of the heart is not synced; a state is, or a power cut could make a task run twice.
    [[ $filter == .heartbeatAt* ]] || sync -- "$temporary" || status=1
    # deleted meanwhile: it must not come back
    is_there "$file" || status=4
  fi
  if (( status == 0 )) && mv -fT -- "$temporary" "$file" 2>/dev/null; then
    [[ $filter == .heartbeatAt* ]] || sync -- "$dir"
    return 0
  fi
  rm -f -- "$temporary"
  return $((status == 0 ? 1 : status))
}

# end_task ID EXPECTED_STATUS STATUS MESSAGE [EXIT_CODE]: writes the end and clears what it settles; false: it could not.
end_task () {
  # shellcheck disable=SC2016
  change_task "$1" "$2" '.status = $status | .completedAt = iso | .exitCode = $code | .errorMessage = (if $message == "" then null else $message end)' \
    --arg status "$3" --arg message "$4" --argjson code "${5:-null}"
  case $? in
    0) if [[ $(marker_of "$1") == delete ]]; then remove_files "$1"; else rm -f -- "$dir/$1.cancel" 2>/dev/null || :; fi ;;
    4) clear_deleted "$1" ;;
    7) ;;
    *) return 1 ;;
  esac
}

remove_files () { local kind; for kind in json log claim cancel; do rm -f -- "$dir/$1.$kind" 2>/dev/null || :; done; }
# What is left of a deleted task; one that stands there anew is left alone.
clear_deleted () {
  same_directory || return 1
  if [[ $(marker_of "$1") == delete ]] || ! is_there "$dir/$1.json"; then remove_files "$1"; fi
}

# Prints `cancel` or `delete`, or nothing. Whatever stands there, somebody put it there to cancel.
marker_of () {
  is_there "$dir/$1.cancel" || return 0
  if is_regular "$dir/$1.cancel" && [[ $(jq '.delete == true' "$dir/$1.cancel" 2>/dev/null) == true ]]; then echo delete; else echo cancel; fi
}

# --- the lock ---

# Sets `seen`: the lock's text, inode and time; empty: there is none.
see_lock () {
  seen=
  is_there "$lock" || return 0
  is_regular "$lock" || die 1 "$lock can't be used as a lock: it is not a regular file. Remove it and start again."
  seen=$(head -c 4096 -- "$lock" 2>/dev/null; stat -c '%i %.9Y' -- "$lock" 2>/dev/null)
}
die_alive () { die 1 "Another processor is running in this directory (process ${1%%[!0-9]*})."; }
holds_lock () {
  local text=
  [[ -n ${stepped_down-} ]] && return 1
  is_regular "$lock" && { IFS= read -rd '' text < "$lock" || :; } 2>/dev/null
  [[ $text == "$lock_text" ]]
}

acquire_lock () {
  local random seen first since
  roll; lock_text=$$$'\n'"heartbeat $random"$'\n'
  until create_exclusive "${lock##*/}" "$lock_text"; do
    see_lock; first=$seen
    [[ -n $first ]] || { is_there "$lock" || same_directory || die 1 "The directory $dir can't be used."; sleep 0.1; continue; }
    [[ $first == *$'\n'heartbeat\ * ]] || die 1 "An older processor, which gives no heartbeat, holds $lock. If it no longer runs, remove that file and start again."
    say "Process ${first%%[!0-9]*} holds the directory's lock: waiting $STALE_MS ms to see whether it lives"
    tell_time; since=$now
    while [[ -n $seen ]] && (( now - since < STALE_MS )); do
      sleep 0.5
      (( asked == 0 )) || exit 0
      tell_time; see_lock
      [[ -z $seen || $seen == "$first" ]] || die_alive "$seen"
    done
    [[ -n $seen ]] || continue
    rm -f -- "$lock"
    # who has waited for the same moment may remove and create it too: the last one has it
    create_exclusive "${lock##*/}" "$lock_text" || continue
    sleep 0.5
    holds_lock && break
    see_lock; die_alive "$seen"
  done
  tell_time; touched=$now
}

# Touches the lock when it is time, and steps down if it is not this one's.
keep_lock () {
  tell_time
  (( now - touched >= TOUCH_MS )) || return 0
  touched=$now
  if holds_lock; then touch -cm -- "$lock"; return 0; fi
  [[ -n $stepped_down ]] || warn 'Another processor has the lock, or it was removed: no more tasks are taken here.'
  stepped_down=1
}

# --- one task, in a subshell of its own ---

# Prints why the log can't be used. Makes it, or takes one that stands there alone: a link leads out of the directory.
refuse_log () {
  local log=$dir/$1.log
  if [[ -L $log ]]; then echo 'it is a symbolic link'
  elif [[ ! -e $log ]]; then (set -C; : > "$log") 2>/dev/null && share "$log" || echo 'it could not be created'
  elif [[ ! -f $log ]]; then echo 'it is not a regular file'
  elif [[ $(stat -c %h -- "$log") != 1 ]]; then echo 'it has other names (hard links)'
  elif [[ ! -w $log ]]; then echo EACCES
  fi
}

# Takes a task and brings it to `running`, or to its end; false: there is nothing to run. Sets `fields`.
take_task () {
  local random claim reason taken=1
  holds_lock || return 1
  roll; claim="{\"by\":\"processor\",\"nonce\":\"$random\"}"
  create_exclusive "$id.claim" "$claim" || return 1
  prepare && taken=0
  # the state that follows `queued` stands, or the task is still queued
  if is_regular "$dir/$id.claim" && [[ $(head -c 4096 -- "$dir/$id.claim") == "$claim" ]]; then rm -f -- "$dir/$id.claim"; fi
  return $taken
}

prepare () {
  is_regular "$dir/$id.json" || return 1
  mapfile -td '' fields < <(jq -nj --rawfile text "$dir/$id.json" --arg id "$id" "$FIELDS" 2>/dev/null)
  [[ ${#fields[@]} == 7 && ${fields[0]} == queued ]] || return 1
  if [[ -n $(marker_of "$id") ]]; then
    end_task "$id" queued cancelled 'Cancelled before start.' && say "$id cancelled before start"
    return 1
  fi
  reason=${fields[1]}
  if [[ -z $reason ]]; then
    reason=$(refuse_log "$id")
    reason=${reason:+"Could not be started: its log can't be written: $reason."}
  fi
  if [[ -n $reason ]]; then
    end_task "$id" queued failed "$reason" && say "$id failed: $reason"
    return 1
  fi
  [[ -z $stopped ]] && is_child || return 1
  change_task "$id" queued '.status = "running" | .startedAt = iso | .heartbeatAt = .startedAt'
  case $? in 0) return 0 ;; 4) clear_deleted "$id" ;; esac
  return 1
}

# Whether the processor that started this subshell still lives.
is_child () { local stat; read -rd '' stat < "/proc/$BASHPID/stat"; stat=${stat##*) }; stat=${stat#* }; [[ ${stat%% *} == "$$" ]]; }

# stop REASON: begins to end the command. Whose file is not its own any more is not written, whatever was the reason before.
stop () {
  case $1 in
    deleted | disowned) [[ $stopped == d* ]] || stopped=$1 ;;
    *) [[ -n $code ]] || stopped=${stopped:-$1} ;;
  esac
  ending=1
}
on_stop () { stop processor; tell_time; (( asked++ == 0 )) || kill_at=$now; }

# Looks whether somebody wants it to stop.
look () {
  case $(marker_of "$id") in
    delete) stop deleted ;;
    cancel) stop cancelled ;;
    *) is_there "$dir/$id.json" || { same_directory && stop deleted; } ;;
  esac
  is_child || { stop disowned; kill_at=${kill_at:-$now}; }
  if [[ -n $timeout_at ]] && (( now >= timeout_at )); then stop timeout; fi
  if (( now >= beat_at )) && [[ $stopped != d* ]]; then
    beat_at=$((now + HEARTBEAT_MS))
    change_task "$id" running '.heartbeatAt = iso'
    (( $? != 7 )) || stop disowned
  fi
}

# One step of ending all processes of the leader's group and session; false: nobody is left. Zombies are nobody.
press () {
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
  tell_time
  if [[ -n $kill_at ]] && (( now >= kill_at )); then signal=KILL
  elif (( now >= term_at )); then signal=TERM term_at=$((now + 5000)) kill_at=${kill_at:-$((now + grace_ms))}; fi
  # the group at one stroke, so that nobody escapes by forking
  [[ -z $signal ]] || kill "-$signal" -- "-$leader" "${others[@]}" 2>/dev/null || :
  # who is stopped gets it only then
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

# Waits until the command has ended, and all its processes with it. Sets `code` and `all_gone`.
watch_over () {
  local rounds=0
  while :; do
    if [[ -z $code ]] && ! kill -0 "$leader"; then wait "$leader"; code=$? ending=1; fi
    if [[ -n $ending ]] && ! press && [[ -n $code ]]; then return; fi
    tell_time
    if [[ -n $kill_at ]] && (( now > kill_at + UNKILLABLE_MS )); then all_gone=; return; fi
    look
    if (( rounds++ < 10 )); then sleep 0.02; else sleep 0.2; fi
  done
}

# Waits until the output is in the log. A process that left the session can hold the pipe open: silent, it is not waited for.
# An appender that waits for its disk is.
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
  asked=0
  # a terminal's Ctrl-C reaches the whole group: what is to be done, the processor tells by TERM
  trap '' INT QUIT HUP; trap on_stop TERM
  take_task || return
  tell_time; local beat_at=$((now + HEARTBEAT_MS))
  [[ -z ${fields[6]} ]] || timeout_at=$((now + fields[6]))
  start || { end_task "$id" running failed "Could not be started: its log can't be written."; return; }
  say "$id started"
  watch_over 2>/dev/null
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
  # a full disk: it waits until there is room; a file that stays broken can't be written
  until end_task "$id" running "$status" "$message" "$code"; do
    (( tries++ > 0 )) || warn "$id: its end ($status) can't be written yet"
    if ! is_child || (( asked > 1 )) || { (( tries > 5 )) && ! jq . "$dir/$id.json" > /dev/null 2>&1; }; then warn "$id: its end ($status) is not written"; return; fi
    sleep 1
  done
  say "$id $status (exit code ${code:-unknown})"
}

# --- all tasks ---

declare -A known=() state=() created=() runs=()

# Reads the names, and the files that are new or changed.
scan () {
  local kind size print id changed=()
  local -A there=()
  while read -rd '' kind size print id; do
    id=${id%.json}
    # shellcheck disable=SC2053
    [[ $id == $ID && ${#id} -le 100 ]] || continue
    there[$id]=1
    [[ ${known[$id]-} != "$print" ]] || continue
    known[$id]=$print state[$id]=unusable
    if [[ $kind == f ]] && (( size <= MAX_BYTES )); then changed+=("$id"); else warn "$id.json can't be used: it is not a regular file of at most 1 MiB"; fi
  done < <(find "$dir/" -mindepth 1 -maxdepth 1 -name '*.json' -printf '%y %s %i:%T@:%C@ %f\0' 2>/dev/null)
  for id in "${!known[@]}"; do [[ -n ${there[$id]-} ]] || unset "known[$id]" "state[$id]" "created[$id]"; done
  while (( ${#changed[@]} > 0 )); do
    index "${changed[@]:0:50}"
    changed=("${changed[@]:50}")
    keep_lock
  done
}

# index ID...: reads their files, all by one jq; one by one where that fails for one of them.
index () {
  local id status at text arguments=()
  for id; do arguments+=(--rawfile "$id" "$dir/$id.json"); done
  if ! text=$(jq -rn "${arguments[@]}" "$INDEX" 2>/dev/null); then
    if (( $# > 1 )); then for id; do index "$id"; done; else unset "known[$1]"; fi
    return
  fi
  while read -r id status at; do
    state[$id]=$status created[$id]=$at
    [[ $status != unusable ]] || warn "$id.json can't be used now: it does not hold a task of that id"
  done <<< "$text"
}

# What a dead processor left. Nobody else's processor claims or runs anything while the lock is held.
recover () {
  local id
  scan
  for id in "${!state[@]}"; do
    case ${state[$id]} in
      running)
        warn "$id: the processor that ran it is gone"
        if [[ -n $(marker_of "$id") ]]; then end_task "$id" running cancelled Cancelled.
        else end_task "$id" running failed 'The processor stopped while this task was running.'; fi ;;&
      queued) ! is_regular "$dir/$id.claim" || [[ $(jq -r .by "$dir/$id.claim" 2>/dev/null) != processor ]] || rm -f -- "$dir/$id.claim" ;;
      running | completed | failed | cancelled) rm -f -- "$dir/$id.claim" ;;
    esac
    keep_lock
  done
}

# Starts what there is room for, oldest first. One that could not be taken waits for the next look.
pump () {
  local id oldest
  while (( ${#runs[@]} < concurrency && asked == 0 )) && [[ -z $stepped_down ]]; do
    oldest=
    for id in "${!created[@]}"; do
      [[ ${state[$id]} == queued && -z ${runs[$id]-} ]] || continue
      if [[ -z $oldest ]] || (( created[$id] < created[$oldest] )) || { (( created[$id] == created[$oldest] )) && [[ $id < $oldest ]]; }; then oldest=$id; fi
    done
    [[ -n $oldest ]] || return 0
    # the FIFO also tells that it has ended
    (run_task "$oldest"; echo >&3) &
    runs[$oldest]=$!
  done
}

# Ends a task whose own process was killed: what it had started is found by its environment.
abandon () {
  local file
  for file in /proc/[0-9]*/environ; do
    grep -qzxF "TASK_ID=$1" "$file" && { file=${file#/proc/}; kill -KILL "${file%/environ}"; }
  done 2>/dev/null
  say "$1: the process that watches it was killed"
  end_task "$1" running failed 'Its end was not seen: the process that watches it was killed.' || :
}

reap () {
  local id
  for id in "${!runs[@]}"; do
    kill -0 "${runs[$id]}" 2>/dev/null && continue
    wait "${runs[$id]}" 2>/dev/null || (( $? != 137 )) || abandon "$id"
    # what became of it, its file tells the next look
    unset "runs[$id]" "known[$id]"
    state[$id]=unknown
  done
}

# It only notes the wish. bash 5.2 forgets the timeout of a `read` that a signal interrupts: hence the line.
on_signal () { (( asked++ )); echo >&3 & }

parse_arguments () {
  dir='' allowed='' concurrency=1 grace=10s grace_ms=0
  while (( $# > 0 )); do
    case $1 in
      --help | -h) say "$HELP"; exit 0 ;;
      --allow-any-command) allowed=1 ;;
      --concurrency) concurrency=${2-}; shift ;;
      --grace) grace=${2-}; shift ;;
      -*) die 2 "There is no option $1. See --help." ;;
      *) [[ -z $dir ]] || die 2 'One directory only.'; dir=$1 ;;
    esac
    shift
  done
  [[ -n $dir ]] || die 2 'The directory is missing. See --help.'
  [[ -n $allowed ]] || die 2 'Whoever can write to the directory can run any command as this user. If that is what you want, say so with --allow-any-command.'
  [[ $concurrency == [1-9]*([0-9]) && ${#concurrency} -le 9 ]] || die 2 '--concurrency must be an integer of at least 1.'
  [[ $grace =~ ^0*([0-9]{1,9})(ms|s|m|h|d)$ ]] || die 2 "--grace must be a duration with a unit, such as 10s (units: ms, s, m, h, d), not \"$grace\"."
  case ${BASH_REMATCH[2]} in ms) grace_ms=1 ;; s) grace_ms=1000 ;; m) grace_ms=60000 ;; h) grace_ms=3600000 ;; d) grace_ms=86400000 ;; esac
  (( grace_ms *= 10#${BASH_REMATCH[1]} )) || :
}

main () {
  local program now=0 fifo fifo_inode=none line pause=1 looked told=0 stepped_down='' touched=0
  parse_arguments "$@"
  for program in jq setsid mkfifo find; do command -v "$program" > /dev/null || die 1 "$program is missing."; done
  mkdir -p -- "$dir" 2>/dev/null
  [[ -d $dir && -r $dir && -w $dir && -x $dir ]] || die 1 "The directory $dir can't be used."
  directory=$(stat -Lc %d:%i -- "$dir") lock=$dir/.processor.lock.pid fifo=$dir/.queue.fifo asked=0
  group=$(stat -Lc %g -- "$dir"); [[ $group != "$(id -g)" ]] || group=
  command_umask=$(umask); umask 027
  # a shell can't undo that it ignores these two for what it runs in the background
  default_signals=()
  ! env --default-signal=INT,QUIT true 2>/dev/null || default_signals=(env --default-signal=INT,QUIT)
  unset TASK_ID TASK_TYPE TASK_APP TASK_CONFIG
  trap on_signal INT TERM HUP
  exec 3<> <(:)
  acquire_lock
  # what an earlier processor said about itself
  rm -f -- "$dir/.processor.json" 2>/dev/null || :
  is_there "$fifo" || mkfifo -m 660 -- "$fifo" 2>/dev/null && share "$fifo"
  if [[ -p $fifo && ! -L $fifo ]]; then exec 3<> "$fifo"; fifo_inode=$(stat -c %i -- "$fifo")
  else warn 'Tasks are found without the FIFO: .queue.fifo is not one'; fi
  recover
  say "Processing the tasks in $dir (concurrency $concurrency, grace $grace)"
  looked=$now
  while (( asked == 0 )) && [[ -z $stepped_down ]]; do
    reap; pump
    line=''
    if read -rn 4096 -t "$pause" -u 3 line; then
      # an empty line: a task has ended, and its subshell will in a moment
      pause=0.05
      # shellcheck disable=SC2053
      if [[ $line == $ID ]]; then looked=-$LOOK_MS; fi
      # one look for all that come together
      for _ in {1..200}; do
        read -rn 4096 -t 0.01 -u 3 line || break
        [[ -z $line ]] || looked=-$LOOK_MS
      done
    else pause=1; fi
    keep_lock
    if (( now - looked >= LOOK_MS )); then scan; looked=$now; fi
  done
  while reap; (( ${#runs[@]} > 0 )); do
    if (( told < asked )); then
      (( told++ )); say "Stopping ${!runs[*]}"
      kill -TERM "${runs[@]}" 2>/dev/null
    fi
    sleep 0.1; keep_lock
  done
  if [[ -p $fifo && $(stat -c %i -- "$fifo") == "$fifo_inode" ]]; then rm -f -- "$fifo"; fi
  [[ -z $stepped_down ]] || exit 1
  if holds_lock; then rm -f -- "$lock"; fi
}

main "$@"
