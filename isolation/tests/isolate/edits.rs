//! Files that are somebody else's and hold words of ours: what their owner adds later stays, over
//! every apply and the way back.

use crate::support::{
    Killed, OTHER, TOPOLOGY, Work, a_box, apply_all, calls, changes, is_ended, put, rollback_all,
    text, tree,
};
use corelane_isolation::isolate::{Changes, Disk, Fault, Real, What};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

const GRUB: &str = "etc/default/grub";
const IRQBALANCE: &str = "etc/default/irqbalance";
const SYSCTL: &str = "etc/sysctl.d/90-corelane.conf";
const ENTRIES: &str = "boot/loader/entries";
const LINE: &str = "quiet splash";

fn apply(root: &Path, topology: &str) -> Vec<corelane_isolation::isolate::Done> {
    apply_all(root, &changes(root, topology), false, &mut Real).expect("applied")
}

fn back(root: &Path) -> Vec<corelane_isolation::isolate::Done> {
    rollback_all(root, false, &mut Real).expect("taken back")
}

fn edit(root: &Path, path: &str, from: &str, to: &str) {
    let old = text(root, path);
    assert!(old.contains(from), "{path} has no {from:?}: {old}");
    put(root, path, &old.replacen(from, to, 1));
}

#[test]
fn what_was_edited_between_two_applies_stays_when_both_are_taken_back() {
    for topology in [TOPOLOGY, OTHER] {
        let dir = a_box();
        let root = dir.path();
        apply(root, TOPOLOGY);
        edit(root, GRUB, LINE, "quiet splash cryptdevice=UUID=1:root");
        edit(root, GRUB, "GRUB_TIMEOUT=5", "GRUB_TIMEOUT=9\nGRUB_ENABLE_CRYPTODISK=y");
        edit(root, IRQBALANCE, "IRQBALANCE_ARGS=", "IRQBALANCE_ARGS=--deepestcache=2");
        apply(root, topology);
        back(root);
        assert_eq!(
            text(root, GRUB),
            "GRUB_TIMEOUT=9\nGRUB_ENABLE_CRYPTODISK=y\n\
             GRUB_CMDLINE_LINUX_DEFAULT=\"quiet splash cryptdevice=UUID=1:root\"\n"
        );
        assert_eq!(text(root, IRQBALANCE), "# banned\nIRQBALANCE_ARGS=--deepestcache=2\n");
        assert!(!root.join("var/lib/corelane-isolate.json").exists(), "nothing of ours is left");
    }
}

#[test]
fn a_word_of_the_owner_s_that_ours_replaced_comes_back_and_one_set_later_stays() {
    let dir = a_box();
    let root = dir.path();
    put(root, GRUB, "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet nohz_full=7 skew_tick=1 ro\"\n");
    let before = text(root, GRUB);
    apply(root, TOPOLOGY);
    back(root);
    assert_eq!(text(root, GRUB), before);
    // Set to another value after us: his, and left; what he added too.
    apply(root, TOPOLOGY);
    edit(root, GRUB, "nmi_watchdog=0", "nmi_watchdog=1 added");
    back(root);
    let after = text(root, GRUB);
    for word in ["quiet", "ro", "nohz_full=7", "skew_tick=1", "nmi_watchdog=1", "added"] {
        assert!(after.contains(word), "{word}: {after}");
    }
    assert!(!after.contains("isolcpus") && !after.contains("nohz_full=5-7"), "{after}");
}

#[test]
fn an_interrupt_that_was_bound_by_hand_between_two_applies_is_left() {
    let dir = a_box();
    let root = dir.path();
    let irq = "proc/irq/6/smp_affinity_list";
    apply(root, TOPOLOGY);
    put(root, irq, "2\n");
    apply(root, TOPOLOGY);
    let done = back(root);
    assert_eq!(text(root, irq), "2\n");
    assert!(done.iter().any(|d| d.path == irq && d.what == What::Foreign), "{done:?}");
}

#[test]
fn what_was_overwritten_is_kept_beside_it_and_the_way_back_leads_to_the_first() {
    let dir = a_box();
    let root = dir.path();
    let before = tree(root);
    apply(root, TOPOLOGY);
    for n in 0..2 {
        let edited = format!("{}# mine {n}\n", text(root, SYSCTL));
        put(root, SYSCTL, &edited);
        let all = changes(root, OTHER);
        let fault = apply_all(root, &all, false, &mut Real);
        assert!(matches!(fault, Err(Fault::Foreign(_))), "{fault:?}");
        let done = apply_all(root, &all, true, &mut Real).expect("applied");
        let copies: Vec<String> = fs::read_dir(root.join("etc/sysctl.d"))
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
            .filter(|name| name.contains("overwritten"))
            .collect();
        assert_eq!(copies.len(), n + 1, "{copies:?}");
        assert!(copies.iter().any(|name| text(root, &format!("etc/sysctl.d/{name}")) == edited));
        let is_told = |name: &String| done.iter().any(|d| format!("{:?}", d.what).contains(name));
        assert!(copies.iter().any(is_told), "{done:?}");
    }
    back(root);
    assert_eq!(text(root, SYSCTL), "vm.swappiness = 10\n");
    for entry in fs::read_dir(root.join("etc/sysctl.d")).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.display().to_string().contains("overwritten") {
            fs::remove_file(path).expect("removed");
        }
    }
    assert_eq!(tree(root), before);
}

/// A box whose GRUB reads entries, one a kernel.
fn entries_box() -> tempfile::TempDir {
    let dir = a_box();
    let root = dir.path();
    put(root, GRUB, "GRUB_ENABLE_BLSCFG=true\nGRUB_CMDLINE_LINUX=\"ro\"\n");
    put(root, "etc/kernel/cmdline", "root=/dev/a ro\n");
    put(root, &format!("{ENTRIES}/a.conf"), "linux /a\noptions root=/dev/a ro\n");
    put(root, &format!("{ENTRIES}/b.conf"), "linux /b\noptions root=/dev/a ro\n");
    dir
}

#[test]
fn a_kernel_that_came_later_is_freed_of_our_words_and_one_that_went_does_not_come_back() {
    for topology in [TOPOLOGY, OTHER] {
        let dir = entries_box();
        let root = dir.path();
        apply(root, TOPOLOGY);
        // As the package manager does it: the new one inherits the line, the oldest goes.
        let new = format!("{ENTRIES}/c.conf");
        put(root, &new, &text(root, &format!("{ENTRIES}/b.conf")).replace("/b", "/c"));
        fs::remove_file(root.join(ENTRIES).join("a.conf")).expect("removed");
        fs::remove_file(root.join(IRQBALANCE)).expect("purged");
        let done = apply(root, topology);
        assert!(done.iter().all(|done| done.what != What::Foreign), "{done:?}");
        let done = back(root);
        assert!(done.iter().all(|done| done.what != What::Foreign), "{done:?}");
        assert_eq!(text(root, &new), "linux /c\noptions root=/dev/a ro\n");
        assert_eq!(text(root, &format!("{ENTRIES}/b.conf")), "linux /b\noptions root=/dev/a ro\n");
        assert_eq!(text(root, "etc/kernel/cmdline"), "root=/dev/a ro\n");
        for gone in [&format!("{ENTRIES}/a.conf"), IRQBALANCE] {
            assert!(!root.join(gone).exists(), "{gone} came back");
        }
        assert!(!root.join("var/lib/corelane-isolate.json").exists(), "nothing of ours is left");
    }
}

#[test]
fn a_later_kernel_that_never_saw_a_second_apply_is_freed_too() {
    let dir = entries_box();
    let root = dir.path();
    put(root, "etc/kernel/cmdline", "root=/dev/a ro skew_tick=1\n");
    let own = "linux /b\noptions root=/dev/a ro skew_tick=1\n";
    put(root, &format!("{ENTRIES}/b.conf"), own);
    apply(root, TOPOLOGY);
    let new = format!("{ENTRIES}/c.conf");
    put(root, &new, &text(root, &format!("{ENTRIES}/b.conf")).replace("/b", "/c"));
    let done = back(root);
    assert_eq!(text(root, &new), own.replace("/b", "/c"), "the owner's own word stays");
    assert!(done.iter().any(|d| d.path == new && d.what == What::Restored), "{done:?}");
}

#[test]
fn a_link_stays_a_link_and_modes_are_the_owner_s() {
    let dir = a_box();
    let root = dir.path();
    let real = root.join("etc/grub.real");
    fs::rename(root.join(GRUB), &real).expect("moved");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o600)).expect("a mode");
    symlink("../grub.real", root.join(GRUB)).expect("a link");
    let before = tree(root);
    apply(root, TOPOLOGY);
    assert!(fs::symlink_metadata(root.join(GRUB)).expect("there").is_symlink());
    assert!(text(root, GRUB).contains("isolcpus"));
    let mode = |path: &Path| fs::metadata(path).expect("there").mode() & 0o7777;
    assert_eq!(mode(&real), 0o600);
    back(root);
    assert_eq!(tree(root), before);
    // What its owner allows after us is still so on the way back.
    apply(root, TOPOLOGY);
    for path in [GRUB, IRQBALANCE, SYSCTL] {
        let mode = fs::Permissions::from_mode(0o604);
        fs::set_permissions(root.join(path), mode).expect("a mode");
    }
    back(root);
    for path in [GRUB, IRQBALANCE, SYSCTL] {
        assert_eq!(mode(&root.join(path)), 0o604, "{path}");
    }
}

#[test]
fn a_file_with_a_second_name_is_not_torn_from_it() {
    let dir = a_box();
    let root = dir.path();
    fs::hard_link(root.join(GRUB), root.join("etc/grub.too")).expect("a name");
    let before = tree(root);
    let fault = apply_all(root, &changes(root, TOPOLOGY), false, &mut Real);
    assert!(matches!(&fault, Err(Fault::Path(path, _)) if path == GRUB), "{fault:?}");
    assert_eq!(tree(root), before);
}

/// A box of each kind whose files are edited in a way of their own.
fn kinds() -> [tempfile::TempDir; 3] {
    let (entries, drop_ins, link) = (entries_box(), a_box(), a_box());
    let root = drop_ins.path();
    put(root, "etc/default/grub.d/50.cfg", "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\n");
    put(root, GRUB, "GRUB_CMDLINE_LINUX=\"isolcpus=1 ro\"\n");
    let root = link.path();
    fs::rename(root.join(GRUB), root.join("etc/grub.real")).expect("moved");
    symlink("../grub.real", root.join(GRUB)).expect("a link");
    [entries, drop_ins, link]
}

/// What is asked of the files of its loader and of irqbalance alone.
fn edits(root: &Path, topology: &str) -> Changes {
    let mut all = changes(root, topology);
    all.files.retain(|file| file.edit.is_some() || file.path.contains("grub.d"));
    all.settings.clear();
    all
}

#[test]
fn a_kill_at_any_call_gives_back_the_files_of_every_loader() {
    let first =
        |root: &Path, disk: &mut dyn Disk| apply_all(root, &edits(root, TOPOLOGY), false, disk);
    let second = |root: &Path, disk: &mut dyn Disk| {
        first(root, &mut Real)?;
        apply_all(root, &edits(root, OTHER), false, disk)
    };
    let back = |root: &Path, disk: &mut dyn Disk| {
        first(root, &mut Real)?;
        rollback_all(root, false, disk)
    };
    let works: [&Work; 3] = [&first, &second, &back];
    for work in works {
        for kind in 0..kinds().len() {
            let count = calls(|disk| drop(work(kinds()[kind].path(), disk).expect("it ends")));
            assert!(count >= 8, "{count} calls");
            for left in 1..=count {
                let boxes = kinds();
                let root = boxes[kind].path();
                let before = tree(root);
                let ended = work(root, &mut Killed { left, calls: 0 });
                assert!(is_ended(&ended), "killed at call {left} of {count}: {ended:?}");
                rollback_all(root, false, &mut Real).expect("taken back");
                assert_eq!(tree(root), before, "killed at call {left} of {count}, kind {kind}");
            }
        }
    }
}
