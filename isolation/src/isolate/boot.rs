//! The boot line: its words, and the loader whose files hold it.
//!
//! Must never: touch a file whose form it does not know, write where the line has no effect, or
//! start a program: what makes the loader read its file again is told to the operator.

use super::edit::{self, Edit, How};
use super::{Planned, Refusal, Wish};
use crate::cpus::CpuSet;
use crate::host::{Host, Missing};
use crate::kernel::Kernel;
use crate::persisted::{self, has_end};
use wire::exit::Exit;

/// The words a division asks for, in their order.
#[must_use]
pub fn words(wish: &Wish) -> Vec<String> {
    let plan = &wish.layout.plan;
    let (hot, rest): (&CpuSet, &CpuSet) = (&plan.hot, &plan.housekeeping);
    let mut words = vec![
        format!("isolcpus=managed_irq,domain,{hot}"),
        format!("nohz_full={hot}"),
        format!("rcu_nocbs={hot}"),
        format!("irqaffinity={rest}"),
        "skew_tick=1".to_owned(),
        "nmi_watchdog=0".to_owned(),
        "transparent_hugepage=madvise".to_owned(),
        "pcie_aspm.policy=performance".to_owned(),
    ];
    if wish.kernel.is_none_or(|kernel| kernel >= Kernel::new(6, 11)) {
        words.push("rcutree.nohz_full_patience_delay=1000".to_owned());
    }
    words
}

/// A loader whose files are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loader {
    /// Its name.
    pub name: &'static str,
    /// Files that hold the line, and how.
    files: Vec<(String, How)>,
    /// Whether its words go into a drop-in of our own.
    has_drop_in: bool,
    /// What makes it read them.
    pub next: &'static str,
}

pub(super) const ENTRIES: [&str; 3] =
    ["boot/loader/entries", "efi/loader/entries", "boot/efi/loader/entries"];
const LOADERS: [&str; 3] =
    ["boot/loader/loader.conf", "efi/loader/loader.conf", "boot/efi/loader/loader.conf"];
const GRUB: &str = "etc/default/grub";
pub(super) const CMDLINE: &str = "etc/kernel/cmdline";
/// Our own drop-in, after those of distribution and image.
const DROP_IN: &str = "99-corelane.cfg";
pub(super) const GRUB_NEXT: &str =
    "run update-grub (or grub2-mkconfig -o /boot/grub2/grub.cfg), then reboot";

impl Loader {
    /// The loader of a host.
    ///
    /// # Errors
    /// HOST for one that is not known, for two, or whose line another tool keeps, RESOURCE where
    /// its files could not be read.
    pub fn of(host: &Host) -> Result<Self, Refusal> {
        if host.is_there("run/ostree-booted") || host.is_there("ostree") {
            let next = "run `rpm-ostree kargs` with the words of `corelane isolate render`, and \
                        leave the line out here with --boot=none";
            return Err(refused("ostree keeps the boot line", "loader=ostree".into(), next));
        }
        let grub = whole(host, GRUB)?;
        let mut entries = entries(host)?;
        let line = host.is_there(CMDLINE).then(|| (CMDLINE.to_owned(), How::Line));
        let is_blscfg = grub.as_ref().is_some_and(|text| {
            let on = ["GRUB_ENABLE_BLSCFG=true", "GRUB_ENABLE_BLSCFG=\"true\""];
            text.lines().any(|line| on.contains(&line.trim()))
        });
        let of_grub = (GRUB.to_owned(), How::Grub);
        let is_systemd_boot = LOADERS.iter().any(|path| host.is_there(path));
        let has_drop_in = persisted::reads_drop_ins(host);
        match (grub.is_some(), entries.is_empty()) {
            (true, _) if is_systemd_boot => {
                let fields = "found=grub,systemd-boot".to_owned();
                let next = "remove the files of the one that does not boot, or leave the line out \
                            here with --boot=none";
                Err(refused("two boot loaders have files here", fields, next))
            }
            (true, false) if is_blscfg => {
                entries.push(of_grub);
                entries.extend(line);
                let next = "reboot: the entries are read as they are";
                Ok(Self { name: "grubby", files: entries, has_drop_in: false, next })
            }
            (true, _) => {
                Ok(Self { name: "grub", files: vec![of_grub], has_drop_in, next: GRUB_NEXT })
            }
            (false, is_empty) if is_systemd_boot && (!is_empty || line.is_some()) => {
                entries.extend(line);
                let next = "reboot; for unified kernel images run kernel-install first";
                Ok(Self { name: "systemd-boot", files: entries, has_drop_in: false, next })
            }
            _ => {
                let fields = "known=grub,grubby,systemd-boot".to_owned();
                let next = "give the kernel the words of `corelane isolate render` by hand, and \
                            leave the line out here with --boot=none";
                Err(refused("the boot loader is not known", fields, next))
            }
        }
    }

    /// Its files as they should be.
    ///
    /// # Errors
    /// HOST where a file has another form, RESOURCE where one could not be read.
    pub fn edited(&self, host: &Host, words: &[String]) -> Result<Vec<Planned>, Refusal> {
        let mut files = Vec::new();
        for (path, how) in &self.files {
            let edit =
                if self.has_drop_in { Edit::out(*how, words) } else { Edit::new(*how, words) };
            let bytes = host.whole(path).map_err(unread)?;
            let bytes = edit.merged(&bytes).map_err(|why| strange(path, why))?;
            files.push(Planned { path: path.clone(), bytes, edit: Some(edit) });
        }
        if self.has_drop_in {
            check_drop_ins(host, words)?;
            let text = format!(
                "# Written by `corelane isolate`.\n\
                 GRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT {}\"\n",
                words.join(" ")
            );
            files.push(Planned::from((format!("{}/{DROP_IN}", persisted::DROP_INS), text)));
        }
        Ok(files)
    }
}

fn whole(host: &Host, path: &str) -> Result<Option<String>, Refusal> {
    match host.whole(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(missing) if missing.is_absent() => Ok(None),
        Err(missing) => Err(unread(missing)),
    }
}

/// Entries that start a kernel; others start another system.
fn entries(host: &Host) -> Result<Vec<(String, How)>, Refusal> {
    let mut entries = Vec::new();
    for folder in ENTRIES {
        let names = match host.names(folder) {
            Ok(names) => names,
            Err(missing) if missing.is_absent() => continue,
            Err(missing) => return Err(unread(missing)),
        };
        for name in names.into_iter().filter(|name| has_end(name, "conf")) {
            let path = format!("{folder}/{name}");
            let text = whole(host, &path)?.unwrap_or_default();
            let is_kernel = |line: &str| line.split_whitespace().next() == Some("linux");
            if text.lines().any(is_kernel) {
                entries.push((path, How::Entry));
            }
        }
    }
    Ok(entries)
}

/// Whether the other drop-ins leave ours its effect.
fn check_drop_ins(host: &Host, words: &[String]) -> Result<(), Refusal> {
    const KEY: &str = "GRUB_CMDLINE_LINUX_DEFAULT";
    let names: Vec<String> = words.iter().map(|word| edit::name(word)).collect();
    for name in persisted::drop_ins(host).map_err(unread)?.iter().filter(|name| *name != DROP_IN) {
        let path = format!("{}/{name}", persisted::DROP_INS);
        let text = whole(host, &path)?.unwrap_or_default();
        let lines = || text.lines().filter(|line| !line.trim_start().starts_with('#'));
        if lines().any(|line| edit::has_name(line, &names)) {
            return Err(strange(&path, "it sets words that are ours to set"));
        }
        let is_kept =
            |line: &str| line.contains(&format!("${KEY}")) || line.contains(&format!("${{{KEY}}}"));
        let undoes = |line: &str| line.contains(&format!("{KEY}=")) && !is_kept(line);
        if name.as_str() > DROP_IN && lines().any(undoes) {
            return Err(strange(&path, "it comes after ours and sets the line anew"));
        }
    }
    Ok(())
}

fn refused(what: &'static str, fields: String, next: &'static str) -> Refusal {
    Refusal { exit: Exit::Host, what, fields, next }
}

fn strange(path: &str, why: &str) -> Refusal {
    let next = "put it into the usual form, or leave the line out here with --boot=none";
    refused("the boot line cannot be edited", format!("path={path} why=\"{why}\""), next)
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn unread(missing: Missing) -> Refusal {
    let next = "run it as root";
    let fields = format!("error=\"{missing}\"");
    Refusal { exit: Exit::Resource, what: "a file of the boot loader cannot be read", fields, next }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Vec<String> {
        vec!["nohz_full=2-3".into(), "skew_tick=1".into()]
    }

    fn merged(how: How, text: &str) -> Result<String, &'static str> {
        let edit = Edit::new(how, &words());
        edit.merged(text.as_bytes()).map(|bytes| String::from_utf8(bytes).expect("text"))
    }

    #[test]
    fn only_our_words_change_and_twice_is_once() {
        for (before, after) in [
            ("quiet", "quiet nohz_full=2-3 skew_tick=1"),
            ("nohz-full=7 ro  quiet skew_tick=1", "ro  quiet nohz_full=2-3 skew_tick=1"),
            ("skew_tick=1 a nohz_full=2-3 b", "skew_tick=1 a nohz_full=2-3 b"),
            ("nohz_full=7 a nohz_full=2-3", "a nohz_full=2-3 skew_tick=1"),
            ("a=\"x nohz_full=7\" b", "a=\"x nohz_full=7\" b nohz_full=2-3 skew_tick=1"),
            ("", "nohz_full=2-3 skew_tick=1\n"),
        ] {
            let edited = merged(How::Line, before).expect(before);
            assert_eq!(edited, after, "{before}");
            assert_eq!(merged(How::Line, &edited).as_ref(), Ok(&edited));
        }
    }

    #[test]
    fn a_grub_file_is_edited_in_its_one_plain_assignment() {
        let ours = "nohz_full=2-3 skew_tick=1";
        for (before, after) in [
            (
                "# x\nGRUB_CMDLINE_LINUX_DEFAULT='quiet'\nGRUB_CMDLINE_LINUX=\"a\"\n",
                format!(
                    "# x\nGRUB_CMDLINE_LINUX_DEFAULT='quiet {ours}'\nGRUB_CMDLINE_LINUX=\"a\"\n"
                ),
            ),
            ("GRUB_CMDLINE_LINUX=a\n", format!("GRUB_CMDLINE_LINUX=\"a {ours}\"\n")),
            ("GRUB_CMDLINE_LINUX=\"\"\n", format!("GRUB_CMDLINE_LINUX=\"{ours}\"\n")),
            ("X=1\n", format!("X=1\nGRUB_CMDLINE_LINUX_DEFAULT=\"{ours}\"\n")),
        ] {
            let edited = merged(How::Grub, before).expect(before);
            assert_eq!(edited, after);
            assert_eq!(merged(How::Grub, &edited), Ok(after));
        }
        for bad in [
            "GRUB_CMDLINE_LINUX=\"a\"\nGRUB_CMDLINE_LINUX=\"b\"\n",
            "GRUB_CMDLINE_LINUX+=\" b\"\n",
            "GRUB_CMDLINE_LINUX=\"a\" \"b\"\n",
            "GRUB_CMDLINE_LINUX=\"a\\\n b\"\n",
            "GRUB_CMDLINE_LINUX=a b\n",
        ] {
            assert!(merged(How::Grub, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_entry_is_edited_in_its_line_of_options() {
        let text = "title x\noptions root=/dev/a ro\nlinux /l\n";
        let after = "title x\noptions root=/dev/a ro nohz_full=2-3 skew_tick=1\nlinux /l\n";
        assert_eq!(merged(How::Entry, text).as_deref(), Ok(after));
        assert!(merged(How::Entry, "options $kernelopts\n").is_err());
        assert!(merged(How::Entry, "title x\n").is_err());
    }
}
