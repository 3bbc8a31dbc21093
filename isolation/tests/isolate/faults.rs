//! Paths and journals that cannot be read: none of them keeps the rest from being taken back.

use crate::support::{TOPOLOGY, a_box, apply_all, changes, put, rollback_all, text, tree};
use corelane_isolation::isolate::journal::Journal;
use corelane_isolation::isolate::{Real, What};
use std::fs;
use std::io;

/// A path that cannot be read, whoever asks: a folder.
fn block(path: &std::path::Path) {
    fs::remove_file(path).expect("removed");
    fs::create_dir(path).expect("a folder");
}

#[test]
fn one_path_that_cannot_be_read_keeps_no_other_from_being_taken_back() {
    let dir = a_box();
    let root = dir.path();
    let before = tree(root);
    apply_all(root, &changes(root, TOPOLOGY), false, &mut Real).expect("applied");
    let (value, unit) = ("proc/sys/vm/swappiness", "etc/systemd/system/corelane-engine.service");
    let kept = [value, unit].map(|path| (path, text(root, path)));
    for (path, _) in &kept {
        block(&root.join(path));
    }
    let done = rollback_all(root, false, &mut Real).expect("the rest is taken back");
    let restored = done.iter().filter(|done| done.what == What::Restored).count();
    assert!(restored > 20, "{done:?}");
    for (path, _) in &kept {
        let found = done.iter().find(|done| done.path == *path).expect("it is told");
        assert!(!matches!(found.what, What::Restored | What::Written), "{found:?}");
    }
    // They are still known.
    for (path, text) in &kept {
        fs::remove_dir(root.join(path)).expect("removed");
        put(root, path, text);
    }
    rollback_all(root, false, &mut Real).expect("taken back");
    assert_eq!(tree(root), before);
}

#[test]
fn bytes_that_are_no_text_come_back_as_they_were() {
    let dir = a_box();
    let root = dir.path();
    let grub = root.join("etc/default/grub");
    let with = |line: &str| [b"# caf\xe9\r\n".as_slice(), line.as_bytes()].concat();
    fs::write(&grub, with("GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\n")).expect("a file");
    fs::write(root.join("etc/sysctl.d/90-corelane.conf"), with("vm.x = 1\n")).expect("a file");
    let before = tree(root);
    apply_all(root, &changes(root, TOPOLOGY), false, &mut Real).expect("applied");
    rollback_all(root, false, &mut Real).expect("taken back");
    assert_eq!(tree(root), before);
    // And where they came later.
    apply_all(root, &changes(root, TOPOLOGY), false, &mut Real).expect("applied");
    let edited = [fs::read(&grub).expect("a file"), b"# th\xe9\n".to_vec()].concat();
    fs::write(&grub, edited).expect("a file");
    rollback_all(root, false, &mut Real).expect("taken back");
    let after = with("GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\n# th");
    assert_eq!(fs::read(&grub).expect("a file"), [after, b"\xe9\n".to_vec()].concat());
}

#[test]
fn a_journal_that_is_torn_is_told_apart_from_one_of_another_version() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("journal");
    let kind = |text: &str| {
        fs::write(&path, text).expect("a file");
        Journal::read(&path).expect_err(text).kind()
    };
    for torn in ["", "{\"version\":", "[]", "{\"version\": 2, \"folders\": [", "x"] {
        assert_eq!(kind(torn), io::ErrorKind::InvalidData, "{torn:?}");
    }
    for other in ["{\"version\": 99}", "{\"version\": 99, \"folders\": [], \"paths\": {}}"] {
        assert_eq!(kind(other), io::ErrorKind::Unsupported, "{other:?}");
    }
    fs::write(&path, [0xff, 0xfe]).expect("a file");
    assert_eq!(Journal::read(&path).expect_err("no text").kind(), io::ErrorKind::InvalidData);
}
