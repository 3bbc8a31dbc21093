//! Segments in memory before they are asked for: read and hashed by threads, or there from the start.
//!
//! Must never: hold more than two segments a thread, or go on reading when nobody takes them.

use sha2::{Digest as _, Sha256};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};

/// Hashing a segment takes longer than an engine needs for its inputs: of two cores it also takes what
/// the engine's thread leaves.
const THREADS_MAX: usize = 3;

/// A segment in memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Loaded {
    /// Its bytes, aligned for frames, and how many.
    words: Vec<u64>,
    len: usize,
    /// SHA-256 of all of it up to its seal; of the last segment nobody asks.
    pub(super) chain: Option<[u8; 32]>,
}

/// The segments to come, in order.
#[derive(Debug)]
pub(super) enum Ahead {
    /// Each thread reads every so many; whose is next.
    Threads(Vec<Thread>, usize),
    /// All of them.
    Memory(VecDeque<Loaded>),
}

/// A thread that reads ahead.
#[derive(Debug)]
pub(super) struct Thread {
    loaded: Receiver<io::Result<Loaded>>,
    /// Segments that were read: it fills them again, rather than fresh pages.
    spent: Sender<Loaded>,
}

impl Ahead {
    /// Starts the threads, as many as there are cores.
    pub(super) fn of_files(files: &[PathBuf]) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let count = cores.clamp(1, THREADS_MAX).min(files.len().max(1));
        let last = files.len().saturating_sub(1);
        let start = |first| {
            let own = files.iter().enumerate().skip(first).step_by(count);
            Thread::start(own.map(|(index, file)| (file.clone(), index < last)).collect())
        };
        Self::Threads((0..count).map(start).collect(), 0)
    }

    pub(super) fn of_memory(segments: &[Loaded]) -> Self {
        Self::Memory(segments.iter().cloned().collect())
    }

    /// The next segment, in place of one that was read: its memory is filled again, not given back.
    pub(super) fn next(&mut self, place: &mut Loaded) -> io::Result<()> {
        let gone = || io::Error::other("the reading thread ended");
        match self {
            Self::Threads(threads, turn) => {
                let thread = threads.get(*turn).ok_or_else(gone)?;
                *turn = (*turn + 1) % threads.len();
                let loaded = thread.loaded.recv().map_err(|_| gone())??;
                // Its thread may have no segment left.
                let _unused = thread.spent.send(std::mem::replace(place, loaded));
            }
            Self::Memory(segments) => *place = segments.pop_front().ok_or_else(gone)?,
        }
        Ok(())
    }
}

impl Thread {
    /// Reads these files one after the other, and hashes those that say so.
    fn start(files: Vec<(PathBuf, bool)>) -> Self {
        let (sender, loaded) = sync_channel(1);
        let (spent, used) = channel::<Loaded>();
        let load = move || {
            for (file, hashes) in files {
                let mut segment = used.try_recv().unwrap_or_default();
                let filled = segment.fill(&file, hashes).map(|()| segment);
                // Nobody reads on.
                if sender.send(filled).is_err() {
                    return;
                }
            }
        };
        // Without a thread the channel is closed, and the reader says so.
        drop(std::thread::Builder::new().name("journal-read".to_owned()).spawn(load));
        Self { loaded, spent }
    }
}

impl Loaded {
    /// A segment's bytes; `hashes` where the one after it asks for its chain.
    pub(super) fn of(from: &[u8], hashes: bool) -> Self {
        let mut loaded = Self::default();
        loaded.room(from.len()).copy_from_slice(from);
        loaded.len = from.len();
        loaded.hash(hashes);
        loaded
    }

    /// Reads a file, in place of what it held.
    fn fill(&mut self, file: &Path, hashes: bool) -> io::Result<()> {
        let mut opened = File::open(file)?;
        let len = usize::try_from(opened.metadata()?.len()).unwrap_or(0);
        let bytes = self.room(len);
        let count = read_up_to(&mut opened, bytes)?;
        bytes.get_mut(count..).unwrap_or_default().fill(0);
        self.len = count;
        self.hash(hashes);
        Ok(())
    }

    /// Room for so many bytes; what is behind them in the last word is zero.
    fn room(&mut self, len: usize) -> &mut [u8] {
        self.words.resize(len.div_ceil(8), 0);
        if let Some(last) = self.words.last_mut() {
            *last = 0;
        }
        bytemuck::cast_slice_mut::<u64, u8>(&mut self.words).get_mut(..len).unwrap_or_default()
    }

    /// Hashes it up to its seal, where somebody asks.
    fn hash(&mut self, hashes: bool) {
        let all = self.bytes().get(..self.end()).filter(|_| hashes);
        self.chain = all.map(|bytes| Sha256::digest(bytes).into());
    }

    pub(super) fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice::<u64, u8>(&self.words).get(..self.len).unwrap_or_default()
    }

    /// Where the zeros begin that fill the segment up: a seal that others follow ends in a number
    /// that is not zero.
    pub(super) fn end(&self) -> usize {
        let last = self.words.iter().rposition(|word| *word != 0).map_or(0, |at| at + 1);
        (last * 8).min(self.len)
    }
}

/// Fills `bytes`, or as much of it as the file has: a writer may shorten it meanwhile.
fn read_up_to(file: &mut File, bytes: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..)
        && !rest.is_empty()
    {
        match file.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
