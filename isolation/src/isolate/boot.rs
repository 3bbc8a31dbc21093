//! The boot line: its words, the loader whose files hold it, and how they are edited.
//!
//! Must never: touch a file whose form it does not know, drop a word that is not its own, or start
//! a program: what makes the loader read its file again is told to the operator.

use super::{Refusal, Wish};
use crate::cpus::CpuSet;
use crate::host::{Host, Missing};
use crate::kernel::Kernel;
use crate::persisted::has_end;
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
    files: Vec<(String, Holder)>,
    /// What makes it read them.
    pub next: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    /// A shell assignment of `GRUB_CMDLINE_LINUX...`.
    Grub,
    /// The line `options` of an entry.
    Entry,
    /// The line itself.
    Line,
}

const ENTRIES: [&str; 3] = ["boot/loader/entries", "efi/loader/entries", "boot/efi/loader/entries"];
const LOADERS: [&str; 3] =
    ["boot/loader/loader.conf", "efi/loader/loader.conf", "boot/efi/loader/loader.conf"];
const GRUB: &str = "etc/default/grub";
const CMDLINE: &str = "etc/kernel/cmdline";

impl Loader {
    /// The loader of a host.
    ///
    /// # Errors
    /// HOST for one that is not known or whose line another tool keeps, RESOURCE where its files
    /// could not be read.
    pub fn of(host: &Host) -> Result<Self, Refusal> {
        if host.is_there("run/ostree-booted") || host.is_there("ostree") {
            let next = "run `rpm-ostree kargs` with the words of `corelane isolate render`, and \
                        leave the line out here with --boot=none";
            return Err(refused("ostree keeps the boot line", "loader=ostree".into(), next));
        }
        let grub = match host.whole(GRUB) {
            Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Err(missing) if missing.is_absent() => None,
            Err(missing) => return Err(unread(missing)),
        };
        let mut entries = Vec::new();
        for folder in ENTRIES {
            match host.names(folder) {
                Ok(names) => {
                    let conf = names.into_iter().filter(|name| has_end(name, "conf"));
                    entries.extend(conf.map(|name| (format!("{folder}/{name}"), Holder::Entry)));
                }
                Err(missing) if missing.is_absent() => {}
                Err(missing) => return Err(unread(missing)),
            }
        }
        let line = host.is_there(CMDLINE).then(|| (CMDLINE.to_owned(), Holder::Line));
        let is_blscfg = grub.as_ref().is_some_and(|text| {
            let on = ["GRUB_ENABLE_BLSCFG=true", "GRUB_ENABLE_BLSCFG=\"true\""];
            text.lines().any(|line| on.contains(&line.trim()))
        });
        let of_grub = (GRUB.to_owned(), Holder::Grub);
        let is_systemd_boot = LOADERS.iter().any(|path| host.is_there(path));
        match (grub, entries.is_empty()) {
            (Some(_), false) if is_blscfg => {
                entries.push(of_grub);
                entries.extend(line);
                let next = "reboot: the entries are read as they are";
                Ok(Self { name: "grubby", files: entries, next })
            }
            (Some(_), _) if !is_systemd_boot => {
                let next =
                    "run update-grub (or grub2-mkconfig -o /boot/grub2/grub.cfg), then reboot";
                Ok(Self { name: "grub", files: vec![of_grub], next })
            }
            (_, is_empty) if is_systemd_boot && (!is_empty || line.is_some()) => {
                entries.extend(line);
                let next = "reboot; for unified kernel images run kernel-install first";
                Ok(Self { name: "systemd-boot", files: entries, next })
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
    pub fn edited(&self, host: &Host, words: &[String]) -> Result<Vec<(String, String)>, Refusal> {
        let mut files = Vec::new();
        for (path, holder) in &self.files {
            let bytes = host.whole(path).map_err(unread)?;
            let text = String::from_utf8(bytes).map_err(|_| strange(path, "it is no text"))?;
            let edited = match holder {
                Holder::Grub => grub(&text, words),
                Holder::Entry => entry(&text, words),
                Holder::Line => Ok(line(&text, words)),
            };
            files.push((path.clone(), edited.map_err(|why| strange(path, why))?));
        }
        Ok(files)
    }
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

/// The line with each of the words in it once, and every other word as it was.
#[must_use]
fn merged(line: &str, words: &[String]) -> String {
    let name = |word: &str| word.split('=').next().unwrap_or(word).replace('-', "_");
    let ours: Vec<String> = words.iter().map(|word| name(word)).collect();
    let mut kept: Vec<&str> = line.split(' ').filter(|w| !ours.contains(&name(w))).collect();
    while kept.last().is_some_and(|word| word.is_empty()) {
        kept.pop();
    }
    kept.extend(words.iter().map(String::as_str));
    kept.join(" ")
}

/// Whether the words are in the line already, each with its value as the last of its name.
fn has_all(line: &str, words: &[String]) -> bool {
    let name = |word: &str| word.split('=').next().unwrap_or(word).replace('-', "_");
    words.iter().all(|word| {
        let last = line.split(' ').rev().find(|found| name(found) == name(word));
        last == Some(word.as_str())
    })
}

fn edited_line(line: &str, words: &[String]) -> String {
    if has_all(line, words) { line.to_owned() } else { merged(line, words) }
}

fn line(text: &str, words: &[String]) -> String {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    format!("{}\n{rest}", edited_line(first, words))
}

fn entry(text: &str, words: &[String]) -> Result<String, &'static str> {
    let is_options = |line: &&str| line.split_whitespace().next() == Some("options");
    if text.lines().filter(is_options).count() != 1 {
        return Err("it has not one line of options");
    }
    let mut lines = Vec::new();
    for line in text.lines() {
        if !is_options(&line) {
            lines.push(line.to_owned());
            continue;
        }
        if line.contains('$') {
            return Err("its options are a variable of grubenv: use grubby --update-kernel=ALL");
        }
        lines.push(edited_line(line, words));
    }
    Ok(lines.join("\n") + "\n")
}

/// The assignment of the usual boot where there is one, so that recovery boots without our words.
fn grub(text: &str, words: &[String]) -> Result<String, &'static str> {
    const KEYS: [&str; 2] = ["GRUB_CMDLINE_LINUX_DEFAULT", "GRUB_CMDLINE_LINUX"];
    let assigns = |line: &str, key: &str| {
        line.trim_start().strip_prefix(key).is_some_and(|rest| rest.starts_with(['=', '+']))
    };
    let count = |key| text.lines().filter(|line| assigns(line, key)).count();
    let Some(key) = KEYS.into_iter().find(|key| count(key) > 0) else {
        let line = format!("GRUB_CMDLINE_LINUX_DEFAULT=\"{}\"\n", words.join(" "));
        let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        return Ok(format!("{text}{gap}{line}"));
    };
    if count(key) > 1 {
        return Err("it sets the line more than once");
    }
    let mut lines = Vec::new();
    for line in text.lines() {
        if !assigns(line, key) {
            lines.push(line.to_owned());
            continue;
        }
        let value = line.trim_start().strip_prefix(key).and_then(|rest| rest.strip_prefix('='));
        let value = value.ok_or("it adds to the line with +=")?;
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        let inner = match quote {
            Some(quote) => value.strip_prefix(quote).and_then(|v| v.trim_end().strip_suffix(quote)),
            None if value.contains([' ', '\t', '#', ';', '\\']) => None,
            None => Some(value),
        };
        let inner = inner.filter(|inner| quote.is_none_or(|quote| !inner.contains(quote)));
        let inner = inner.ok_or("its value is more than one quoted text")?;
        let quote = quote.unwrap_or('"');
        lines.push(format!("{key}={quote}{}{quote}", edited_line(inner, words).trim_start()));
    }
    Ok(lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Vec<String> {
        vec!["nohz_full=2-3".into(), "skew_tick=1".into()]
    }

    #[test]
    fn only_our_words_change_and_twice_is_once() {
        for (before, after) in [
            ("quiet", "quiet nohz_full=2-3 skew_tick=1"),
            ("nohz-full=7 ro  quiet skew_tick=1", "ro  quiet nohz_full=2-3 skew_tick=1"),
            ("skew_tick=1 a nohz_full=2-3 b", "skew_tick=1 a nohz_full=2-3 b"),
            ("", "nohz_full=2-3 skew_tick=1"),
        ] {
            let edited = edited_line(before, &words());
            assert_eq!(edited.trim_start(), after, "{before}");
            assert_eq!(edited_line(&edited, &words()), edited);
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
            let edited = grub(before, &words()).expect(before);
            assert_eq!(edited, after);
            assert_eq!(grub(&edited, &words()), Ok(after));
        }
        for bad in [
            "GRUB_CMDLINE_LINUX=\"a\"\nGRUB_CMDLINE_LINUX=\"b\"\n",
            "GRUB_CMDLINE_LINUX+=\" b\"\n",
            "GRUB_CMDLINE_LINUX=\"a\" \"b\"\n",
            "GRUB_CMDLINE_LINUX=\"a\\\n b\"\n",
            "GRUB_CMDLINE_LINUX=a b\n",
        ] {
            assert!(grub(bad, &words()).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_entry_is_edited_in_its_line_of_options() {
        let text = "title x\noptions root=/dev/a ro\nlinux /l\n";
        let after = "title x\noptions root=/dev/a ro nohz_full=2-3 skew_tick=1\nlinux /l\n";
        assert_eq!(entry(text, &words()).as_deref(), Ok(after));
        assert!(entry("options $kernelopts\n", &words()).is_err());
        assert!(entry("title x\n", &words()).is_err());
    }
}
