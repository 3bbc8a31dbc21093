//! Snapshots: written at every segment's end, used from the newest sound one, and never believed.

use crate::explain::folder::{run, run_copy, words, write_in_segments};
use crate::support::{clean, corelane, json};
use engine::{Engine, Setup, Sink};
use serde_json::Value;
use station::config::Config;
use station::recovery::recovered;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tape::journal::{JournalReader, SnapshotHead, read_snapshot, snapshots, write_snapshot};
use tempfile::TempDir;
use wire::exit::Exit;
use wire::{FrameKind, decode};

const SEGMENT: u64 = 1 << 20;

/// The demo's journal in segments of a mebibyte, with its snapshots; to be read only.
fn kept() -> &'static Path {
    static KEPT: OnceLock<TempDir> = OnceLock::new();
    KEPT.get_or_init(|| {
        let dir = run_copy();
        let recording = tape::read_all(dir.path().join("journal")).unwrap();
        let frames: Vec<Vec<u64>> = recording.frames().map(words).collect();
        write_in_segments(dir.path(), &recording.header, &frames, SEGMENT);
        let (code, answer, said) = verify(dir.path(), &["--snapshots"]);
        assert_eq!(code, Some(0), "{said}");
        let count = JournalReader::open(&dir.path().join("journal")).unwrap().heads().count();
        assert!(count > 5, "{count} segments");
        assert_eq!(answer["snapshots_written"].as_array().map(Vec::len), Some(count), "{answer}");
        dir
    })
    .path()
}

fn copy() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["", "journal"] {
        fs::create_dir_all(dir.path().join(folder)).unwrap();
        for file in fs::read_dir(kept().join(folder)).unwrap().map(Result::unwrap) {
            if file.file_type().unwrap().is_file() {
                fs::copy(file.path(), dir.path().join(folder).join(file.file_name())).unwrap();
            }
        }
    }
    dir
}

fn files(dir: &Path) -> Vec<PathBuf> {
    snapshots(&dir.join("journal")).unwrap()
}

fn verify(dir: &Path, more: &[&str]) -> (Option<i32>, Value, String) {
    let args: Vec<&str> = ["verify", "--json", dir.to_str().unwrap()]
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    let output = corelane(&args);
    let answer = json(&String::from_utf8_lossy(&output.stdout));
    (output.status.code(), answer, String::from_utf8_lossy(&output.stderr).into_owned())
}

/// What the whole journal gives.
fn whole() -> &'static Value {
    static WHOLE: OnceLock<Value> = OnceLock::new();
    WHOLE.get_or_init(|| verify(kept(), &[]).1)
}

#[test]
fn a_tail_after_any_snapshot_ends_as_the_whole_does() {
    assert_eq!(whole()["from_snapshot"], Value::Null);
    let dir = copy();
    let (mut inputs, count) = (0, files(dir.path()).len());
    for newest in files(dir.path()) {
        let (code, answer, said) = verify(dir.path(), &["--from-snapshot"]);
        assert_eq!((code, said.as_str()), (Some(0), ""), "{answer}");
        let (head, _) = read_snapshot(&newest).unwrap().unwrap();
        let from = &answer["from_snapshot"];
        assert_eq!((&from["segment"], &from["frame"]), (&head.segment.into(), &head.frame.into()));
        for key in ["state_hash", "frames", "repeated", "ending"] {
            assert_eq!(answer[key], whole()[key], "{key} from {}", newest.display());
        }
        let more = answer["inputs"].as_u64().unwrap();
        assert!(more >= inputs, "the tail of an older one is no shorter");
        inputs = more;
        let end = recovered(dir.path(), &mut Vec::new()).unwrap();
        let hash = format!("{:016x}", end.engine.state_hash());
        assert_eq!((end.from, &Value::from(hash)), (Some(head), &whole()["state_hash"]));
        assert_eq!(end.frames.1, end.frames.0 - head.frame);
        fs::remove_file(newest).unwrap();
    }
    let (_, answer, _) = verify(dir.path(), &["--from-snapshot"]);
    assert_eq!((&answer["from_snapshot"], &answer["inputs"]), (&Value::Null, &whole()["inputs"]));
    assert!(inputs < answer["inputs"].as_u64().unwrap() && count > 5);
    let text = clean(corelane(&["verify", kept().to_str().unwrap(), "--from-snapshot"]));
    assert!(text.starts_with("from the snapshot of segment "), "{text}");
}

/// A tail that is repeated with `--snapshots` writes those that are missing, the same byte for byte.
#[test]
fn what_is_missing_is_written_again_the_same() {
    let dir = copy();
    let all = files(dir.path());
    let bytes: Vec<_> = all.iter().map(|file| fs::read(file).unwrap()).collect();
    all[..3].iter().for_each(|file| fs::remove_file(file).unwrap());
    let (code, answer, said) = verify(dir.path(), &["--from-snapshot", "--snapshots"]);
    assert_eq!((code, answer["snapshots_written"].as_array().map(Vec::len)), (Some(0), Some(3)));
    assert_eq!((said.as_str(), files(dir.path())), ("", all.clone()));
    assert!(all.iter().map(|file| fs::read(file).unwrap()).eq(bytes));
    let drafts = fs::read_dir(dir.path().join("journal")).unwrap().map(Result::unwrap);
    let known = ["clj", "snap"];
    let left =
        drafts.filter(|f| f.path().extension().is_some_and(|e| !known.iter().any(|k| e == *k)));
    assert_eq!(left.count(), 0, "no drafts");
}

type Spoil<'a> = &'a dyn Fn(&mut SnapshotHead, &mut Vec<u64>);

#[test]
fn a_snapshot_that_is_not_sound_is_left_out_with_its_reason() {
    let dir = copy();
    let all = files(dir.path());
    let whole_file = fs::read(&all[0]).unwrap();
    let (head, words) = read_snapshot(&all[0]).unwrap().unwrap();
    let left_out = |why: &str| {
        let (code, answer, said) = verify(dir.path(), &["--from-snapshot"]);
        assert_eq!((code, &answer["repeated"]), (Some(0), &true.into()), "{why}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.starts_with("NOTE: snapshot left out") && said.contains(why), "{why}: {said}");
        let second = read_snapshot(&all[1]).unwrap().unwrap().0;
        assert_eq!(answer["from_snapshot"]["segment"], second.segment, "{why}");
        assert_eq!(answer["state_hash"], whole()["state_hash"], "{why}");
    };
    // The file itself.
    for at in [0, 9, 40, 159, 160, whole_file.len() / 2, whole_file.len() - 1] {
        let mut bytes = whole_file.clone();
        bytes[at] ^= 4;
        fs::write(&all[0], bytes).unwrap();
        left_out("");
    }
    for len in [0, 100, 160, whole_file.len() - 8, whole_file.len() - 3] {
        fs::write(&all[0], &whole_file[..len]).unwrap();
        left_out("file is");
    }
    // A whole file that says what is not so.
    let cases: [(&str, Spoil<'_>); 9] = [
        ("another journal", &|h, _| h.instance = [2; 16]),
        ("other layouts", &|h, _| h.schema_hash ^= 1),
        ("another configuration", &|h, _| h.config_hash ^= 1),
        ("another history", &|h, _| h.tail_head[0] ^= 1),
        ("does not have the segment", &|h, _| h.tail_segment = 99),
        ("does not hold the record", &|h, _| h.seq -= 1),
        ("does not hold the record", &|h, _| h.frame += 1 << 40),
        ("state hash", &|h, _| h.state_hash ^= 1),
        ("", &|_, words| words[1] ^= 1),
    ];
    for (why, spoil) in cases {
        let (mut head, mut words) = (head, words.clone());
        spoil(&mut head, &mut words);
        write_snapshot(&dir.path().join("journal"), &head, &words).unwrap();
        left_out(why);
    }
    // None is sound: the beginning.
    for file in &all {
        fs::write(file, b"nothing").unwrap();
    }
    let (code, answer, said) = verify(dir.path(), &["--from-snapshot"]);
    assert_eq!((code, &answer["from_snapshot"]), (Some(0), &Value::Null));
    assert_eq!((said.lines().count(), &answer["inputs"]), (all.len(), &whole()["inputs"]));
}

#[test]
fn another_history_is_not_continued_and_a_wrong_tail_is_found() {
    let dir = copy();
    let journal = dir.path().join("journal");
    let recording = tape::read_all(&journal).unwrap();
    let mut frames: Vec<Vec<u64>> = recording.frames().map(words).collect();
    let kept: Vec<(String, Vec<u8>)> = files(dir.path())
        .iter()
        .map(|f| (f.file_name().unwrap().to_string_lossy().into_owned(), fs::read(f).unwrap()))
        .collect();
    let put_back = || {
        for (name, bytes) in &kept {
            fs::write(journal.join(name), bytes).unwrap();
        }
    };
    // An output near the end is another: the last order, and a change of mode, which stands in the
    // last segment and before its snapshot. What stands after the one that still fits differs.
    for kind in [FrameKind::NewOrder, FrameKind::ModeChange] {
        let is_of_kind = |f: &Vec<u64>| {
            wire::frame::header(bytemuck::cast_slice(f)).unwrap().kind == kind.code()
        };
        let place = frames.iter().rposition(is_of_kind).unwrap();
        frames[place][5] ^= 1;
        write_in_segments(dir.path(), &recording.header, &frames, SEGMENT);
        put_back();
        let (code, answer, said) = verify(dir.path(), &["--from-snapshot"]);
        assert_eq!(code, Some(i32::from(Exit::Diverged.code())), "{}: {said}", kind.name());
        assert_eq!(answer["difference"]["frame"], place + 1);
        let left_out = said.matches("another history").count();
        assert!((1..kept.len()).contains(&left_out), "{}: {said}", kind.name());
        frames[place][5] ^= 1;
    }
    // The first input is another: no snapshot fits the journal any more.
    let first = frames.iter().position(|f| {
        decode(bytemuck::cast_slice(f)).is_ok_and(|_| {
            let kind = wire::frame::header(bytemuck::cast_slice(f)).unwrap().kind;
            FrameKind::from_code(kind).unwrap().is_outer_input()
        })
    });
    frames[first.unwrap()][3] ^= 1;
    write_in_segments(dir.path(), &recording.header, &frames, SEGMENT);
    put_back();
    let (_, answer, said) = verify(dir.path(), &["--from-snapshot"]);
    assert_eq!(answer["from_snapshot"], Value::Null);
    assert_eq!(said.matches("another history").count(), kept.len(), "{said}");
}

#[test]
fn a_killed_journal_has_snapshots_of_its_whole_segments_and_its_tail_is_repeated() {
    let dir = copy();
    for file in files(dir.path()) {
        fs::remove_file(file).unwrap();
    }
    let journal = dir.path().join("journal");
    let last = JournalReader::open(&journal).unwrap().heads().count();
    let file = journal.join(format!("{last:06}.clj"));
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let resource = Some(i32::from(Exit::Resource.code()));
    let (code, whole, _) = verify(dir.path(), &["--snapshots"]);
    assert_eq!((code, files(dir.path()).len()), (resource, last - 1));
    let (code, tail, said) = verify(dir.path(), &["--from-snapshot"]);
    assert_eq!(code, resource, "{said}");
    for key in ["state_hash", "frames", "ending"] {
        assert_eq!(tail[key], whole[key], "{key}");
    }
    assert_eq!(tail["from_snapshot"]["segment"], last - 1);
    let end = recovered(dir.path(), &mut Vec::new()).unwrap();
    assert_eq!(whole["state_hash"], format!("{:016x}", end.engine.state_hash()));
}

#[derive(Default)]
struct Made(Vec<Vec<u64>>);

impl Sink for Made {
    fn input(&mut self, frame: &[u8]) {
        self.0.push(words(frame));
    }
    fn output(&mut self, frame: &[u8]) {
        self.0.push(words(frame));
    }
}

/// The bundled recording as the demo played it, model answers included: the engine is saved and
/// loaded into a fresh one at a hundred places, and every frame is the same.
#[test]
fn the_demo_goes_on_the_same_after_each_of_a_hundred_loads() {
    let recording = tape::read_all(run().join("journal")).unwrap();
    let plan = Config::of_run(run()).unwrap().plan(recording.instruments(), run()).unwrap();
    let fresh = |setup: &Setup| Engine::new(setup.clone()).unwrap();
    let [mut one, mut other] = [fresh(&plan.setup), fresh(&plan.setup)];
    let [mut made, mut again] = [Made::default(), Made::default()];
    let (mut saved, mut seed, mut loads) = (Vec::new(), 1_u64, 0);
    for frame in recording.frames() {
        let kind = FrameKind::from_code(wire::frame::header(frame).unwrap().kind).unwrap();
        if !kind.is_outer_input() {
            continue;
        }
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        if (seed >> 33).is_multiple_of(600) {
            let hash = other.save(&mut saved);
            other = fresh(&plan.setup).load(&saved, hash).unwrap();
            assert_eq!(hash, one.state_hash());
            loads += 1;
        }
        one.input(bytemuck::cast_slice_mut(&mut words(frame)), &mut made).unwrap();
        other.input(bytemuck::cast_slice_mut(&mut words(frame)), &mut again).unwrap();
    }
    assert_eq!((one.state_hash(), one.counters()), (other.state_hash(), other.counters()));
    assert!(made.0 == again.0 && loads > 70, "{loads}");
    assert!(one.counters().orders > 0 && one.counters().signal_answers > 0);
}
