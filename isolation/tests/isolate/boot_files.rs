//! The boot line in the files of each loader: where it has effect, in forms that are known, and
//! refused in every other.

use crate::support::{TOPOLOGY, a_box, apply_all, put, rollback_all, text, tree, wish};
use corelane_isolation::Host;
use corelane_isolation::isolate::{Changes, Real, Refusal};
use std::fs;
use std::path::Path;
use std::process::Command;

const GRUB: &str = "etc/default/grub";
const DROP_IN: &str = "etc/default/grub.d/99-corelane.cfg";
/// What of Debian's `grub-mkconfig` says that it reads the folder.
const MKCONFIG: &str = "for x in ${sysconfdir}/default/grub.d/*.cfg ; do\n  . \"${x}\"\ndone\n";

fn wanted(root: &Path) -> Result<Changes, Refusal> {
    let host = Host::at(root).expect("a tree");
    Changes::of(&wish(&host, TOPOLOGY), &host, true)
}

fn apply(root: &Path) {
    apply_all(root, &wanted(root).expect("changes"), false, &mut Real).expect("applied");
}

/// The line of a usual boot, as Debian's `grub-mkconfig` makes it of its files.
fn line(root: &Path) -> String {
    let script = ". etc/default/grub; for x in etc/default/grub.d/*.cfg; do \
                  if [ -e \"$x\" ]; then . \"$x\"; fi; done; \
                  printf '%s %s' \"$GRUB_CMDLINE_LINUX\" \"$GRUB_CMDLINE_LINUX_DEFAULT\"";
    let script = script.replace(". etc", ". ./etc").replace("in etc", "in ./etc");
    let output = Command::new("sh")
        .args(["-euc", &format!("GRUB_CMDLINE_LINUX=; {script}")])
        .current_dir(root)
        .output()
        .expect("a shell");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn values(line: &str, name: &str) -> Vec<String> {
    let words = line.split_whitespace().filter_map(|word| word.split_once('='));
    words.filter(|(found, _)| *found == name).map(|(_, value)| value.to_owned()).collect()
}

/// A box of Ubuntu's image for clouds.
fn cloud_box() -> tempfile::TempDir {
    let dir = a_box();
    put(dir.path(), "usr/sbin/grub-mkconfig", MKCONFIG);
    let assigned = "GRUB_CMDLINE_LINUX_DEFAULT=\"console=tty1 console=ttyS0\"\n";
    put(dir.path(), "etc/default/grub.d/50-cloudimg-settings.cfg", assigned);
    dir
}

#[test]
fn the_line_has_effect_where_a_drop_in_of_the_image_sets_it() {
    let dir = cloud_box();
    let root = dir.path();
    let before = tree(root);
    let grub = text(root, GRUB);
    apply(root);
    let booted = line(root);
    assert_eq!(values(&booted, "nohz_full"), ["5-7"], "{booted}");
    assert_eq!(values(&booted, "console"), ["tty1", "ttyS0"], "{booted}");
    assert_eq!(text(root, GRUB), grub, "the file of its owner is not touched");
    rollback_all(root, false, &mut Real).expect("taken back");
    assert_eq!(tree(root), before);
}

#[test]
fn the_folder_is_made_where_it_is_read_and_not_there() {
    let dir = a_box();
    let root = dir.path();
    put(root, "usr/sbin/grub-mkconfig", MKCONFIG);
    put(
        root,
        GRUB,
        "GRUB_CMDLINE_LINUX=\"isolcpus=1 crashkernel=1G\"\n\
                     GRUB_CMDLINE_LINUX_DEFAULT='quiet nohz-full=1'\n",
    );
    let before = tree(root);
    apply(root);
    assert!(root.join(DROP_IN).exists());
    let booted = line(root);
    assert_eq!(values(&booted, "isolcpus"), ["managed_irq,domain,5-7"], "{booted}");
    assert_eq!(values(&booted, "nohz_full"), ["5-7"], "{booted}");
    assert!(values(&booted, "nohz-full").is_empty(), "{booted}");
    assert_eq!(values(&booted, "crashkernel"), ["1G"], "{booted}");
    // What its owner adds meanwhile stays.
    rollback_all(root, false, &mut Real).expect("taken back");
    assert_eq!(tree(root), before);
    apply(root);
    put(root, GRUB, &text(root, GRUB).replace("'quiet", "'quiet mem=8G"));
    rollback_all(root, false, &mut Real).expect("taken back");
    assert_eq!(values(&line(root), "isolcpus"), ["1"]);
    assert_eq!(values(&line(root), "mem"), ["8G"]);
}

#[test]
fn a_drop_in_that_would_undo_ours_or_set_the_same_words_is_refused() {
    for (name, text, is_refused) in [
        ("zz.cfg", "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\n", true),
        ("zz.cfg", "GRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT a\"\n", false),
        ("zz.cfg", "GRUB_CMDLINE_LINUX_DEFAULT=\"${GRUB_CMDLINE_LINUX_DEFAULT} a\"\n", false),
        ("zz.cfg", "# GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\n", false),
        ("10.cfg", "GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX isolcpus=1\"\n", true),
        ("10.cfg", "# isolcpus=1\nGRUB_TIMEOUT=1\n", false),
    ] {
        let dir = cloud_box();
        put(dir.path(), &format!("etc/default/grub.d/{name}"), text);
        match wanted(dir.path()) {
            Ok(_) => assert!(!is_refused, "{name} {text}"),
            Err(refusal) => {
                assert!(is_refused, "{name} {text}: {refusal}");
                assert_eq!(refusal.exit, wire::exit::Exit::Host);
                assert!(refusal.fields.contains(name), "{refusal}");
            }
        }
    }
}

#[test]
fn our_words_in_the_other_assignment_of_grub_give_way_and_come_back() {
    let dir = a_box();
    let root = dir.path();
    put(
        root,
        GRUB,
        "GRUB_CMDLINE_LINUX=\"isolcpus=1 crashkernel=1G\"\n\
                     GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\n",
    );
    let before = tree(root);
    apply(root);
    let booted = line(root);
    assert_eq!(values(&booted, "isolcpus"), ["managed_irq,domain,5-7"], "{booted}");
    assert_eq!(values(&booted, "crashkernel"), ["1G"], "{booted}");
    rollback_all(root, false, &mut Real).expect("taken back");
    assert_eq!(tree(root), before);
}

#[test]
fn an_assignment_in_another_form_is_refused_and_not_set_anew() {
    for line in [
        "export GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"",
        "if true; then GRUB_CMDLINE_LINUX_DEFAULT=quiet; fi",
        "A=1 GRUB_CMDLINE_LINUX_DEFAULT=quiet",
        "GRUB_TIMEOUT=1; GRUB_CMDLINE_LINUX=a",
    ] {
        let dir = a_box();
        put(dir.path(), GRUB, &format!("GRUB_TIMEOUT=5\n{line}\n"));
        let refusal = wanted(dir.path()).expect_err(line);
        assert_eq!(refusal.exit, wire::exit::Exit::Host, "{line}");
    }
    let dir = a_box();
    let fine = "# export GRUB_CMDLINE_LINUX_DEFAULT=x\nGRUB_CMDLINE_LINUX_RECOVERY=\"single\"\n";
    put(dir.path(), GRUB, fine);
    apply(dir.path());
    let after = text(dir.path(), GRUB);
    assert!(after.starts_with(fine) && after.contains("isolcpus"), "{after}");
}

/// A box of systemd-boot with this line for new kernels.
fn line_box(line: &str) -> tempfile::TempDir {
    let dir = a_box();
    fs::remove_file(dir.path().join(GRUB)).expect("removed");
    put(dir.path(), "boot/loader/loader.conf", "");
    put(dir.path(), "etc/kernel/cmdline", line);
    dir
}

#[test]
fn the_line_of_new_kernels_is_one_line_and_ours_stand_before_what_is_not_the_kernel_s() {
    for (line, starts) in [
        ("quiet -- single\n", Some("quiet isolcpus=")),
        ("quiet\tnohz_full=1\tro\n", Some("quiet\tro isolcpus=")),
        ("\nquiet\n\n", Some("\nquiet isolcpus=")),
        ("# kept by hand\nquiet\n", None),
        ("quiet\nro\n", None),
    ] {
        let dir = line_box(line);
        let root = dir.path();
        let before = tree(root);
        let Some(starts) = starts else {
            let refusal = wanted(root).expect_err(line);
            assert_eq!(refusal.exit, wire::exit::Exit::Host, "{line:?}");
            continue;
        };
        apply(root);
        let after = text(root, "etc/kernel/cmdline");
        assert!(after.starts_with(starts), "{line:?}: {after:?}");
        assert_eq!(after.contains("--"), after.trim_end().ends_with(" -- single"), "{after:?}");
        assert_eq!(values(&after, "nohz_full"), ["5-7"], "{after:?}");
        rollback_all(root, false, &mut Real).expect("taken back");
        assert_eq!(tree(root), before, "{line:?}");
    }
}

#[test]
fn two_loaders_are_one_too_many_and_an_entry_without_a_kernel_is_none() {
    let dir = line_box("quiet\n");
    put(dir.path(), GRUB, "GRUB_CMDLINE_LINUX=\"\"\n");
    let refusal = wanted(dir.path()).expect_err("which of the two boots?");
    assert_eq!(refusal.exit, wire::exit::Exit::Host);
    assert!(refusal.fields.contains("grub") && refusal.fields.contains("systemd-boot"));
    let dir = line_box("quiet\n");
    let windows = "title Windows\nefi /EFI/Microsoft/Boot/bootmgfw.efi\n";
    put(dir.path(), "boot/loader/entries/windows.conf", windows);
    put(dir.path(), "boot/loader/entries/a.conf", "linux /a\noptions ro\n");
    apply(dir.path());
    assert_eq!(text(dir.path(), "boot/loader/entries/windows.conf"), windows);
    assert!(text(dir.path(), "boot/loader/entries/a.conf").contains("isolcpus"));
}
