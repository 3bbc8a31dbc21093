//! The progress line of a run, read from the engine's counters page: the engine is never asked.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use wire::counters::{COUNTERS_MAGIC, Counter, CountersHeader};

/// A line that is written over on a terminal, and now and then anew elsewhere.
#[derive(Debug)]
pub struct Line {
    page: PathBuf,
    quiet: bool,
    terminal: bool,
    ticks: u32,
    shown: bool,
}

/// Ticks between two lines where standard error is no terminal.
const PLAIN_EVERY: u32 = 25;

impl Line {
    /// A line over the counters page at `page`; silent where `quiet`.
    #[must_use]
    pub fn new(page: &Path, quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { page: page.to_owned(), quiet, terminal, ticks: 0, shown: false }
    }

    /// Shows the present state.
    pub fn show(&mut self) {
        self.ticks += 1;
        if self.quiet || (!self.terminal && !self.ticks.is_multiple_of(PLAIN_EVERY)) {
            return;
        }
        let Some(text) = read(&self.page).map(|counters| text(&counters)) else { return };
        let mut err = std::io::stderr().lock();
        // A closed standard error leaves nobody to tell.
        let _ = if self.terminal {
            write!(err, "\r\x1b[2K{text}").and_then(|()| err.flush())
        } else {
            writeln!(err, "{text}")
        };
        self.shown = true;
    }

    /// Ends the line.
    pub fn finish(&mut self) {
        if self.shown && self.terminal {
            let _ = writeln!(std::io::stderr().lock());
        }
    }
}

/// The counters of a page; `None` where it is not there (yet) or not ours.
#[must_use]
pub fn read(page: &Path) -> Option<Vec<u64>> {
    let bytes = std::fs::read(page).ok()?;
    let (head, slots) = bytes.split_at_checked(size_of::<CountersHeader>())?;
    let header: CountersHeader = bytemuck::pod_read_unaligned(head);
    (header.magic == COUNTERS_MAGIC).then(|| {
        slots.chunks_exact(8).map(|word| word.try_into().map_or(0, u64::from_le_bytes)).collect()
    })
}

/// One counter of a page.
#[must_use]
pub fn value(counters: &[u64], counter: Counter) -> u64 {
    counters.get(usize::from(counter.code())).copied().unwrap_or(0)
}

fn text(counters: &[u64]) -> String {
    let of = |counter| value(counters, counter);
    let (done, total) = (of(Counter::EdgeEvents), of(Counter::EdgeEventsTotal));
    let percent = done.saturating_mul(100).checked_div(total).unwrap_or(0);
    format!(
        "{percent:>3} %  events {done}/{total}  orders {}  fills {}  denied {}  alarms {}  \
         signals {}/{}",
        of(Counter::LoopOrders),
        of(Counter::LoopFills),
        of(Counter::LoopDenied),
        of(Counter::LoopAlarms),
        of(Counter::LoopSignalAnswers),
        of(Counter::LoopSignalRequests),
    )
}
