# The wrapper of a command: starts it when the start gate opens, copies its output to the log, and appends to the attempt
# record what happens. `Wrapper` in wrapper.ts describes the arguments, descriptors and lines of the record.
#
# It loads no modules: POSIX, strict or warnings would double its start-up time. Hence the numbers below, which hold on
# all architectures of Linux that wrapper.ts names, and the number of the system call setsid as the first argument.

sub ENOENT () { 2 }
sub EINTR () { 4 }
sub ENOSPC () { 28 }
sub EDQUOT () { 122 }
sub WNOHANG () { 1 }
sub SIGNAL_BITS () { 127 }

# exit codes as a shell reports them
sub NOT_EXECUTABLE () { 126 }
sub NOT_FOUND () { 127 }
sub SIGNALLED () { 128 }
# 128 plus the number of SIGXFSZ, which a limit of the system would raise
sub OVER_LIMIT () { 153 }

sub RETRY_SECONDS () { 0.2 }
sub READ_BYTES () { 65536 }

my ($setsid, @job) = @ARGV;
my ($gate, $record, $log);
my $finish_requested = 0;
my @termination_signals = qw(TERM INT HUP QUIT);

# --- descriptors and the record ---

# Closes the descriptors that this program inherited by accident: they are not meant for commands.
sub close_descriptors_above {
  my ($last) = @_;
  opendir(my $dir, "/proc/self/fd") or return;
  for my $fd (grep { /^\d+$/ && $_ > $last } readdir $dir) {
    next if $fd == fileno $dir;
    open(my $inherited, "<&=", $fd) or next;
    close $inherited;
  }
}

# The line of /proc/self/stat, which identifies this process.
sub own_stat {
  open(my $stat, "<", "/proc/self/stat") or exit 1;
  my $line = <$stat>;
  chomp $line;
  return $line;
}

sub is_disk_full { return $! == ENOSPC || $! == EDQUOT }

sub pause { select(undef, undef, undef, RETRY_SECONDS) }

# Appends a line to the record if the disk has space for it. Returns whether the line is complete.
sub try_record {
  my $line = "$_[0]\n";
  return (syswrite($record, $line) // 0) == length $line;
}

# Appends a line that the processor must learn; waits while the disk is full, unless the processor asks to finish.
sub must_record {
  for (my $line = "$_[0]\n"; $line ne "";) {
    my $written = syswrite($record, $line);
    if (defined $written) { substr($line, 0, $written) = "" }
    elsif (is_disk_full()) { return if $finish_requested; pause() }
    elsif ($! != EINTR) { return }
  }
}

# --- the child: waits at the start gate, then becomes the command ---

# Writes one byte to $failure if the command will not be executed. Never returns.
sub wait_at_gate {
  my ($cgroup, $wrapper_stat, $output, $failure, @argv) = @_;
  my $give_up = sub { syswrite($failure, "x"); exit 1 };
  if ($cgroup ne "") {
    open(my $members, ">", "$cgroup/cgroup.procs") or $give_up->();
    syswrite($members, "0") or $give_up->();
  }
  # in one write, so that the processor wakes up once
  try_record("wrapper $wrapper_stat\nleader " . own_stat()) or $give_up->();
  if (!sysread($gate, my $opened, 1)) {
    must_record("unstarted");
    $give_up->();
  }
  if (!try_record("started")) {
    # on a line of its own: the disk may have had space for a part of "started"
    must_record("\nunstarted");
    $give_up->();
  }
  syscall($setsid);
  open(STDOUT, ">&", $output) && open(STDERR, ">&", $output) or $give_up->();
  close($_) for $gate, $record, $log, $output;
  # in a block of its own: Perl warns of statements after exec otherwise
  { exec { $argv[0] } @argv }
  my $code = $! == ENOENT ? NOT_FOUND : NOT_EXECUTABLE;
  syswrite(STDERR, "$argv[0]: $!\n");
  exit $code;
}

# --- the parent: copies the output to the log ---

# Appends the first $length bytes of the data; waits while the disk is full. Returns whether all are written.
sub write_log {
  my ($data, $length, $is_full, $on_pause) = @_;
  for (my $done = 0; $done < $length;) {
    my $written = syswrite($log, $data, $length - $done, $done);
    if (defined $written) {
      try_record("room") if $$is_full;
      $$is_full = 0;
      $done += $written;
    } elsif (is_disk_full()) {
      try_record("full") if !$$is_full;
      $$is_full = 1;
      pause();
      $on_pause->();
    } elsif ($! != EINTR) {
      return 0;
    }
  }
  return 1;
}

# Copies the output until its end; output beyond the limit is read and dropped.
# $reap->(WNOHANG) records the command's exit and returns whether it has exited.
# Returns the exit code of the log's writer: 0, OVER_LIMIT, or 1 if the log cannot be written.
sub copy_output {
  my ($output, $limit, $reap) = @_;
  my ($code, $has_exited, $is_full) = (0, 0, 0);
  while (1) {
    my $readable = "";
    vec($readable, fileno($output), 1) = 1;
    # SIGCHLD interrupts it, unless it arrives just before: hence the timeout until the command has exited
    my $found = select($readable, undef, undef, $finish_requested ? 0 : $has_exited ? undef : 1);
    $has_exited = $reap->(WNOHANG);
    return $code if $finish_requested && $found == 0;
    next if $found <= 0;
    my $length = sysread($output, my $data, READ_BYTES);
    next if !defined $length && $! == EINTR;
    return $code if !$length;
    if ($limit ne "") {
      my $space = $limit - -s $log;
      ($length, $code) = ($space, OVER_LIMIT) if $length > $space;
    }
    write_log($data, $length, \$is_full, sub { $has_exited = $reap->(WNOHANG) }) or return 1;
  }
}

# --- both ---

# Runs one command, with $gate, $record and $log open. Never returns.
sub wrap {
  my ($cgroup, $limit, $owner, @argv) = @_;
  my $wrapper_stat = own_stat();
  # $failure is closed when the child executes the command
  pipe(my $output, my $output_end) && pipe(my $failed, my $failure) or exit 1;
  # the command's user may open the pipe again (`> /dev/stderr`)
  chown($owner, -1, $output_end) if $owner ne "";
  my $leader = fork() // exit 1;
  if (!$leader) {
    close($output);
    wait_at_gate($cgroup, $wrapper_stat, $output_end, $failure, @argv);
  }
  close($_) for $gate, $output_end, $failure;
  $SIG{$_} = "IGNORE" for @termination_signals, "XFSZ";
  $SIG{USR1} = sub { $finish_requested = 1 };
  $SIG{CHLD} = sub {};

  my $has_exited = 0;
  my $reap = sub {
    my ($flags) = @_;
    return $has_exited if $has_exited || waitpid($leader, $flags) != $leader;
    # the command was never executed: its exit need not be recorded, for which there may be no space
    exit 1 if sysread($failed, my $byte, 1);
    $has_exited = 1;
    must_record("exit " . ($? & SIGNAL_BITS ? SIGNALLED + ($? & SIGNAL_BITS) : $? >> 8));
    return 1;
  };
  my $code = copy_output($output, $limit, $reap);
  close($output);
  $reap->(0);
  must_record("drained $code");
  exit 0;
}

if (@job) {
  close_descriptors_above(5);
  open($gate, "<&=", 3) && open($record, ">>&=", 4) && open($log, ">>&=", 5) or exit 1;
  wrap(@job);
}
