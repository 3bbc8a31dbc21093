//! What the host is to be after its next boot: sysctl lines and the boot line on disk.
//!
//! Precedence of sysctl files as sysctl.d(5) has it: a file name counts once, `/etc` before `/run`
//! before `/usr/lib`; files in the order of their names; `/etc/sysctl.conf` last; the last line of
//! a key stands.

use crate::host::{Host, Missing};
use crate::kernel::BootLine;
use std::collections::BTreeMap;

/// Folders of sysctl files, the strongest first.
const FOLDERS: [&str; 4] =
    ["etc/sysctl.d", "run/sysctl.d", "usr/local/lib/sysctl.d", "usr/lib/sysctl.d"];

/// A line of a sysctl file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// File it stands in.
    pub file: String,
    /// Key with dots.
    pub key: String,
    /// Value.
    pub value: String,
}

/// What is written down on the host.
#[derive(Clone, Debug)]
pub struct Persisted {
    /// Every sysctl line in force at boot, in order.
    pub lines: Vec<Line>,
    /// Why some of it was not read.
    pub fault: Option<Missing>,
    /// The boot line on disk and its file, where a loader is known.
    pub boot: Result<(String, BootLine), Missing>,
}

impl Persisted {
    /// Reads it.
    #[must_use]
    pub fn of(host: &Host) -> Self {
        let (mut files, mut fault, mut is_there) = (BTreeMap::new(), None, false);
        for folder in FOLDERS.iter().rev() {
            match host.names(folder) {
                Ok(names) => {
                    is_there = true;
                    let conf = names.into_iter().filter(|name| has_end(name, "conf"));
                    files.extend(conf.map(|name| (name.clone(), format!("{folder}/{name}"))));
                }
                Err(error) if error.is_absent() => {}
                Err(error) => fault = Some(error),
            }
        }
        let mut lines = Vec::new();
        let last = "etc/sysctl.conf".to_owned();
        for file in files.into_values().chain([last]) {
            match host.text(&file) {
                Ok(text) => {
                    is_there = true;
                    lines.extend(text.lines().filter_map(|line| read_line(&file, line)));
                }
                // A link to /dev/null is how a file of the distribution is masked.
                Err(error) if error.is_absent() => {}
                Err(error) => fault = Some(error),
            }
        }
        // No line is not the same as no place where a line could stand.
        if !is_there && fault.is_none() {
            fault = Some(Missing::Absent("a folder of sysctl files".into()));
        }
        Self { lines, fault, boot: boot(host) }
    }

    /// The line of a key that stands.
    #[must_use]
    pub fn sysctl(&self, key: &str) -> Option<&Line> {
        self.lines.iter().rev().find(|line| line.key == key)
    }
}

/// Whether a file name ends this way, in just this case.
pub(crate) fn has_end(name: &str, end: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, found)| found == end)
}

fn read_line(file: &str, line: &str) -> Option<Line> {
    let line = line.trim();
    if line.is_empty() || line.starts_with(['#', ';']) {
        return None;
    }
    let (key, value) = line.trim_start_matches('-').split_once('=')?;
    // The first separator says which of the two is it: `net/ipv4/conf/a.b/x` and `net.ipv4...`.
    let key = key.trim();
    let key = match key.find(['.', '/']).map(|at| key.as_bytes().get(at).copied()) {
        Some(Some(b'/')) => key.replace('/', "."),
        _ => key.to_owned(),
    };
    Some(Line { file: file.to_owned(), key, value: value.trim().to_owned() })
}

/// Folder of GRUB's drop-ins, of distributions whose `grub-mkconfig` reads it.
pub(crate) const DROP_INS: &str = "etc/default/grub.d";
/// The script under the names distributions give it.
const MKCONFIG: [&str; 3] =
    ["usr/sbin/grub-mkconfig", "usr/sbin/grub2-mkconfig", "usr/bin/grub-mkconfig"];

/// Whether `grub-mkconfig` here reads the drop-ins: Debian's and Ubuntu's says so. Where there is
/// none to be asked the folder says it.
pub(crate) fn reads_drop_ins(host: &Host) -> bool {
    let script = MKCONFIG.iter().find_map(|path| host.text(path).ok());
    script.map_or_else(|| host.is_there(DROP_INS), |script| script.contains("default/grub.d"))
}

/// Names of the drop-ins in the order in which they are read.
pub(crate) fn drop_ins(host: &Host) -> Result<Vec<String>, Missing> {
    let names = host.names_if_there(DROP_INS)?.unwrap_or_default();
    Ok(names.into_iter().filter(|name| has_end(name, "cfg")).collect())
}

/// The boot line a loader's configuration holds, and the file it is from: with drop-ins the last of
/// them that sets it.
fn boot(host: &Host) -> Result<(String, BootLine), Missing> {
    const KEYS: [&str; 2] = ["GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"];
    let grub = "etc/default/grub";
    let text = match host.text(grub) {
        Ok(text) => text,
        Err(error) if error.is_absent() => {
            let line = "etc/kernel/cmdline";
            return host.text(line).map(|text| (line.to_owned(), BootLine::from_text(&text)));
        }
        Err(error) => return Err(error),
    };
    let mut files = vec![(grub.to_owned(), text)];
    if reads_drop_ins(host) {
        for name in drop_ins(host)? {
            let path = format!("{DROP_INS}/{name}");
            let text = host.text(&path)?;
            files.push((path, text));
        }
    }
    let (mut from, mut values) = (grub.to_owned(), [String::new(), String::new()]);
    for (path, text) in files {
        for (key, value) in KEYS.iter().zip(&mut values) {
            for found in assigned(&text, key) {
                let own = |name: &str| found.replace(name, value);
                *value = own(&format!("${{{key}}}")).replace(&format!("${key}"), value);
                from.clone_from(&path);
            }
        }
    }
    Ok((from, BootLine::from_text(&values.join(" "))))
}

/// The values of the shell assignments of a key, without their quotes.
fn assigned<'t>(text: &'t str, key: &str) -> Vec<&'t str> {
    let value = |line: &'t str| {
        let value = line.trim().strip_prefix(key)?.strip_prefix('=')?.trim();
        let inner = |quote| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        Some(inner('"').or_else(|| inner('\'')).unwrap_or(value))
    };
    text.lines().filter_map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_strongest_file_and_the_last_line_stand() {
        let dir = tempfile::tempdir().expect("a folder");
        let put = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("in a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        };
        put("usr/lib/sysctl.d/50-a.conf", "vm.swappiness=60\nvm.x=1\n");
        put("etc/sysctl.d/50-a.conf", "# ours\nvm.swappiness = 10\n");
        put("etc/sysctl.d/90-b.conf", "-net/ipv4/tcp_timestamps=1\nvm.swappiness=1\nbroken\n");
        put("etc/sysctl.conf", "kernel.nmi_watchdog=0\n");
        put(
            "etc/default/grub",
            "GRUB_CMDLINE_LINUX=\"skew_tick=1\"\nGRUB_CMDLINE_LINUX_DEFAULT='quiet idle=poll'\n",
        );
        let kept = Persisted::of(&Host::at(dir.path()).expect("a tree"));
        let value = |key: &str| kept.sysctl(key).map(|line| line.value.clone());
        assert_eq!(value("vm.swappiness").as_deref(), Some("1"));
        assert_eq!(value("vm.x"), None, "the file of the same name in etc hides it");
        assert_eq!(value("net.ipv4.tcp_timestamps").as_deref(), Some("1"));
        assert_eq!(value("kernel.nmi_watchdog").as_deref(), Some("0"));
        let (file, line) = kept.boot.expect("a boot line");
        assert_eq!((file.as_str(), line.value("skew_tick")), ("etc/default/grub", Some("1")));
        assert_eq!(line.value("idle"), Some("poll"));
        assert_eq!(kept.fault, None);
        // Drop-ins, where they are read: each adds to the line or sets it anew.
        let debian = "for x in ${sysconfdir}/default/grub.d/*.cfg ; do\n . \"${x}\"\ndone\n";
        let key = "GRUB_CMDLINE_LINUX_DEFAULT";
        put("etc/default/grub.d/50-cloud.cfg", &format!("{key}=\"console=tty1 nohz_full=9\"\n"));
        put("etc/default/grub.d/60.txt", &format!("{key}=\"skew_tick=0\"\n"));
        put("etc/default/grub.d/99-a.cfg", &format!("# x\n{key}=\"${key} isolcpus=2-3\"\n"));
        for (script, file, idle, isolcpus, nohz_full) in [
            (debian, "etc/default/grub.d/99-a.cfg", None, Some("2-3"), Some("9")),
            ("# no folder is read\n", "etc/default/grub", Some("poll"), None, None),
        ] {
            put("usr/sbin/grub2-mkconfig", script);
            let kept = Persisted::of(&Host::at(dir.path()).expect("a tree"));
            let (found, line) = kept.boot.expect("a boot line");
            assert_eq!(found, file);
            assert_eq!(line.value("idle"), idle);
            assert_eq!(line.value("isolcpus"), isolcpus);
            assert_eq!(line.value("nohz_full"), nohz_full);
            assert_eq!(line.value("skew_tick"), Some("1"));
        }
    }
}
