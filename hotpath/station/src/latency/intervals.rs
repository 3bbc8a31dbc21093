//! The log of a run while it goes on: a row a stage and second.
//!
//! Owns the thread that writes `latency.hlog` and sums the seconds up. The bridge hands it a full
//! set of histograms and goes on with an empty one. Must never: make the bridge wait. Where the
//! writer still has the other set, the second just gets longer.

use super::{Latency, Stage, hlog};
use hdrhistogram::Histogram;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;

/// Length of an interval, nanoseconds.
const INTERVAL_NS: u64 = 1_000_000_000;

/// One histogram a stage.
pub(super) type Set = Vec<Histogram<u64>>;

/// A set that is full, and when it was counted.
#[derive(Debug)]
struct Full {
    set: Set,
    offset_ns: u64,
    length_ns: u64,
}

/// The bridge's end.
#[derive(Debug)]
pub(super) struct Intervals {
    full: Sender<Full>,
    spare: Receiver<Set>,
    writer: JoinHandle<(Set, io::Result<()>)>,
    since_ns: u64,
}

impl Intervals {
    /// Makes the file with its head and starts the writer. `start_ns` is wall clock.
    pub(super) fn begin(path: &Path, start_ns: u64) -> io::Result<Self> {
        let mut file = File::create(path)?;
        file.write_all(hlog::head(start_ns).as_bytes())?;
        let (full, to_write) = channel();
        let (give_back, spare) = channel();
        // Unsent only where the writer is gone already; then there is nothing to give.
        let _ = give_back.send(Latency::set());
        let work = move || write_all(&mut file, &to_write, &give_back);
        let writer = std::thread::Builder::new().name("latency".to_owned()).spawn(work)?;
        Ok(Self { full, spare, writer, since_ns: 0 })
    }

    /// Hands `set` over if its second is full and an empty one is there to take its place.
    pub(super) fn tick(&mut self, set: &mut Set, now_ns: u64) {
        let length_ns = now_ns.saturating_sub(self.since_ns);
        if length_ns < INTERVAL_NS {
            return;
        }
        let empty = match self.spare.try_recv() {
            Ok(empty) => empty,
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => return,
        };
        let full = Full { set: std::mem::replace(set, empty), offset_ns: self.since_ns, length_ns };
        self.since_ns = now_ns;
        // The writer ends only after the bridge has.
        let _ = self.full.send(full);
    }

    /// Hands over what is left and waits for the last line; the sums of the whole run.
    pub(super) fn end(self, set: Set, now_ns: u64) -> (Set, io::Result<()>) {
        let length_ns = now_ns.saturating_sub(self.since_ns);
        // As above.
        let _ = self.full.send(Full { set, offset_ns: self.since_ns, length_ns });
        drop(self.full);
        let lost = || (Latency::set(), Err(io::Error::other("the writer of the log panicked")));
        self.writer.join().unwrap_or_else(|_| lost())
    }
}

/// Writes until the bridge's end is gone. A failed write ends the log, not the sums.
fn write_all(
    file: &mut File,
    full: &Receiver<Full>,
    give_back: &Sender<Set>,
) -> (Set, io::Result<()>) {
    let mut sums = Latency::set();
    let mut rows = 0;
    let mut result = Ok(());
    for Full { mut set, offset_ns, length_ns } in full {
        if result.is_ok() {
            let text = rows_of(&set, offset_ns, length_ns, &mut rows);
            result = text.and_then(|text| file.write_all(text.as_bytes()));
        }
        for (sum, histogram) in sums.iter_mut().zip(&mut set).filter(|(_, new)| !new.is_empty()) {
            // The same bounds: nothing is out of range.
            let added = sum.add(&*histogram).map_err(|error| io::Error::other(error.to_string()));
            result = result.and(added);
            histogram.reset();
        }
        // The bridge may have ended meanwhile.
        let _ = give_back.send(set);
    }
    let result = result.and_then(|()| file.write_all(hlog::closed(rows).as_bytes()));
    (sums, result)
}

fn rows_of(set: &Set, offset_ns: u64, length_ns: u64, rows: &mut u64) -> io::Result<String> {
    let mut text = String::new();
    for (stage, histogram) in Stage::ALL.iter().zip(set) {
        if !histogram.is_empty() {
            text.push_str(&hlog::row(Some(stage.name()), offset_ns, length_ns, histogram)?);
            *rows += 1;
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rows_and_their_sum_is_the_run() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("latency.hlog");
        let mut latency = Latency::new(false).with_log(&path, 1_760_000_000_000_000_000);
        let mut now_ns = 0;
        for second in 0..5_u64 {
            latency.record(Stage::Event, 1_000 + second);
            latency.record(Stage::RecvToSend, 5_000);
            now_ns += INTERVAL_NS;
            latency.tick(now_ns);
        }
        latency.record(Stage::SignalAge, 7);
        let latency = latency.close(now_ns + 1);
        assert_eq!((latency.count(Stage::Event), latency.count(Stage::SignalAge)), (5, 1));
        latency.write_files(dir.path(), 0, 1).expect("files");
        let text = std::fs::read_to_string(&path).expect("log");
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("Tag=")).collect();
        // How many seconds share a row depends on the writer; all are there.
        assert!(rows[0].starts_with("Tag=recv_to_send,0.000,"), "{}", rows[0]);
        assert!(rows.last().expect("rows").starts_with("Tag=signal_age,"), "{text}");
        assert!(text.ends_with(&hlog::closed(rows.len() as u64)), "{text}");
    }

    #[test]
    fn a_log_that_cannot_be_made_fails_with_the_files() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("none/latency.hlog");
        let mut latency = Latency::new(false).with_log(&path, 0);
        latency.record(Stage::Event, 9);
        let latency = latency.close(1);
        assert_eq!(latency.count(Stage::Event), 1);
        assert!(latency.write_files(dir.path(), 0, 1).is_err());
    }
}
