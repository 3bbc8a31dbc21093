//! The segment files of a journal's folder: their heads, in order of their numbers.
//!
//! The names mean nothing but that a segment's ends with `.clj`. Must never: follow a name to a
//! number.

use super::finding::{Finding, Kind, Unreadable};
use super::record::{Head, RECORD_MAX, Record, SEGMENT_HEAD, segment_head, whole};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use wire::journal::JournalSegment;

/// A segment file with a whole head.
#[derive(Clone, Debug)]
pub(crate) struct SegmentFile {
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// Its head.
    pub(crate) head: JournalSegment,
}

/// A segment file whose head is not whole.
#[derive(Clone, Debug)]
pub(crate) struct Headless {
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// Segment and sequence of the whole record that follows the head, if one does.
    pub(crate) record: Option<(u64, u64)>,
    /// The head is zeros.
    pub(crate) zeros: bool,
}

/// What a journal's folder holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folder {
    /// By number, then by name.
    pub(crate) segments: Vec<SegmentFile>,
    /// Files that are no segments and are not just allocated.
    pub(crate) headless: Vec<Headless>,
    /// A file whose head is of another version, and the version.
    pub(crate) foreign_version: Option<(PathBuf, u32)>,
}

/// Times a folder is listed before it is taken as it was found last.
const LISTINGS_MAX: usize = 64;

/// Reads the heads of a folder.
///
/// A live journal's next segment is renamed when its turn comes: a folder whose list changed while
/// its files were read is read again.
///
/// # Errors
/// Where the folder or a file in it cannot be read.
pub(crate) fn read(folder: &Path) -> Result<Folder, Unreadable> {
    read_by(|| list(folder))
}

fn read_by(
    mut list: impl FnMut() -> Result<Vec<PathBuf>, Unreadable>,
) -> Result<Folder, Unreadable> {
    let mut before = list()?;
    let mut found = heads(&before);
    for _ in 1..LISTINGS_MAX {
        let now = list()?;
        if now == before {
            break;
        }
        found = heads(&now);
        before = now;
    }
    found
}

/// The files that may be segments, by name.
fn list(folder: &Path) -> Result<Vec<PathBuf>, Unreadable> {
    let failed = Unreadable::at("list", folder);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(&failed)? {
        let path = entry.map_err(&failed)?.path();
        if path.extension().is_some_and(|extension| extension == "clj") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn heads(paths: &[PathBuf]) -> Result<Folder, Unreadable> {
    let mut found = Folder::default();
    for path in paths.iter().cloned() {
        let file = File::open(&path).map_err(Unreadable::at("open", &path))?;
        let mut head = read_head(&file).map_err(Unreadable::at("read", &path))?;
        let mut record = None;
        if matches!(head, Head::Unbegun | Head::Damaged) {
            record = first_record(&file).map_err(Unreadable::at("read", &path))?;
            if record.is_some() {
                // A live journal's: the head is whole before its first record is.
                head = read_head(&file).map_err(Unreadable::at("read", &path))?;
            }
        }
        let zeros = matches!(head, Head::Unbegun);
        match head {
            Head::Whole(head) => found.segments.push(SegmentFile { path, head: *head }),
            Head::Version(version) => found.foreign_version = Some((path, version)),
            Head::Unbegun if record.is_none() => {}
            Head::Unbegun | Head::Damaged => {
                found.headless.push(Headless { path, record, zeros });
            }
        }
    }
    found.segments.sort_by_key(|file| file.head.segment);
    Ok(found)
}

fn read_head(file: &File) -> io::Result<Head> {
    let mut bytes = [0; SEGMENT_HEAD];
    let mut filled = 0;
    while filled < SEGMENT_HEAD {
        match file.read_at(&mut bytes[filled..], filled as u64)? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(segment_head(&bytes[..filled]))
}

fn first_record(file: &File) -> io::Result<Option<(u64, u64)>> {
    let mut bytes = vec![0; RECORD_MAX];
    let count = file.read_at(&mut bytes, SEGMENT_HEAD as u64)?;
    let numbers = |record: Record<'_>| (record.head.segment, record.head.seq);
    Ok(whole(&bytes[..count]).map(numbers))
}

/// The instance most segments are of; of two with as many, the one of the lower number.
pub(crate) fn most_common_instance(segments: &[SegmentFile]) -> Option<[u8; 16]> {
    let mut counts: BTreeMap<[u8; 16], usize> = BTreeMap::new();
    for file in segments {
        *counts.entry(file.head.instance).or_default() += 1;
    }
    let most = counts.values().max().copied()?;
    segments.iter().map(|file| file.head.instance).find(|i| counts.get(i) == Some(&most))
}

/// Takes the segments of other instances out, and says so.
pub(crate) fn keep_instance(folder: &mut Folder, instance: [u8; 16]) -> Vec<Finding> {
    let is_ours = |file: &SegmentFile| file.head.instance == instance;
    let some = folder.segments.iter().any(is_ours);
    let (kept, others): (Vec<_>, Vec<_>) = folder.segments.drain(..).partition(is_ours);
    folder.segments = kept;
    let finding = |file: &SegmentFile| {
        let (kind, seq) =
            if some { (Kind::Splice, file.head.first_seq) } else { (Kind::WrongInstance, 1) };
        let what = format!("a segment of instance {}", super::finding::hex(&file.head.instance));
        Finding::new(kind, (seq, seq), &file.path, 0, what)
    };
    others.iter().map(finding).collect()
}

#[cfg(test)]
mod unit {
    #[test]
    fn a_file_that_is_renamed_between_list_and_open_is_found_under_its_new_name() {
        let folder = tempfile::tempdir().expect("folder");
        let (next, named) = (folder.path().join("next.clj"), folder.path().join("000001.clj"));
        std::fs::write(&named, [0; 4_096]).expect("file");
        let mut lists = 0;
        let found = super::read_by(|| {
            lists += 1;
            Ok(vec![if lists == 1 { next.clone() } else { named.clone() }])
        });
        assert!(found.is_ok(), "{found:?}");
        assert_eq!(lists, 3, "the same list twice");
        let gone = super::read_by(|| Ok(vec![next.clone()]));
        assert!(gone.is_err_and(|why| why.op == "open"), "one that stays away is said");
    }
}
