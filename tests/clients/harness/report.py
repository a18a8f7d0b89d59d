"""One line per case, for people and for `run`: "ok NAME", "FAIL NAME: why", "SKIP NAME: why"."""

import sys
import time
import traceback


class Skip(Exception):
    """Raised by a case that cannot be tried here; its text says why."""


class Cases:
    """Runs the cases of one test program in order; a failed case does not stop the next one."""

    def __init__(self, program):
        self.program = program
        self.failed = 0

    def case(self, name, function, *arguments):
        """Calls the function; returns whether it passed."""
        started = time.monotonic()
        name = f"{self.program} {name}"
        try:
            function(*arguments)
        except Skip as reason:
            say(f"SKIP {name}: {reason}")
            return False
        except BaseException as error:  # a client may raise anything, and SystemExit must be seen too
            if isinstance(error, KeyboardInterrupt):
                raise
            self.failed += 1
            traceback.print_exc()
            text = " ".join(str(error).split())[:500]
            say(f"FAIL {name}: {type(error).__name__}: {text}")
            return False
        say(f"ok {name} ({time.monotonic() - started:.1f} s)")
        return True

    def close(self):
        """Ends the program with the exit code that its cases earned."""
        sys.stderr.flush()
        sys.exit(1 if self.failed else 0)


def say(line):
    """Prints a line of the report at once."""
    sys.stderr.flush()
    print(line, flush=True)


def check(condition, text):
    """An assertion that also holds under python -O, with its reason."""
    if not condition:
        raise AssertionError(text)


def eventually(what, function, seconds=30.0, pause=0.05):
    """Calls the function until it returns something true, which is returned; fails after the given time."""
    deadline = time.monotonic() + seconds
    while True:
        answer = function()
        if answer:
            return answer
        check(time.monotonic() < deadline, f"not within {seconds:g} s: {what}")
        time.sleep(pause)
