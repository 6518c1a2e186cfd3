import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/**
 * What stands between the processor and a command, in a session of its own, so that it outlives the processor: it
 * starts the command when the gate opens, in another session, so that it also outlives whatever signals end the command;
 * takes the output from one real pipe to the log; and appends to the record what happened. (With the log itself as its
 * output, a command's ordinary `> /dev/stderr` would truncate it.)
 *
 * Descriptors: 3 the gate, 4 the record, 5 the log, open for appending. Arguments: the folder of the cgroup, or
 * nothing; the largest size of the log in bytes, or nothing; the number of the user who may open the output again
 * (`> /dev/stderr`), or nothing; the program and its arguments. What the record can't take
 * before the command begins is a reason not to begin.
 *
 * `drained` tells how the output ended: 0 all is written, 153 the limit was reached and the rest dropped, others: the
 * log could not be written.
 */
export interface Wrapper {
  /** The program and its first arguments. */
  readonly command: readonly [string, ...string[]]
  /** Whether the command alone, without a job, is a launcher. */
  readonly launches: boolean
  /** Whether it blocks (and the command with it) while the disk is full, instead of losing output. */
  readonly waits: boolean
  /** Whether it ends the output at a USR1, as soon as all that is there is written, and waits no longer for room in the record. */
  readonly finishes: boolean
}

/** Perl has no `setsid`, and loading POSIX doubles its start-up time, so call the system call by number. */
const SETSID: Partial<Record<NodeJS.Architecture, number>> = {
  arm: 66, arm64: 157, ia32: 66, loong64: 157, ppc64: 66, riscv64: 157, s390x: 66, x64: 112
}

/**
 * With a job as its arguments it wraps that one. Without, it is the launcher: it forks a wrapper for each request that
 * comes on descriptor 3, which saves the start of a Perl for each, tells on 4 which of them ended at the gate, and
 * ends when 3 does. Requests are fields with NUL between, behind their length (4 bytes, big-endian).
 *
 * Numbers, for the same reason: of errors, 2 ENOENT, 4 EINTR, 28 ENOSPC, 122 EDQUOT; 02001 is O_WRONLY with O_APPEND.
 */
const PERL = `
my ($setsid, @job) = @ARGV;
my ($gate, $record, $log, $finish);
my @signals = qw(TERM INT HUP QUIT);
sub note { my $line = "$_[0]\\n"; (syswrite($record, $line) // 0) == length $line }
# what the processor must learn, even if the disk is full for a while
sub insist {
  for (my $line = "$_[0]\\n"; $line ne "";) {
    my $written = syswrite($record, $line);
    if (defined $written) { substr($line, 0, $written) = "" }
    elsif ($! == 28 || $! == 122) { return if $finish; select(undef, undef, undef, 0.2) }
    elsif ($! != 4) { return }
  }
}
# what this program was started with, beside what it is meant to have, is none of the commands'
sub close_above {
  opendir(my $dir, "/proc/self/fd") or return;
  for my $fd (grep { /^\\d+$/ && $_ > $_[0] } readdir $dir) {
    next if $fd == fileno $dir;
    open(my $other, "<&=", $fd) && close $other;
  }
}
sub me { open(my $stat, "<", "/proc/self/stat") or exit 1; my $line = <$stat>; chomp $line; $line }

sub wrap {
  my ($cgroup, $limit, $owner, @argv) = @_;
  my $wrapper = me();
  pipe(my $output, my $input) && pipe(my $failed, my $fail) or exit 1;
  # told before the command begins; what it is told by is closed when it does
  my $give_up = sub { syswrite($fail, "x"); exit 1 };
  chown($owner, -1, $input) if $owner ne "";
  my $leader = fork() // exit 1;
  if (!$leader) {
    if ($cgroup ne "") {
      open(my $members, ">", "$cgroup/cgroup.procs") or $give_up->();
      syswrite($members, "0") or $give_up->();
    }
    # at one stroke, so that the processor is woken once
    note("wrapper $wrapper\\nleader " . me()) or $give_up->();
    if (!sysread($gate, my $start, 1)) { insist("unstarted"); $give_up->() }
    # behind what had no room
    note("started") or insist("\\nunstarted"), $give_up->();
    syscall($setsid);
    open(STDOUT, ">&", $input) && open(STDERR, ">&", $input) or $give_up->();
    close($_) for $gate, $record, $log, $output, $input;
    exec { $argv[0] } @argv;
    my $code = $! == 2 ? 127 : 126;
    syswrite(STDERR, "$argv[0]: $!\\n");
    exit $code;
  }
  close($_) for $gate, $input, $fail;
  $SIG{$_} = "IGNORE" for @signals, "XFSZ";

  my ($code, $ended, $full) = (0, 0, 0);
  $SIG{USR1} = sub { $finish = 1 };
  my $reap = sub {
    return if $ended || waitpid($leader, $_[0]) != $leader;
    $ended = 1;
    # it never was the command: the record need not say how it ended, and may have no room for that
    exit 1 if sysread($failed, my $byte, 1);
    insist("exit " . ($? & 127 ? 128 + ($? & 127) : $? >> 8));
  };
  $SIG{CHLD} = sub {};

  OUTPUT: while (1) {
    my $ready = "";
    vec($ready, fileno($output), 1) = 1;
    my $found = select($ready, undef, undef, $finish ? 0 : $ended ? undef : 1);
    $reap->(1);
    last if $finish && $found == 0;
    next if $found <= 0;
    my $length = sysread($output, my $data, 65536);
    next if !defined $length && $! == 4;
    last if !$length;
    if ($limit ne "" && $length > $limit - -s $log) {
      $code = 153;
      $length = $limit - -s _;
    }
    for (my $done = 0; $done < $length;) {
      my $written = syswrite($log, $data, $length - $done, $done);
      if (defined $written) {
        note("room") if $full;
        $full = 0;
        $done += $written;
      } elsif ($! == 28 || $! == 122) {
        note("full") if !$full;
        $full = 1;
        select(undef, undef, undef, 0.2);
        $reap->(1);
      } elsif ($! != 4) {
        $code = 1;
        last OUTPUT;
      }
    }
  }
  close($output);
  $reap->(0);
  insist("drained $code");
  exit 0;
}

if (@job) {
  close_above(5);
  open($gate, "<&=", 3) && open($record, ">>&=", 4) && open($log, ">>&=", 5) or exit 1;
  wrap(@job);
}

close_above(4);
open(my $requests, "<&=", 3) && open(my $reports, ">&=", 4) or exit 1;
my (%gates, %names);
sub report { syswrite($reports, "$_[0]\\n") }
# only of what still waits: of the others, the record tells
sub gone { report("gone $_[0]") if delete $gates{$_[0]} }
$SIG{$_} = "IGNORE" for @signals, "PIPE";
$SIG{CHLD} = sub {};

sub is { my ($dev, $ino) = stat $_[0]; "$dev:$ino" eq $_[1] }

sub start {
  my ($name, $records, $record_is, $logs, $log_is, $cwd, $inherits, $variables, @rest) = @_;
  pipe(my $waiting, $gates{$name}) or return gone($name);
  my $pid = fork() // return gone($name);
  if ($pid) { $names{$pid} = $name; return }
  $SIG{$_} = "DEFAULT" for @signals, "PIPE", "CHLD";
  $SIG{USR1} = "IGNORE";
  # whoever holds the other end of a gate keeps it from telling that the launcher has ended
  close($_) for $requests, $reports, values %gates;
  syscall($setsid);
  $gate = $waiting;
  # only what was meant: the processor may have closed it meanwhile, and opened something else
  sysopen($record, $records, 02001) && is($record, $record_is) or exit 1;
  sysopen($log, $logs, 02001) && is($log, $log_is) or exit 1;
  $cwd eq "" || chdir $cwd or exit 1;
  %ENV = () if !$inherits;
  for (splice(@rest, 0, $variables)) {
    my ($variable, $value) = split /=/, $_, 2;
    $ENV{$variable} = $value;
  }
  wrap(@rest);
}

report("ready");
for (my $buffer = "";;) {
  while ((my $pid = waitpid(-1, 1)) > 0) {
    gone(delete $names{$pid});
  }
  my $ready = "";
  vec($ready, fileno($requests), 1) = 1;
  next if select($ready, undef, undef, %gates ? 1 : undef) <= 0;
  my $length = sysread($requests, $buffer, 65536, length $buffer);
  next if !defined $length && $! == 4;
  last if !$length;
  while (length $buffer >= 4 && length $buffer >= 4 + unpack("N", $buffer)) {
    my ($word, $name, @fields) = split /\\0/, substr(substr($buffer, 0, 4 + unpack("N", $buffer), ""), 4), -1;
    if ($word eq "start") { start($name, @fields) }
    elsif (my $opened = delete $gates{$name}) { syswrite($opened, "\\n") if $word eq "open" }
  }
}
`

/** The limit is rounded up to 512 bytes. What `sh` itself has to say ("Terminated") goes nowhere. */
const SH = `
read -r stat < /proc/self/stat
echo "wrapper $stat" >&4 || exit
limit=$2
{
  (
    [ -z "$1" ] || echo 0 > "$1/cgroup.procs" || exit
    read -r stat < /proc/self/stat
    echo "leader $stat" >&4 || exit
    read -r start <&3 || { echo unstarted >&4; exit; }
    echo started >&4 || exit
    [ -z "$3" ] || chown "$3" /proc/self/fd/1
    shift 3
    exec 2>&1 3<&- 4>&-
    exec setsid "$@"
  )
  echo "exit $?" >&4
} 2>/dev/null 5>&- | {
  exec 3<&-
  [ -n "$limit" ] || exec cat >&5 4>&-
  ulimit -c 0
  ulimit -f $(((limit + 511) / 512))
  cat >&5 4>&-
  code=$?
  [ $code -le 128 ] || cat > /dev/null 5>&- 4>&-
  exit $code
}
echo "drained $?" >&4
`

const setsid = SETSID[process.arch]

export const WRAPPERS = {
  perl: { command: ['perl', '-C0', '-e', PERL, String(setsid)], launches: true, waits: true, finishes: true },
  sh: { command: ['/bin/sh', '-c', SH, 'sh'], launches: false, waits: false, finishes: false }
} satisfies Record<string, Wrapper>

/** Prefers Perl (half the cost) if available and not altered by PERL5OPT or PERLIO. */
export async function chooseWrapper (): Promise<Wrapper> {
  if (setsid === undefined || process.env.PERL5OPT !== undefined || process.env.PERLIO !== undefined) return WRAPPERS.sh
  return await promisify(execFile)('perl', ['-C0', '-e', 'exit 0']).then(() => WRAPPERS.perl, () => WRAPPERS.sh)
}
