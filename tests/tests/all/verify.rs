//! `corelane verify`: a run repeats from its folder alone, and the first frame that does not is shown
//! with both sides.

use crate::bad_input::refused;
use crate::explain::folder::{self, run, run_copy, words};
use crate::support::{clean, corelane, json};
use serde_json::Value;
use std::mem::offset_of;
use std::path::Path;
use std::process::Command;
use wire::exit::Exit;
use wire::order::NewOrder;
use wire::{Frame, FrameKind, decode};

/// What is done to a journal's frames.
type Change<'a> = &'a dyn Fn(&mut Vec<Vec<u64>>);

fn frames(dir: &Path) -> (tape::Recording, Vec<Vec<u64>>) {
    let recording = tape::read_all(dir.join("journal")).unwrap();
    let frames = recording.frames().map(words).collect();
    (recording, frames)
}

fn place_of(frames: &[Vec<u64>], kind: FrameKind, from: usize) -> usize {
    let is = |frame: &Vec<u64>| {
        wire::frame::header(bytemuck::cast_slice(frame)).unwrap().kind == kind.code()
    };
    from + frames[from..].iter().position(is).unwrap()
}

fn verdict(dir: &Path) -> (Option<i32>, Value, String) {
    let output = corelane(&["verify", "--json", dir.to_str().unwrap()]);
    let answer = json(&String::from_utf8_lossy(&output.stdout));
    (output.status.code(), answer, String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_run_with_live_sidecars_repeats_with_no_sidecar_present() {
    let said = clean(corelane(&["verify", run().to_str().unwrap()]));
    assert!(said.starts_with("repeated: "), "{said}");
    let (code, answer, _) = verdict(run());
    assert_eq!(
        (code, &answer["repeated"], &answer["ending"]),
        (Some(0), &true.into(), &"closed".into())
    );
    assert!(answer["inputs"].as_u64() > Some(58_000), "{answer}");
    let summary = std::fs::read_to_string(run().join("summary.json")).unwrap();
    assert_eq!(answer["state_hash"], json(&summary)["state_hash"]);
    assert!(json(&summary)["signal"]["answers"].as_u64() > Some(0), "with answers of a model");
}

/// Another build of the same source (release, musl, another machine's) repeats what this one did:
/// `CORELANE_OTHER_BUILD` names its `corelane`.
#[test]
fn another_build_repeats_the_run_of_this_one() {
    let Some(other) = std::env::var_os("CORELANE_OTHER_BUILD") else {
        eprintln!("SKIPPED another_build_repeats_the_run: CORELANE_OTHER_BUILD names no corelane");
        return;
    };
    let mut command = Command::new(other);
    let said = clean(command.arg("verify").arg(run()).output().unwrap());
    assert!(said.starts_with("repeated: "), "{said}");
}

#[test]
fn a_changed_field_is_shown_on_both_sides() {
    let dir = run_copy();
    let (recording, mut frames) = frames(dir.path());
    let place = place_of(&frames, FrameKind::NewOrder, 0);
    frames[place][offset_of!(NewOrder, price_ticks) / 8] ^= 1;
    folder::write(dir.path(), &recording.header, &frames);
    let output = corelane(&["verify", dir.path().to_str().unwrap()]);
    let number = place + 1;
    refused(
        &output,
        Exit::Diverged,
        &[&format!("frame={number}"), "recorded=new-order made=new-order"],
    );
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(table.starts_with("DIVERGED: "), "{table}");
    let starred: Vec<&str> = table.lines().filter(|line| line.starts_with('*')).collect();
    assert!(starred.len() == 1 && starred[0].contains("price_ticks"), "{table}");
    let (code, answer, _) = verdict(dir.path());
    assert_eq!((code, &answer["repeated"]), (Some(30), &false.into()));
    let difference = &answer["difference"];
    assert_eq!(difference["frame"], number);
    let ticks = |side: &str| difference[side]["price_ticks"].as_i64().unwrap();
    assert_eq!(ticks("recorded") ^ 1, ticks("made"));
}

#[test]
fn a_frame_too_few_or_too_many_is_found_where_it_is() {
    let dir = run_copy();
    let (recording, whole) = frames(dir.path());
    let order = place_of(&whole, FrameKind::NewOrder, 0);
    let trade = place_of(&whole, FrameKind::Trade, 0);
    let cases: [(&str, Change<'_>, usize); 5] = [
        ("an output taken away", &|f| drop(f.remove(order)), order + 1),
        ("an output twice", &|f| f.insert(order, f[order].clone()), order + 2),
        ("an input taken away", &|f| drop(f.remove(trade)), trade + 1),
        ("an input twice", &|f| f.insert(trade, f[trade].clone()), trade + 2),
        ("two swapped", &|f| f.swap(order, order + 1), order + 1),
    ];
    for (what, change, number) in cases {
        let mut frames = whole.clone();
        change(&mut frames);
        folder::write(dir.path(), &recording.header, &frames);
        let (code, answer, said) = verdict(dir.path());
        assert_eq!(code, Some(30), "{what}: {said}");
        assert_eq!(answer["difference"]["frame"], number, "{what}: {answer}");
    }
    // Another state at the end, though every frame before it is right.
    let mut frames = whole.clone();
    let end = frames.len() - 1;
    frames[end][7] ^= 1;
    folder::write(dir.path(), &recording.header, &frames);
    let (code, answer, _) = verdict(dir.path());
    assert_eq!((code, &answer["difference"]["frame"]), (Some(30), &(end + 1).into()));
    assert_eq!(answer["difference"]["recorded"]["kind"], "session-end");
}

#[test]
fn a_cut_journal_is_verified_as_far_as_it_goes() {
    let dir = run_copy();
    let (recording, whole) = frames(dir.path());
    let order = place_of(&whole, FrameKind::NewOrder, 0);
    let path = folder::write(dir.path(), &recording.header, &whole).join("000001.clj");
    let bytes = std::fs::read(&path).unwrap();
    // Right before an output of an input that is there.
    let before: usize = whole[..order].iter().map(|f| f.len() * 8 + 56).sum();
    let about = bytes.len() - whole.iter().map(|f| f.len() * 8 + 56).sum::<usize>() - 72;
    std::fs::write(&path, &bytes[..about + before]).unwrap();
    let (code, answer, said) = verdict(dir.path());
    assert_eq!(code, Some(i32::from(Exit::Resource.code())), "{said}");
    assert!(said.contains("truncated"), "{said}");
    assert_eq!((&answer["repeated"], &answer["ending"]), (&true.into(), &"open".into()));
    assert!(answer["outputs_unwritten"].as_u64() >= Some(1), "{answer}");
    assert!(matches!(decode(bytemuck::cast_slice(&whole[order])), Ok(Frame::NewOrder(_))));
}

#[test]
fn a_folder_without_a_journal_or_with_another_configuration_is_refused() {
    refused(&corelane(&["verify", "config"]), Exit::Arguments, &["no record of a run here"]);
    let dir = run_copy();
    let file = dir.path().join("config.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("qty_lots = 10000", "qty_lots = 10010", 1)).unwrap();
    let output = corelane(&["verify", dir.path().to_str().unwrap()]);
    refused(&output, Exit::Configuration, &["config_hash=", "not the one"]);
}
