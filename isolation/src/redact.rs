//! What of a file is kept: the lines that checks ask for, and no more.
//!
//! It holds for every read, live or captured, so that a snapshot answers as its host did, and a
//! password in a configuration, a key on the boot line or the address of a peer gets neither into a
//! report nor into a snapshot. Must never: keep a file whole that may hold what is nobody's
//! business.

use crate::host::Missing;
use crate::kernel::BootLine;
use crate::persisted::has_end;

/// Words of the boot line that checks ask for.
pub(crate) const WORDS: [&str; 14] = [
    "idle",
    "intel_idle.max_cstate",
    "irqaffinity",
    "isolcpus",
    "mitigations",
    "nohz_full",
    "pcie_aspm",
    "pcie_aspm.policy",
    "processor.max_cstate",
    "rcu_nocbs",
    "rt_group_sched",
    "skew_tick",
    "transparent_hugepage",
    "tsc",
];

/// Lines of a process' status that checks ask for.
const STATUS: [&str; 6] =
    ["Name:", "VmSize:", "VmLck:", "VmRSS:", "Cpus_allowed_list:", "nonvoluntary_ctxt_switches:"];

/// What of a file is kept.
///
/// # Errors
/// A file of which only lines are kept and that is no text.
pub(crate) fn kept(path: &str, bytes: Vec<u8>) -> Result<Vec<u8>, Missing> {
    let Some(rule) = rule(path) else { return Ok(bytes) };
    let text = String::from_utf8(bytes)
        .map_err(|_| Missing::Strange(path.to_owned(), "bytes that are no text".into()))?;
    let lines: Vec<String> = text.lines().filter_map(rule).collect();
    Ok(lines.join("\n").into_bytes())
}

/// What of a line is kept.
type Rule = fn(&str) -> Option<String>;

fn rule(path: &str) -> Option<Rule> {
    let parts: Vec<&str> = path.split('/').collect();
    let found: Rule = match parts.as_slice() {
        ["proc", "cmdline"] | ["etc", "kernel", "cmdline"] => {
            |line| Some(BootLine::from_text(line).only(&WORDS))
        }
        ["etc", "default", "grub"] | ["etc", "default", "grub.d", _] => grub,
        ["usr", "sbin" | "bin", "grub-mkconfig" | "grub2-mkconfig"] => {
            |line| line.contains("default/grub.d").then(|| "default/grub.d".to_owned())
        }
        ["etc", "default" | "sysconfig", "irqbalance"] => |line| with(line, &["IRQBALANCE_BANNED"]),
        ["proc", _, "status"] | ["proc", _, "task", _, "status"] => |line| with(line, &STATUS),
        ["told", "first", "proc", .., "status"] => |line| with(line, &STATUS),
        ["proc", _, "maps"] => |line| line.contains("libonload").then(|| "libonload.so".to_owned()),
        ["proc", _, "net", "tcp" | "tcp6" | "udp" | "udp6"] => socket,
        ["proc", "cpuinfo"] => |line| with(line, &["vendor_id", "model name", "flags"]),
        ["proc", "interrupts"] | ["told", "first", "proc", "interrupts"] => {
            |line| with(line, &["CPU", "CAL:"])
        }
        ["proc", "modules"] => |line| line.split_whitespace().next().map(str::to_owned),
        ["boot", _] => |line| with(line, &["CONFIG_RT_GROUP_SCHED=", "CONFIG_NO_HZ_FULL="]),
        ["etc", "redis", ..] | ["etc", "redis.conf"] => {
            |line| with(line, &["maxmemory-policy", "unixsocket", "save"])
        }
        ["sys", "class", "net", _, "device", "uevent"] => |line| with(line, &["DRIVER="]),
        [.., name] if has_end(name, "service") => unit,
        [.., folder, name] if *folder == "sysctl.d" && has_end(name, "conf") => sysctl,
        ["etc", "sysctl.conf"] => sysctl,
        _ => return None,
    };
    Some(found)
}

/// A line that starts with one of these.
fn with(line: &str, starts: &[&str]) -> Option<String> {
    let line = line.trim();
    starts.iter().any(|start| line.starts_with(start)).then(|| line.to_owned())
}

fn grub(line: &str) -> Option<String> {
    let (key, value) = with(line, &["GRUB_CMDLINE_LINUX"])?
        .split_once('=')
        .map(|(key, value)| (key.to_owned(), value.trim_matches(['"', '\'']).to_owned()))?;
    // What a drop-in adds to.
    let own = [format!("${key}"), format!("${{{key}}}")];
    let is_own = |word: &&str| own.iter().any(|own| own == word);
    let kept = BootLine::from_text(&value).only(&WORDS);
    let words = value.split_whitespace().filter(is_own).chain(Some(kept.as_str()));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    Some(format!("{key}=\"{}\"", words.join(" ")))
}

/// Of a unit: its type and the commands that checks know; never its environment.
fn unit(line: &str) -> Option<String> {
    let is_known = line.trim().starts_with("Type=")
        || line.starts_with("Exec") && (line.contains("nvidia-smi") || line.contains("questdb"));
    is_known.then(|| line.trim().to_owned())
}

fn sysctl(line: &str) -> Option<String> {
    let line = line.trim();
    (!line.is_empty() && !line.starts_with(['#', ';'])).then(|| line.to_owned())
}

/// Of a socket: its inode and whether it is of the loopback; no address.
fn socket(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (address, inode) = (words.get(1)?, words.get(9)?);
    let loopback =
        ["0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"];
    let is_loopback = loopback.iter().any(|start| address.starts_with(start));
    let address = if is_loopback { "0100007F:0" } else { "X:0" };
    inode.parse::<u64>().ok()?;
    Some(format!("0: {address} - - - - - - - {inode}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_stay_behind_and_what_is_kept_is_kept_again() {
        for (path, text, wanted) in [
            ("proc/cmdline", "ro root=UUID=1 isolcpus=2-3 key=abc", "isolcpus=2-3"),
            (
                "etc/default/grub",
                "# x\nGRUB_TIMEOUT=1\nGRUB_CMDLINE_LINUX='quiet nohz_full=2 key=abc'",
                "GRUB_CMDLINE_LINUX=\"nohz_full=2\"",
            ),
            (
                "etc/default/grub.d/9.cfg",
                "GRUB_CMDLINE_LINUX=\"${GRUB_CMDLINE_LINUX} key=abc $HOME nohz_full=2\"",
                "GRUB_CMDLINE_LINUX=\"${GRUB_CMDLINE_LINUX} nohz_full=2\"",
            ),
            (
                "usr/sbin/grub-mkconfig",
                "key=abc\nfor x in ${sysconfdir}/default/grub.d/*.cfg ; do",
                "default/grub.d",
            ),
            (
                "etc/redis/redis.conf",
                "requirepass abc\n maxmemory-policy noeviction\nunixsocketperm 770",
                "maxmemory-policy noeviction\nunixsocketperm 770",
            ),
            (
                "etc/systemd/system/questdb.service",
                "[Service]\nType=simple\nEnvironment=KEY=abc\nExecStart=/opt/questdb.sh start",
                "Type=simple\nExecStart=/opt/questdb.sh start",
            ),
            (
                "proc/9/net/tcp",
                "  sl  local_address rem_address st\n   0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 \
                 0 \
                 0 0 4711 1\n   1: 0A00000A:1 08080808:01BB 01 0:0 0:0 0 0 0 4712 1",
                "0: 0100007F:0 - - - - - - - 4711\n0: X:0 - - - - - - - 4712",
            ),
            ("proc/9/maps", "7f00 r-xp /home/me/libonload.so\n7f01 /home/me/x", "libonload.so"),
            ("etc/sysctl.d/9.conf", "# password\nvm.x = 1", "vm.x = 1"),
            ("proc/9/status", "Name:\tx\nUid:\t7\nVmLck:\t1 kB", "Name:\tx\nVmLck:\t1 kB"),
            ("sys/x", "any text", "any text"),
        ] {
            let once = kept(path, text.as_bytes().to_vec()).expect("text");
            assert_eq!(String::from_utf8_lossy(&once), wanted, "{path}");
            assert_eq!(kept(path, once.clone()).expect("text"), once, "{path}");
        }
        assert!(matches!(kept("proc/cmdline", vec![0xff]), Err(Missing::Strange(..))));
    }
}
