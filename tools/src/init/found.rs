//! What is on the host: cores, cards, model servers, the ONNX Runtime library.
//!
//! Reads files, asks NVML and two ports. Must never: change anything, start a program, or say that
//! something is there which it did not see.

use super::InitArgs;
use super::servers::{self, Kind};
use isolation::{CpuSet, Host};
use signal::guard::sensor::{Card, cards};
use signal::runtime::DYLIB_VARIABLE;
use std::fmt;
use std::net::SocketAddr;

const CPU: &str = "sys/devices/system/cpu";
/// Where the library lies on a host that has it installed.
const LIBRARIES: [&str; 5] =
    ["usr/lib/x86_64-linux-gnu", "usr/lib64", "usr/lib", "usr/local/lib", "opt/onnxruntime/lib"];
/// CPUs that must be left for everything else.
const HOUSEKEEPING: usize = 2;

/// The CPUs of the hot threads and of all the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Split {
    /// Whole cores, both threads of each.
    pub(super) hot: CpuSet,
    pub(super) housekeeping: CpuSet,
    /// The CPU of the order loop.
    pub(super) loop_cpu: u32,
    /// The CPU of the edge; `None` where one core is all there is.
    pub(super) edge_cpu: Option<u32>,
}

/// A network card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Nic {
    pub(super) name: String,
    driver: String,
    is_up: bool,
}

/// A model server that was looked for.
#[derive(Debug)]
struct Server {
    kind: &'static str,
    at: SocketAddr,
    /// What it serves, or why it is none.
    models: Result<Vec<String>, String>,
}

/// Everything that was found.
#[derive(Debug)]
pub(super) struct Found {
    cpus: CpuSet,
    cores: Vec<CpuSet>,
    /// Hot cores and the rest, or why there are none.
    pub(super) split: Result<Split, String>,
    pub(super) nics: Vec<Nic>,
    /// Graphics cards, or why none can be seen.
    pub(super) gpus: Result<Vec<Card>, String>,
    servers: Vec<Server>,
    pub(super) onnxruntime: Option<String>,
}

impl Found {
    pub(super) fn on(host: &Host, args: &InitArgs) -> Self {
        let cpus = usable(host);
        let cores = cores(host, &cpus);
        let split = split(host, &cpus, &cores);
        let elsewhere = || Err("a captured tree says nothing of it".to_owned());
        let (gpus, ollama, vllm) = if host.is_live() {
            (
                cards().map_err(|error| error.to_string()),
                servers::models(Kind::Ollama, args.ollama),
                servers::models(Kind::Vllm, args.vllm),
            )
        } else {
            (Err("a captured tree says nothing of it".to_owned()), elsewhere(), elsewhere())
        };
        Self {
            cpus,
            cores,
            split,
            nics: nics(host),
            gpus,
            servers: vec![
                Server { kind: "Ollama", at: args.ollama, models: ollama },
                Server { kind: "vLLM", at: args.vllm, models: vllm },
            ],
            onnxruntime: library(host),
        }
    }

    /// What is said of it, a heading and a text each.
    pub(super) fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = vec![("cpus", self.cpus_text())];
        match &self.gpus {
            Ok(cards) if cards.is_empty() => lines.push(("gpu", "none".to_owned())),
            Ok(cards) => lines.extend(cards.iter().map(|card| ("gpu", card_text(card)))),
            Err(why) => lines.push(("gpu", format!("none that can be seen: {why}"))),
        }
        if self.nics.is_empty() {
            lines.push(("nic", "no card".to_owned()));
        }
        lines.extend(self.nics.iter().map(|nic| ("nic", nic.to_string())));
        lines.extend(self.servers.iter().map(|Server { kind, at, models }| {
            let said = match models {
                Ok(models) if models.is_empty() => format!("at {at}, no model"),
                Ok(models) => format!("at {at}: {}", models.join(", ")),
                Err(why) => format!("not at {at}: {why}"),
            };
            (*kind, said)
        }));
        let library = self.onnxruntime.clone();
        let none = || format!("none ({DYLIB_VARIABLE} is not set, and none where it is installed)");
        lines.push(("onnxruntime", library.unwrap_or_else(none)));
        lines
    }

    pub(super) fn cpus_text(&self) -> String {
        let threads =
            if self.cores.iter().any(|core| core.len() > 1) { "SMT on" } else { "no SMT" };
        format!("{} ({} cores, {threads})", self.cpus, self.cores.len())
    }
}

pub(super) fn card_text(card: &Card) -> String {
    format!("{}: {}, {} MiB", card.index, card.name, card.total_bytes >> 20)
}

impl fmt::Display for Nic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_up { "up" } else { "down" };
        write!(f, "{} (driver {}, {state})", self.name, self.driver)
    }
}

fn list(host: &Host, path: &str) -> CpuSet {
    host.text(path).ok().and_then(|text| CpuSet::from_list(&text)).unwrap_or_default()
}

/// The CPUs that run and that this process may use; those the boot line isolates may be used by
/// whoever asks for them.
fn usable(host: &Host) -> CpuSet {
    let online = list(host, &format!("{CPU}/online"));
    if !host.is_live() {
        return online;
    }
    let status = host.text("proc/self/status").unwrap_or_default();
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    match allowed.and_then(CpuSet::from_list) {
        Some(allowed) => online.and(&allowed.or(&list(host, &format!("{CPU}/isolated")))),
        None => online,
    }
}

/// The usable CPUs by core, in the order of their first.
fn cores(host: &Host, cpus: &CpuSet) -> Vec<CpuSet> {
    let mut cores: Vec<CpuSet> = Vec::new();
    for cpu in cpus.iter() {
        if cores.iter().any(|core| core.has(cpu)) {
            continue;
        }
        let threads = list(host, &format!("{CPU}/cpu{cpu}/topology/thread_siblings_list"));
        let alone = || CpuSet::from_iter([cpu]);
        cores.push(if threads.has(cpu) { threads } else { alone() });
    }
    cores
}

/// Two cores, or one, for the hot threads: those the host isolates already, else the last ones.
/// Never that of CPU 0, nor a slow core of a hybrid processor, nor one of which a thread is out of
/// reach.
fn split(host: &Host, cpus: &CpuSet, cores: &[CpuSet]) -> Result<Split, String> {
    let slow = list(host, "sys/devices/cpu_atom/cpus");
    let isolated = list(host, &format!("{CPU}/isolated"));
    let can = |core: &&CpuSet| !core.has(0) && cpus.covers(core) && core.and(&slow).is_empty();
    let mut candidates: Vec<&CpuSet> = cores.iter().filter(can).collect();
    if candidates.iter().any(|core| isolated.covers(core)) {
        candidates.retain(|core| isolated.covers(core));
    }
    let first = |core: &CpuSet| core.iter().next();
    for count in [2, 1] {
        let Some(at) = candidates.len().checked_sub(count) else { continue };
        let taken = candidates.get(at..).unwrap_or(&[]);
        let all = taken.iter().fold(CpuSet::default(), |all, core| all.or(core));
        let housekeeping = cpus.less(&all).less(&isolated);
        if let Some(loop_cpu) = taken.first().and_then(|core| first(core))
            && housekeeping.len() >= HOUSEKEEPING
        {
            let edge_cpu = taken.get(1).and_then(|core| first(core));
            return Ok(Split { hot: all, housekeeping, loop_cpu, edge_cpu });
        }
    }
    Err(format!("of CPUs {cpus} no core but CPU 0's can be spared: {HOUSEKEEPING} CPUs keep house"))
}

/// Ethernet cards of hardware, those that are up first.
fn nics(host: &Host) -> Vec<Nic> {
    let names = host.names("sys/class/net").unwrap_or_default();
    let mut nics: Vec<Nic> = names
        .into_iter()
        .filter(|name| host.is_there(&format!("sys/class/net/{name}/device")))
        .filter(|name| host.number(&format!("sys/class/net/{name}/type")) == Ok(1))
        .map(|name| {
            let path = format!("sys/class/net/{name}");
            let driver = host.link(&format!("{path}/device/driver")).unwrap_or_default();
            let driver = driver.rsplit('/').next().filter(|name| !name.is_empty());
            let state = host.text(&format!("{path}/operstate")).unwrap_or_default();
            Nic { driver: driver.unwrap_or("unknown").to_owned(), is_up: state == "up", name }
        })
        .collect();
    nics.sort_by_key(|nic| !nic.is_up);
    nics
}

/// The ONNX Runtime library that is named, or lies where it is installed.
fn library(host: &Host) -> Option<String> {
    let wanted = std::env::var(DYLIB_VARIABLE).ok().filter(|path| !path.is_empty());
    if let Some(path) = wanted.filter(|_| host.is_live()) {
        let is_there = host.is_there(path.trim_start_matches('/'));
        return is_there.then(|| format!("{path} ({DYLIB_VARIABLE})"));
    }
    LIBRARIES.iter().find_map(|folder| {
        let names = host.names(folder).ok()?;
        let name = names.into_iter().find(|name| name.starts_with("libonnxruntime.so"))?;
        Some(format!("/{folder}/{name}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    fn tree(online: &str, siblings: &[(&str, &[u32])]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        put(dir.path(), &format!("{CPU}/online"), online);
        for (threads, cpus) in siblings {
            for cpu in *cpus {
                let path = format!("{CPU}/cpu{cpu}/topology/thread_siblings_list");
                put(dir.path(), &path, threads);
            }
        }
        dir
    }

    fn put(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn hot_of(dir: &tempfile::TempDir) -> Result<Split, String> {
        let host = Host::at(dir.path()).expect("a tree");
        let cpus = usable(&host);
        split(&host, &cpus, &cores(&host, &cpus))
    }

    fn set(text: &str) -> CpuSet {
        CpuSet::from_list(text).expect(text)
    }

    #[test]
    fn the_last_two_whole_cores_are_hot_and_never_that_of_cpu_0() {
        let eight = tree("0-7", &[]);
        let hot = hot_of(&eight).expect("eight cores");
        assert_eq!((hot.hot, hot.housekeeping), (set("6-7"), set("0-5")));
        assert_eq!((hot.loop_cpu, hot.edge_cpu), (6, Some(7)));
        let smt =
            tree("0-7", &[("0,4", &[0, 4]), ("1,5", &[1, 5]), ("2,6", &[2, 6]), ("3,7", &[3, 7])]);
        let hot = hot_of(&smt).expect("four cores");
        assert_eq!((hot.hot, hot.housekeeping), (set("2-3,6-7"), set("0-1,4-5")));
        assert_eq!((hot.loop_cpu, hot.edge_cpu), (2, Some(3)), "no two threads of one core");
    }

    #[test]
    fn what_is_isolated_is_taken_and_slow_cores_are_not() {
        let isolated = tree("0-7", &[]);
        put(isolated.path(), &format!("{CPU}/isolated"), "2-3");
        let hot = hot_of(&isolated).expect("isolated");
        assert_eq!((hot.hot, hot.housekeeping), (set("2-3"), set("0-1,4-7")));
        let hybrid = tree("0-7", &[]);
        put(hybrid.path(), "sys/devices/cpu_atom/cpus", "4-7");
        assert_eq!(hot_of(&hybrid).expect("hybrid").hot, set("2-3"));
    }

    #[test]
    fn a_small_host_gets_one_hot_core_or_none() {
        let three = hot_of(&tree("0-2", &[])).expect("three CPUs");
        assert_eq!((three.hot, three.edge_cpu), (set("2"), None));
        for (online, siblings) in [
            ("0-1", &[][..]),
            ("0", &[]),
            // The other thread of the only other core keeps house: the core would be split.
            ("0-2", &[("0,2", &[0, 2][..]), ("1,3", &[1])]),
        ] {
            let why = hot_of(&tree(online, siblings)).expect_err(online);
            assert!(why.contains("2 CPUs keep house"), "{why}");
        }
    }

    #[test]
    fn cards_are_hardware_and_those_that_are_up_come_first() {
        let dir = tree("0-7", &[]);
        for (name, kind, state) in [("eth0", "1", "down"), ("eth1", "1", "up"), ("lo", "772", "up")]
        {
            put(dir.path(), &format!("sys/class/net/{name}/type"), kind);
            put(dir.path(), &format!("sys/class/net/{name}/operstate"), state);
        }
        for name in ["eth0", "eth1"] {
            fs::create_dir(dir.path().join(format!("sys/class/net/{name}/device")))
                .expect("a folder");
        }
        std::os::unix::fs::symlink(
            "../drivers/sfc",
            dir.path().join("sys/class/net/eth1/device/driver"),
        )
        .expect("a link");
        let found = nics(&Host::at(dir.path()).expect("a tree"));
        let shown: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["eth1 (driver sfc, up)", "eth0 (driver unknown, down)"]);
    }
}
