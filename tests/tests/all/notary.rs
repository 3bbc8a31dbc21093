//! The notary's process beside a journal that grows, and the audit of what both leave.

mod growing;
#[path = "../../../tools/tests/audit/journal.rs"]
mod journal;

use crate::bad_input::refused;
use crate::support::{clean, corelane, json};
use growing::{Desk, INSTANCE, of, terminate, vouched, whole};
use journal::{Shape, Signer};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;
use wire::exit::Exit;

/// `corelane audit` of a desk's run.
fn audit(desk: &Desk, args: &[&str]) -> Output {
    let run = desk.run();
    let key = format!("--public-key={}", desk.path("notary.pub").display());
    corelane(&[&["audit", run.to_str().unwrap(), "--json", &key], args].concat())
}

/// The audit is clean, and this is what it says.
fn fine(desk: &Desk, anchors: &[&Path]) -> serde_json::Value {
    let args: Vec<_> = anchors.iter().map(|a| format!("--checkpoints={}", a.display())).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let report = json(&clean(audit(desk, &args)));
    assert_eq!(report["verdict"], "ok");
    report
}

fn argument(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

#[test]
fn a_growing_journal_is_signed_no_further_than_it_is_on_the_disk() {
    let mut desk = Desk::new();
    let anchor = desk.path("anchor.clk");
    let folder = desk.path("anchors");
    fs::create_dir(&folder).unwrap();
    let args = ["--every-ms=1", &argument("anchor", &anchor), &argument("anchor", &folder)];
    // Before there is a journal.
    let mut notary = desk.notary(&args).spawn().unwrap();
    let mut may = vec![0];
    for seq in 1..46 {
        desk.grow_partly_of(seq);
        desk.grow(seq);
        let vouched = vouched(&desk.journal, seq);
        if *may.last().unwrap() != vouched {
            desk.until_signed(&mut notary, vouched);
            may.push(vouched);
        }
        if seq % 7 == 0 {
            // A live journal is fine at every moment.
            fine(&desk, &[&anchor]);
        }
    }
    desk.grow(46);
    let output = notary.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "ends with the journal: {said}");
    may.push(46);
    for checkpoint in Desk::checkpoints(&desk.log()) {
        assert!(may.contains(&checkpoint.seq), "{} is not on the disk", checkpoint.seq);
        let expected = desk.journal.head_at(checkpoint.seq);
        assert_eq!(checkpoint.head, expected.head);
        assert_eq!(checkpoint.segment, expected.segment);
        assert_eq!(checkpoint.segment_bytes, expected.segment_bytes);
    }
    let hex: String = INSTANCE.map(|byte| format!("{byte:02x}")).concat();
    let in_folder = folder.join(format!("{hex}.clk"));
    for copy in [&anchor, &in_folder] {
        assert_eq!(fs::read(copy).unwrap(), fs::read(desk.log()).unwrap());
    }
    let report = fine(&desk, &[&anchor, &in_folder]);
    assert_eq!((&report["state"], &report["blind"]["records"]), (&"closed".into(), &0.into()));
    assert_eq!(report["head"], report["last_checkpoint"]["head"]);
}

impl Desk {
    /// Some bytes of a record that is not whole yet.
    fn grow_partly_of(&self, seq: u64) {
        let (segment, index) = self.journal.place(seq);
        // The first of a segment has its file made with it.
        if index > 0 {
            let len = self.journal.segments[segment].records[index].len();
            self.grow_partly(seq, 1 + usize::try_from(seq).unwrap() * 31 % (len - 1));
        }
    }
}

#[test]
fn once_signs_what_is_vouched_for_at_every_length() {
    for seq in 1..=46 {
        let desk = Desk::at(seq);
        let said = desk.once(&[]);
        assert!(said.status.success(), "{said:?}");
        let log = Desk::checkpoints(&desk.log());
        let vouched = vouched(&desk.journal, seq);
        assert_eq!(log.last().map_or(0, |last| last.seq), vouched, "of {seq} records");
        assert_eq!(log.len(), usize::from(vouched > 0));
        if vouched > 0 {
            assert_eq!(log[0].head, desk.journal.head_at(vouched).head);
        }
        // Nothing new: nothing is signed again.
        assert!(desk.once(&[]).status.success());
        assert_eq!(Desk::checkpoints(&desk.log()).len(), log.len());
    }
}

#[test]
fn a_killed_notary_goes_on_where_it_was() {
    let mut desk = Desk::new();
    let anchor = desk.path("anchor.clk");
    let args = ["--every-ms=1", &argument("anchor", &anchor)];
    for seq in [6, 11, 16, 23, 31, 40, 45] {
        let mut notary = desk.notary(&args).spawn().unwrap();
        desk.grow(seq);
        desk.until_signed(&mut notary, vouched(&desk.journal, seq));
        notary.kill().unwrap();
        notary.wait().unwrap();
    }
    desk.grow(46);
    clean(desk.once(&args));
    assert_eq!(fs::read(&anchor).unwrap(), fs::read(desk.log()).unwrap());
    let report = fine(&desk, &[&anchor]);
    assert_eq!(report["last_checkpoint"]["seq"], 46);
    assert!(report["checkpoints"][0]["entries"].as_u64().unwrap() >= 8);
}

#[test]
fn a_log_torn_at_every_byte_is_cut_kept_aside_and_gone_on_with() {
    let mut desk = Desk::at(16);
    let anchor = desk.path("anchor.clk");
    let args = [argument("anchor", &anchor)];
    let args = [args[0].as_str()];
    for seq in [23, 31, 40] {
        clean(desk.once(&args));
        desk.grow(seq);
    }
    let before = fs::read(desk.log()).unwrap();
    assert_eq!((before.len(), fs::read(&anchor).unwrap() == before), (3 * 208, true));
    // What the notary was writing when it was killed.
    clean(desk.once(&[]));
    let torn = fs::read(desk.log()).unwrap();
    for cut in 3 * 208 + 1..4 * 208 {
        fs::write(desk.log(), &torn[..cut]).unwrap();
        fs::write(&anchor, &before).unwrap();
        let output = desk.once(&args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.contains("torn checkpoint cut"), "{cut}: {said}");
        let kept = said.split("kept=").nth(1).unwrap().split(';').next().unwrap();
        assert_eq!(fs::read(kept).unwrap(), torn[3 * 208..cut]);
        let log = Desk::checkpoints(&desk.log());
        assert_eq!(
            (log.len(), log[3].number, log[3].head),
            (4, 4, desk.journal.head_at(vouched(&desk.journal, 40)).head)
        );
        assert_eq!(fs::read(&anchor).unwrap(), fs::read(desk.log()).unwrap());
    }
    fine(&desk, &[&anchor]);
    // A torn anchor is made whole from the log.
    let log = fs::read(desk.log()).unwrap();
    for cut in (0..log.len()).step_by(97) {
        fs::write(&anchor, &log[..cut]).unwrap();
        clean(desk.once(&args));
        assert_eq!(fs::read(&anchor).unwrap(), log);
        let zeros = vec![0; (log.len() - cut).min(64)];
        fs::write(&anchor, [&log[..cut], &zeros].concat()).unwrap();
        clean(desk.once(&args));
        assert_eq!(fs::read(&anchor).unwrap(), log, "behind zeros");
    }
}

#[test]
fn an_end_signal_is_obeyed_after_a_last_checkpoint() {
    let mut desk = Desk::at(23);
    let mut notary = desk.notary(&["--every-ms=3600000"]).spawn().unwrap();
    desk.until_signed(&mut notary, vouched(&desk.journal, 23));
    desk.grow(40);
    terminate(&notary);
    assert!(notary.wait().unwrap().success());
    let log = Desk::checkpoints(&desk.log());
    assert_eq!((log.len(), log[1].seq), (2, vouched(&desk.journal, 40)));
}

#[test]
fn a_notary_ends_with_what_started_it() {
    let desk = Desk::at(23);
    // The kernel means the thread that started it.
    let start = || {
        let mut notary = desk.notary(&["--shutdown-with-parent"]).spawn().unwrap();
        desk.until_signed(&mut notary, vouched(&desk.journal, 23));
        notary
    };
    let mut notary = std::thread::scope(|scope| scope.spawn(start).join().unwrap());
    assert!(notary.wait().unwrap().success());
}

#[test]
fn so_many_records_are_signed_before_their_time() {
    let mut desk = Desk::at(11);
    let args = ["--every-ms=3600000", "--every-records=9"];
    let mut notary = desk.notary(&args).spawn().unwrap();
    desk.until_signed(&mut notary, 10);
    for seq in [16, 23] {
        desk.grow(seq);
    }
    // Of 10 to 16 there are too few, of 10 to 20 enough.
    desk.until_signed(&mut notary, vouched(&desk.journal, 23));
    terminate(&notary);
    assert!(notary.wait().unwrap().success());
    assert_eq!(Desk::checkpoints(&desk.log()).len(), 2);
}

#[test]
fn a_failing_anchor_is_told_once_and_catches_up() {
    let mut desk = Desk::at(11);
    let (good, bad) = (desk.path("good.clk"), desk.path("mount/bad.clk"));
    let args = ["--every-ms=1", &argument("anchor", &bad), &argument("anchor", &good)];
    let mut notary = desk.notary(&args).spawn().unwrap();
    for seq in [11, 16, 31] {
        desk.grow(seq);
        desk.until_signed(&mut notary, vouched(&desk.journal, seq));
        while fs::read(&good).ok() != fs::read(desk.log()).ok() {
            assert_eq!(notary.try_wait().unwrap(), None);
        }
    }
    assert!(!bad.exists());
    fs::create_dir(desk.path("mount")).unwrap();
    desk.grow(46);
    let output = notary.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert_eq!(said.matches("JOURNAL: checkpoint not written").count(), 1, "{said}");
    assert!(said.contains("anchor has every checkpoint again"), "{said}");
    assert_eq!(fs::read(&bad).unwrap(), fs::read(desk.log()).unwrap());
    fine(&desk, &[&good, &bad]);
    // One that fails to the end is told by the exit code.
    let desk = Desk::at(46);
    let bad = argument("anchor", &desk.path("mount/bad.clk"));
    refused(&desk.once(&[&bad]), Exit::Journal, &["mount/bad.clk"]);
    assert_eq!(Desk::checkpoints(&desk.log()).len(), 1, "the run's own log has it");
}

#[test]
fn a_notary_signs_no_other_journal_than_it_has_signed() {
    let signed = |seq| {
        let desk = Desk::at(seq);
        clean(desk.once(&[]));
        desk
    };
    let refuses = |desk: &Desk, parts: &[&str]| {
        let log = fs::read(desk.log()).unwrap();
        refused(&desk.once(&[]), Exit::CheckFailed, parts);
        assert_eq!(fs::read(desk.log()).unwrap(), log, "nothing is signed");
    };
    // Written anew below what was signed.
    let desk = signed(40);
    let mut journal = whole();
    journal.record(33).payload[40] ^= 1;
    journal.refit();
    journal.write(&desk.run());
    refuses(&desk, &["the journal is not what was signed", "seq=35"]);
    // Cut below it.
    let desk = signed(40);
    let mut files = whole().files();
    files[2].truncate(600);
    journal::write_files(&desk.run(), &files);
    refuses(&desk, &["ends before what was signed"]);
    files.pop();
    journal::write_files(&desk.run(), &files);
    refuses(&desk, &["a segment that was signed is missing"]);
    // Another instance's.
    let desk = signed(40);
    of(*b"another instance", Shape { segment: 12, sync: 4, closed: true }).write(&desk.run());
    refuses(&desk, &["another instance"]);
    // Another key.
    let desk = signed(40);
    Signer::new(8).write_private_key(desk.path("").as_path());
    refuses(&desk, &["another key"]);
}

#[test]
fn a_notary_does_not_go_on_over_a_journal_that_contradicts_itself() {
    let change = |change: fn(&mut journal::Journal), parts: &[&str]| {
        let desk = Desk::new();
        let mut journal = whole();
        change(&mut journal);
        journal.write(&desk.run());
        refused(&desk.once(&[]), Exit::CheckFailed, parts);
        let log = Desk::checkpoints(&desk.log());
        assert!(
            log.iter().all(|checkpoint| whole().head_at(checkpoint.seq).head == checkpoint.head)
        );
    };
    change(
        |journal| {
            journal.segments[2].head.prev_head[3] ^= 1;
            journal.segments[2].fit_head();
        },
        &["does not follow the one before it", "segment=3"],
    );
    change(
        |journal| {
            journal.segments[0].head.prev_head[3] ^= 1;
            journal.segments[0].fit_head();
        },
        &["does not follow the genesis"],
    );
    // Two of one number, and a segment without its end.
    let desk = Desk::new();
    let mut files = whole().files();
    files.push(files[1].clone());
    journal::write_files(&desk.run(), &files);
    refused(&desk.once(&[]), Exit::CheckFailed, &["two segments of one number"]);
    files.pop();
    let end = whole().segments[0].offset(9);
    files[0].truncate(end);
    journal::write_files(&desk.run(), &files);
    let output = desk.notary(&["--every-ms=1"]).output().unwrap();
    refused(&output, Exit::CheckFailed, &["ends without a seal", "seq=10"]);
}

#[test]
fn an_anchor_that_knows_better_is_believed() {
    let mut desk = Desk::at(23);
    let anchor = desk.path("anchor.clk");
    let args = [argument("anchor", &anchor)];
    let args = [args[0].as_str()];
    clean(desk.once(&args));
    let older = fs::read(desk.log()).unwrap();
    desk.grow(40);
    clean(desk.once(&args));
    // The run's folder was rolled back, its log with it.
    fs::write(desk.log(), &older).unwrap();
    refused(&desk.once(&args), Exit::CheckFailed, &["anchor.clk", "something else"]);
    assert_eq!(fs::read(desk.log()).unwrap(), older, "no fork is signed");
    // An anchor of another run.
    let other = Desk::at(23);
    let output = other.once(&args);
    refused(&output, Exit::CheckFailed, &["anchor.clk", "something else"]);
}

#[test]
fn keys_and_arguments_that_will_not_do() {
    let desk = Desk::at(46);
    let key = desk.path("notary.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    refused(&desk.once(&[]), Exit::Configuration, &["notary.key", "mode 0640", "chmod 600"]);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&key, "no key\n").unwrap();
    refused(&desk.once(&[]), Exit::Configuration, &["notary.key", "64 hex digits"]);
    fs::remove_file(&key).unwrap();
    refused(&desk.once(&[]), Exit::Resource, &["notary.key"]);
    let bare = || {
        let mut command = std::process::Command::new(crate::support::program("corelane-notary"));
        command.arg(argument("run-dir", &desk.run())).arg("--once");
        command.env_remove("CREDENTIALS_DIRECTORY");
        command
    };
    refused(&bare().output().unwrap(), Exit::Arguments, &["no key", "--key", "LoadCredential"]);
    assert!(!desk.log().exists());
    // As systemd hands it over.
    Signer::new(7).write_private_key(desk.path("").as_path());
    fs::create_dir(desk.path("credentials")).unwrap();
    let credential = desk.path("credentials/notary-key");
    fs::rename(&key, &credential).unwrap();
    fs::set_permissions(&credential, fs::Permissions::from_mode(0o400)).unwrap();
    let output = bare().env("CREDENTIALS_DIRECTORY", desk.path("credentials")).output().unwrap();
    clean(output);
    assert_eq!(Desk::checkpoints(&desk.log())[0].seq, 46);
    fs::set_permissions(&credential, fs::Permissions::from_mode(0o644)).unwrap();
    let output = bare().env("CREDENTIALS_DIRECTORY", desk.path("credentials")).output().unwrap();
    refused(&output, Exit::Configuration, &["mode 0644"]);
    // No journal at all.
    refused(&Desk::new().once(&[]), Exit::Resource, &["no journal found"]);
    let output = desk.once(&["--every-ms=0"]);
    assert_eq!(output.status.code(), Some(i32::from(Exit::Arguments.code())));
}

#[test]
fn two_notaries_do_not_share_a_log() {
    let mut desk = Desk::at(23);
    let mut notary = desk.notary(&[]).spawn().unwrap();
    desk.until_signed(&mut notary, vouched(&desk.journal, 23));
    refused(&desk.once(&[]), Exit::Resource, &["checkpoints.clk", "in use"]);
    desk.grow(46);
    assert!(notary.wait().unwrap().success());
}

/// The commands as the README shows them: keys, notary, audit; then what an audit of a changed
/// journal says.
#[test]
fn a_pair_of_keygen_signs_and_verifies() {
    let desk = Desk::at(46);
    fs::create_dir(desk.path("keys")).unwrap();
    clean(corelane(&["limits", "keygen", &argument("out", &desk.path("keys"))]));
    let anchor = desk.path("anchor.clk");
    let output = std::process::Command::new(crate::support::program("corelane-notary"))
        .arg(argument("run-dir", &desk.run()))
        .arg(argument("key", &desk.path("keys/limits.key")))
        .arg(argument("anchor", &anchor))
        .output()
        .unwrap();
    clean(output);
    let run = desk.run();
    let key = argument("public-key", &desk.path("keys/limits.pub"));
    let checkpoints = argument("checkpoints", &anchor);
    let args = ["audit", run.to_str().unwrap(), &key, &checkpoints];
    let text = clean(corelane(&args));
    for part in ["verdict          ok", "closed", "blind window     0 records"] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    let mut journal = whole();
    journal.record(20).payload[50] ^= 1;
    journal.write(&run);
    let output = corelane(&args);
    refused(&output, Exit::CheckFailed, &["kind=edit", "first_bad_seq=20", "000002.clj"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("verdict          failed") && text.contains("edit record 20"), "{text}");
    let output = corelane(&[&args[..], &["--json", "--threads=2"]].concat());
    let report = json(&String::from_utf8_lossy(&output.stdout));
    assert_eq!((&report["version"], &report["verdict"]), (&1.into(), &"failed".into()));
    assert_eq!((&report["kind"], &report["first_bad_seq"]), (&"edit".into(), &20.into()));
    for bad in ["--instance=zz", "--threads=0"] {
        let output = corelane(&[&args[..], &[bad]].concat());
        assert_eq!(output.status.code(), Some(i32::from(Exit::Arguments.code())), "{bad}");
    }
}

/// The configuration names a key and an anchor: `corelane run` starts the notary beside the engine,
/// and the audit of the run has both to hold against its journal.
#[test]
fn a_run_with_a_notary_is_signed_to_its_end_and_audits_clean() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("limits.key");
    clean(corelane(&["limits", "keygen", &argument("out", dir.path())]));
    let anchor = dir.path().join("anchor.clk");
    let file = crate::support::config(dir.path(), |text| {
        let text = crate::support::set(&text, "speed", "\"max\"");
        let (key, anchor) = (key.display(), anchor.display());
        format!("{text}[notary]\nkey = \"{key}\"\nanchors = [\"{anchor}\"]\nevery_ms = 20\n")
    });
    clean(corelane(&["run", "--quiet", &argument("config", &file)]));
    let run = crate::support::only_run(dir.path());
    let public = argument("public-key", &dir.path().join("limits.pub"));
    let args = ["audit", run.to_str().unwrap(), "--json", &public];
    let report =
        json(&clean(corelane(&[&args[..], &[&argument("checkpoints", &anchor)]].concat())));
    assert_eq!(
        (&report["verdict"], &report["state"]),
        (&"ok".into(), &"closed".into()),
        "{report}"
    );
    assert_eq!(report["blind"]["records"], 0, "signed to its last record: {report}");
}
