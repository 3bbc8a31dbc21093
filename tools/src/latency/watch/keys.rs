//! Keys of a terminal, one at a time and without their echo, and the wait between two looks.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::stdio::stdin;
use rustix::termios::{LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcsetattr};
use std::time::Duration;

/// The terminal on standard input, if there is one; put back as it was when dropped.
pub(super) struct Keys {
    before: Option<Termios>,
}

impl Keys {
    /// Takes the terminal over. Ctrl-C is then a key like others.
    pub(super) fn new() -> Self {
        let before = isatty(stdin()).then(|| tcgetattr(stdin()).ok()).flatten();
        let before = before.filter(|before| {
            let mut changed = before.clone();
            changed.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
            tcsetattr(stdin(), OptionalActions::Now, &changed).is_ok()
        });
        Self { before }
    }

    /// Waits for a key or the time to pass; whether it was one that ends: q, Ctrl-C, Ctrl-D, or the
    /// terminal's end.
    pub(super) fn wait(&self, time: Duration) -> bool {
        let time = Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(time.subsec_nanos()),
        };
        if self.before.is_none() {
            // An interrupted wait is a short one.
            let _ = poll(&mut [], Some(&time));
            return false;
        }
        let mut fds = [PollFd::from_borrowed_fd(stdin(), PollFlags::IN)];
        if !matches!(poll(&mut fds, Some(&time)), Ok(1..)) {
            return false;
        }
        let mut byte = [0; 1];
        match rustix::io::read(stdin(), &mut byte) {
            Ok(1) => matches!(byte, [b'q' | b'Q' | 3 | 4]),
            Ok(_) => true,
            Err(error) => error != rustix::io::Errno::INTR,
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // Nothing more can be done for a terminal that is gone.
            let _ = tcsetattr(stdin(), OptionalActions::Now, before);
        }
    }
}
