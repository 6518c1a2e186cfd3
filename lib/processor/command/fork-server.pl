# The fork server: forks a wrapper for each request, which saves starting a Perl for each command. wrapper.ts appends
# this file to wrapper.pl, so that the forked processes can run `wrap`. `ForkServer` in fork-server.ts describes the
# requests (descriptor 3) and the reports (descriptor 4). It exits when the requests end.

sub O_WRONLY_APPEND () { 02001 }
sub LENGTH_BYTES () { 4 }
# how often exited wrappers are reaped while jobs wait at their start gates
sub REAP_SECONDS () { 1 }

# the writable ends of the start gates that are neither opened nor aborted, by the name of the job
my %gates;
# the names of the jobs, by the pid of the wrapper
my %jobs;

close_descriptors_above(4);
open(my $requests, "<&=", 3) && open(my $reports, ">&=", 4) or exit 1;

sub report { syswrite($reports, "$_[0]\n") }

# Reports a job whose wrapper failed before its gate was opened. For other jobs, the attempt record shows what happened.
sub refuse {
  my ($name) = @_;
  report("refused $name") if delete $gates{$name};
}

# Opens a file of the processor for appending. The processor may have closed it meanwhile and opened another one with the
# same number, so the identity is verified.
sub open_verified {
  my ($path, $identity) = @_;
  sysopen(my $file, $path, O_WRONLY_APPEND) or exit 1;
  my ($dev, $ino) = stat $file;
  "$dev:$ino" eq $identity or exit 1;
  return $file;
}

# Forks the wrapper of a job. $variable_count variables and the wrapper's arguments follow.
sub fork_wrapper {
  my ($name, $record_path, $record_identity, $log_path, $log_identity, $cwd, $inherits, $variable_count, @rest) = @_;
  pipe(my $waiting, $gates{$name}) or return refuse($name);
  my $pid = fork() // return refuse($name);
  if ($pid) {
    $jobs{$pid} = $name;
    return;
  }
  $SIG{$_} = "DEFAULT" for @termination_signals, "PIPE", "CHLD";
  # until the wrapper handles it
  $SIG{USR1} = "IGNORE";
  # a gate must close when the fork server exits, so no other process may hold its writable end
  close($_) for $requests, $reports, values %gates;
  syscall($setsid);
  $gate = $waiting;
  $record = open_verified($record_path, $record_identity);
  $log = open_verified($log_path, $log_identity);
  $cwd eq "" || chdir $cwd or exit 1;
  %ENV = () if !$inherits;
  for (splice(@rest, 0, $variable_count)) {
    my ($variable, $value) = split /=/, $_, 2;
    $ENV{$variable} = $value;
  }
  wrap(@rest);
}

sub handle {
  my ($word, $name, @fields) = @_;
  if ($word eq "fork") {
    fork_wrapper($name, @fields);
  } elsif (my $opened = delete $gates{$name}) {
    # closing a gate without a byte aborts the command
    syswrite($opened, "\n") if $word eq "open";
  }
}

# Removes the first complete request from the buffer and returns its body; undef if there is none.
sub next_request {
  my ($buffer) = @_;
  return undef if length $$buffer < LENGTH_BYTES;
  my $length = unpack("N", $$buffer);
  return undef if length $$buffer < LENGTH_BYTES + $length;
  my $request = substr($$buffer, 0, LENGTH_BYTES + $length, "");
  return substr($request, LENGTH_BYTES);
}

$SIG{$_} = "IGNORE" for @termination_signals, "PIPE";
# interrupts select, so that exited wrappers are reaped
$SIG{CHLD} = sub {};
report("ready");
for (my $buffer = "";;) {
  while ((my $pid = waitpid(-1, WNOHANG)) > 0) {
    refuse(delete $jobs{$pid});
  }
  my $readable = "";
  vec($readable, fileno($requests), 1) = 1;
  my $timeout;
  $timeout = REAP_SECONDS if %gates;
  next if select($readable, undef, undef, $timeout) <= 0;
  my $length = sysread($requests, $buffer, READ_BYTES, length $buffer);
  next if !defined $length && $! == EINTR;
  last if !$length;
  while (defined(my $request = next_request(\$buffer))) {
    handle(split /\0/, $request, -1);
  }
}
