//! Reads the kernel's counters between two gaps, on the thread that is measured.
//!
//! Must never: allocate in [`Watch::look`]. Reading costs a system call or two a text, tens of
//! microseconds on a small machine: the time is no part of the measurement, and whoever looks bounds its share.

use super::cause::{Seen, Source};
use super::counters::Text;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// Room for one text; more is made at the start where a text needs it.
const ROOM: usize = 64 * 1024;

/// The counters of one CPU and one thread.
#[derive(Debug)]
pub struct Watch {
    cpu: usize,
    files: Vec<(Text, File)>,
    buffer: Vec<u8>,
    sources: Vec<Source>,
    ranks: Vec<u8>,
    counts: Vec<u64>,
    /// Rows came or went since the start: gaps are no longer looked at.
    is_lost: bool,
}

impl Watch {
    /// Opens what this host shows. Called on the thread that is measured, after it was pinned.
    #[must_use]
    pub fn open(cpu: usize) -> Self {
        let files = Text::ALL
            .into_iter()
            .filter_map(|text| Some((text, File::open(text.path("thread-self")).ok()?)));
        let mut watch = Self {
            cpu,
            files: files.collect(),
            buffer: vec![0; ROOM],
            sources: Vec::new(),
            ranks: Vec::new(),
            counts: Vec::new(),
            is_lost: false,
        };
        watch.learn();
        watch
    }

    /// The rows, in the order of their places.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Whether rows came or went.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Learns the rows and their counts. Allocates.
    fn learn(&mut self) {
        for (text, file) in &self.files {
            let length = loop {
                match read_whole(file, &mut self.buffer) {
                    Ok(length) if length * 2 < self.buffer.len() => break length,
                    Ok(length) => self.buffer.resize((length * 4).max(ROOM), 0),
                    Err(_) => break 0,
                }
            };
            let body = std::str::from_utf8(self.buffer.get(..length).unwrap_or_default());
            text.rows(body.unwrap_or_default(), self.cpu, |label, words, count| {
                let source = Source { text: *text, label: label.into(), words: words.into() };
                self.ranks.push(source.rank());
                self.sources.push(source);
                self.counts.push(count);
            });
        }
    }

    /// Which counters moved since the last look.
    pub fn look(&mut self) -> Seen {
        let Self { cpu, files, buffer, sources, ranks, counts, is_lost } = self;
        let mut seen = Seen { is_looked: true, ..Seen::NOT };
        let rank = |place: u16| ranks.get(usize::from(place)).copied().unwrap_or(u8::MAX);
        let mut place = 0_usize;
        for (text, file) in files.iter() {
            let length = read_whole(file, buffer).unwrap_or_default();
            let body = std::str::from_utf8(buffer.get(..length).unwrap_or_default());
            text.rows(body.unwrap_or_default(), *cpu, |label, _, count| {
                let known = sources.get(place).is_some_and(|source| source.label == label);
                let Some(last) = counts.get_mut(place).filter(|_| known) else {
                    *is_lost = true;
                    return;
                };
                if count != *last {
                    *last = count;
                    seen.note(u16::try_from(place).unwrap_or(u16::MAX), rank);
                }
                place += 1;
            });
        }
        if *is_lost || place != sources.len() {
            *is_lost = true;
            return Seen::NOT;
        }
        seen
    }
}

/// Reads a text of the kernel from its start; its length.
fn read_whole(file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while let Some(room) = buffer.get_mut(length..).filter(|room| !room.is_empty()) {
        match file.read_at(room, u64::try_from(length).unwrap_or(u64::MAX)) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::Watch;
    use crate::jitter::counters::Text;

    #[test]
    fn this_host_s_counters_are_found_and_followed() {
        let cpu = station::sys::affinity().unwrap()[0];
        assert_eq!(station::pin::pin_current(Some(cpu)), station::pin::Pinned::To(cpu));
        let mut watch = Watch::open(cpu);
        let count = |text| watch.sources().iter().filter(move |source| source.text == text).count();
        if count(Text::Interrupts) == 0 || count(Text::Softirqs) == 0 {
            eprintln!("SKIPPED this_host_s_counters_are_found_and_followed: no /proc/interrupts");
            return;
        }
        assert!(count(Text::Softirqs) > 5);
        // The timer of a CPU that works ticks sooner or later.
        let moved = (0..200_000).any(|_| {
            if watch.is_lost() {
                // A row came or went on this host.
                watch = Watch::open(cpu);
            }
            !watch.look().places().is_empty()
        });
        assert!(moved, "nothing moved in 200,000 looks");
    }
}
