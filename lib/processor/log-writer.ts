import { spawn } from 'node:child_process'
import { once } from 'node:events'

/*
 * What takes a command's output from the pipe to the log, in a process of its own, so that it outlives the processor.
 * Run by the wrapper's shell with 0: the pipe, 4: the record, 5: the log, open for appending; `$limit` is the largest
 * size that the log may have, in bytes, or empty. Exit codes: 0 all is written, 153 the limit was reached and the rest
 * dropped, others: the log could not be written.
 */

/**
 * Waits while the disk is full (ENOSPC 28, EDQUOT 122), and the command with it: nothing is lost. Numbers, since the
 * names take a module that doubles the time to start.
 */
const PERL = `
exec perl -e '
  my ($limit, $code, $full) = ($ARGV[0], 0, 0);
  open(my $record, ">>&=", 4) && open(my $log, ">>&=", 5) or exit 1;
  while (1) {
    my $length = sysread(STDIN, my $data, 65536);
    next if !defined $length && $! == 4;
    exit(defined $length ? $code : 1) if !$length;
    if ($limit ne "" && $length > $limit - -s $log) {
      $code = 153;
      $length = $limit - -s _;
    }
    for (my $done = 0; $done < $length;) {
      my $written = syswrite($log, $data, $length - $done, $done);
      if (defined $written) {
        syswrite($record, "room\\n") if $full;
        $full = 0;
        $done += $written;
      } elsif ($! == 28 || $! == 122) {
        syswrite($record, "full\\n") if !$full;
        $full = 1;
        select(undef, undef, undef, 0.2);
      } elsif ($! != 4) {
        exit 1;
      }
    }
  }' "$limit"
`

/** Ends when the disk is full, and the command with it, by SIGPIPE; the limit is rounded up to 512 bytes. */
const CAT = `
[ -n "$limit" ] || exec cat >&5 4>&-
ulimit -c 0
ulimit -f $(((limit + 511) / 512))
cat >&5 4>&-
code=$?
[ $code -le 128 ] || cat > /dev/null 5>&- 4>&-
exit $code
`

export interface LogWriter {
  /** For the wrapper's shell. */
  readonly script: string
  /** Whether it waits while the disk is full. */
  readonly waits: boolean
}

export const LOG_WRITERS = {
  perl: { script: PERL, waits: true },
  cat: { script: CAT, waits: false }
} satisfies Record<string, LogWriter>

/** The one with Perl, where this machine has it. */
export async function chooseLogWriter (): Promise<LogWriter> {
  const perl = spawn('perl', ['-e', 'exit 0'], { stdio: 'ignore' })
  const [code] = await once(perl, 'exit').catch(() => [undefined])
  return code === 0 ? LOG_WRITERS.perl : LOG_WRITERS.cat
}
