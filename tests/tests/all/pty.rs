//! A pseudo terminal with a program in it, and what stands on its screen.
//!
//! As much of a terminal as a dashboard uses: cursor, clearing, the other screen, and text. Must
//! never wait without an end: a program that draws no more fails the test with what it drew.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const ROWS: u16 = 50;
const COLUMNS: u16 = 120;
/// Longest silence of the program, seconds; never waited for where it draws.
const SILENCE_S: i64 = 60;

/// A program in a terminal.
pub(crate) struct Pty {
    master: File,
    /// Our own end of its side: the terminal stays when the program goes.
    slave: File,
    pub(crate) child: Child,
    pub(crate) screen: Screen,
}

impl Pty {
    /// Starts a command with all three of its streams on a terminal of its own.
    pub(crate) fn start(mut command: Command) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let size = Winsize { ws_row: ROWS, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 };
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let slave = OpenOptions::new().read(true).write(true).open(Path::new(&name)).unwrap();
        tcsetwinsize(&slave, size).unwrap();
        let stream = || Stdio::from(slave.try_clone().unwrap());
        command.env("TERM", "xterm-256color").stdin(stream()).stdout(stream()).stderr(stream());
        let child = command.spawn().unwrap();
        Self { master: File::from(master), slave, child, screen: Screen::default() }
    }

    /// Reads what the program draws until the screen is as wanted.
    pub(crate) fn until(&mut self, what: &str, is_there: impl Fn(&Screen) -> bool) {
        while !is_there(&self.screen) {
            assert!(self.read(), "{what} never came; the screen:\n{}", self.screen.text());
        }
    }

    /// What it draws until it ends; its status.
    pub(crate) fn end(&mut self) -> std::process::ExitStatus {
        let status = self.child.wait().unwrap();
        // All it wrote is in the terminal's buffer now.
        while self.has_more(0) && self.read() {}
        status
    }

    fn has_more(&self, seconds: i64) -> bool {
        let mut fds = [PollFd::new(&self.master, PollFlags::IN)];
        let patience = Timespec { tv_sec: seconds, tv_nsec: 0 };
        poll(&mut fds, Some(&patience)).is_ok_and(|ready| ready > 0)
    }

    fn read(&mut self) -> bool {
        let mut bytes = [0; 4_096];
        if !self.has_more(SILENCE_S) {
            return false;
        }
        let count = self.master.read(&mut bytes).unwrap_or(0);
        self.screen.take(&bytes[..count]);
        count > 0
    }

    /// Presses keys.
    pub(crate) fn press(&mut self, keys: &[u8]) {
        self.master.write_all(keys).unwrap();
    }

    /// Whether keys come one by one and without an echo, as a dashboard has them.
    pub(crate) fn is_raw(&self) -> bool {
        let modes = tcgetattr(self.slave.as_fd()).unwrap().local_modes;
        !modes.contains(LocalModes::ICANON) && !modes.contains(LocalModes::ECHO)
    }
}

/// What stands on the screen.
pub(crate) struct Screen {
    cells: Vec<Vec<char>>,
    row: usize,
    column: usize,
    /// Bytes of a sequence that is not whole yet.
    rest: Vec<u8>,
    /// Whether the other screen is shown, and how often it was left.
    pub(crate) is_other: bool,
    pub(crate) left_other: u32,
}

impl Default for Screen {
    fn default() -> Self {
        let cells = vec![vec![' '; usize::from(COLUMNS)]; usize::from(ROWS)];
        Self { cells, row: 0, column: 0, rest: Vec::new(), is_other: false, left_other: 0 }
    }
}

impl Screen {
    /// Its lines, without blanks at their ends.
    pub(crate) fn text(&self) -> String {
        let lines = self.cells.iter().map(|line| line.iter().collect::<String>());
        lines.map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn has(&self, text: &str) -> bool {
        self.text().contains(text)
    }

    fn take(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        let mut rest = std::mem::take(&mut self.rest);
        while let Some(used) = self.step(&rest) {
            rest.drain(..used);
        }
        self.rest = rest;
    }

    /// Takes one letter or sequence; the bytes it was, or `None` where it is not whole.
    fn step(&mut self, bytes: &[u8]) -> Option<usize> {
        match *bytes.first()? {
            0x1b if *bytes.get(1)? == b'[' => {
                let end = bytes.iter().skip(2).position(|byte| (0x40..=0x7e).contains(byte))? + 2;
                let numbers = String::from_utf8_lossy(&bytes[2..end]).into_owned();
                self.command(&numbers, bytes[end]);
                Some(end + 1)
            }
            0x1b => Some(2),
            b'\r' => {
                self.column = 0;
                Some(1)
            }
            b'\n' => {
                self.row += 1;
                if self.row >= self.cells.len() {
                    self.cells.remove(0);
                    self.cells.push(vec![' '; usize::from(COLUMNS)]);
                    self.row = self.cells.len() - 1;
                }
                Some(1)
            }
            byte if byte < 0x20 => Some(1),
            byte => {
                let len = match byte {
                    0..0x80 => 1,
                    0x80..0xe0 => 2,
                    0xe0..0xf0 => 3,
                    0xf0.. => 4,
                };
                let letter = String::from_utf8_lossy(bytes.get(..len)?).chars().next()?;
                if let Some(cell) =
                    self.cells.get_mut(self.row).and_then(|line| line.get_mut(self.column))
                {
                    *cell = letter;
                }
                self.column += 1;
                Some(len)
            }
        }
    }

    fn command(&mut self, numbers: &str, letter: u8) {
        let number = |n: usize, other: usize| {
            numbers.split(';').nth(n).and_then(|text| text.parse().ok()).unwrap_or(other)
        };
        match letter {
            b'H' => (self.row, self.column) = (number(0, 1) - 1, number(1, 1) - 1),
            b'J' => self.cells.iter_mut().for_each(|line| line.fill(' ')),
            b'K' => self.cells[self.row][self.column..].fill(' '),
            b'h' if numbers == "?1049" => self.is_other = true,
            b'l' if numbers == "?1049" => {
                self.is_other = false;
                self.left_other += 1;
                // What stood on it is gone; what stood here before is not kept.
                self.cells.iter_mut().for_each(|line| line.fill(' '));
                (self.row, self.column) = (0, 0);
            }
            _ => {}
        }
    }
}
