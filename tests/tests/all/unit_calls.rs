//! Every system call that a program of ours makes is one that its unit lets through: a unit that
//! kills what it starts has every key that `systemd-analyze` asks for.
//!
//! The demo is run with sidecar and notary under `strace`; calls are put down to programs by who
//! started whom.

use crate::isolate::rendered;
use crate::support::{clean, config, corelane, program, root, set};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

type Calls = BTreeSet<String>;

/// What a unit says of system calls.
#[derive(Debug, Default)]
struct Filter {
    allowed: Calls,
    /// Whether calls that could make a file of another owner's are refused, `openat2` among them,
    /// for its flags cannot be looked at.
    no_suid: bool,
    /// Whether memory can become code.
    no_code: bool,
}

impl Filter {
    fn of(unit: &str) -> Option<Self> {
        let mut filter = Self::default();
        // What systemd itself needs to start a program.
        expand("@default", &mut filter.allowed)?;
        filter.allowed.extend(["execve", "exit", "exit_group"].map(str::to_owned));
        for line in unit.lines() {
            match line.split_once('=') {
                Some(("SystemCallFilter", list)) => {
                    let mut named = Calls::new();
                    for word in list.trim_start_matches('~').split_whitespace() {
                        expand(word, &mut named)?;
                    }
                    if list.starts_with('~') {
                        filter.allowed.retain(|call| !named.contains(call));
                    } else {
                        filter.allowed.extend(named);
                    }
                }
                Some(("RestrictSUIDSGID", value)) => filter.no_suid = value == "yes",
                Some(("MemoryDenyWriteExecute", value)) => filter.no_code = value == "yes",
                _ => {}
            }
        }
        Some(filter)
    }

    /// Whether a call goes through; `line` is what `strace` wrote of it.
    fn lets(&self, call: &str, line: &str) -> bool {
        let is_code = line.contains("PROT_WRITE|PROT_EXEC") && call.starts_with("mmap")
            || line.contains("PROT_EXEC") && call.contains("mprotect");
        self.allowed.contains(call)
            && !(self.no_suid && call == "openat2")
            && !(self.no_code && is_code)
    }
}

/// Adds a call, or all of a group as systemd here has it; `None` without systemd's word.
fn expand(word: &str, into: &mut Calls) -> Option<()> {
    if !word.starts_with('@') {
        into.insert(word.to_owned());
        return Some(());
    }
    let output = Command::new("systemd-analyze").args(["syscall-filter", word]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut members = text.lines().map(str::trim).skip(1).filter(|line| !line.starts_with('#'));
    members.try_for_each(|member| if member.is_empty() { Some(()) } else { expand(member, into) })
}

/// The calls of each program, and one line of each.
fn calls(trace: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut names: BTreeMap<&str, String> = BTreeMap::new();
    let mut seen: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for line in trace.lines() {
        let Some((thread, said)) = line.split_once(char::is_whitespace) else { continue };
        let said = said.trim_start();
        let call = match said.strip_prefix("<... ") {
            Some(resumed) => resumed.split(' ').next().unwrap_or_default(),
            None => said.split('(').next().unwrap_or_default(),
        };
        if call == "execve" && !said.starts_with("<... ") {
            let path = said.split('"').nth(1).unwrap_or_default();
            let file = Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned());
            names.insert(thread, file.unwrap_or_default());
        }
        let name = names.get(thread).cloned().unwrap_or_default();
        if ["clone", "clone3", "fork", "vfork"].contains(&call)
            && let Some(child) = line.rsplit(" = ").next().filter(|end| end.parse::<u32>().is_ok())
        {
            // One that has started a program of its own by now keeps that one's name.
            names.entry(child).or_insert_with(|| name.clone());
        }
        if call.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            seen.entry(name).or_default().entry(call.to_owned()).or_insert_with(|| said.to_owned());
        }
    }
    seen
}

#[test]
fn units_let_every_call_of_their_programs_through() {
    let name = "units_let_every_call_of_their_programs_through";
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("keys");
    fs::create_dir(&keys).unwrap();
    clean(corelane(&["limits", "keygen", &format!("--out={}", keys.display())]));
    let store = dir.path().join("models");
    let of = format!("--store={}", store.display());
    let model = root().join("sidecars/signal/models/bin_ctabl").display().to_string();
    clean(corelane(&["models", &of, "add", &model]));
    let listed = clean(corelane(&["models", &of, "list"]));
    let address = listed.split_whitespace().nth(1).unwrap().to_owned();
    clean(corelane(&["models", &of, "promote", &address]));
    let file = config(dir.path(), |text| {
        let text = set(&text, "speed", "\"max\"");
        let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("model = ")).collect();
        let (key, anchor) = (keys.join("limits.key"), dir.path().join("anchor.clk"));
        kept.join("\n").replacen(
            "[signal]",
            &format!("[signal]\nstore = {store:?}\nname = \"bin_ctabl\""),
            1,
        ) + &format!("\n[notary]\nkey = {key:?}\nanchors = [{anchor:?}]\n")
    });
    let trace = dir.path().join("trace");
    let run = Command::new("strace")
        .args(["-f", "-qq", "-e", "signal=none", "-o"])
        .args([trace.as_os_str(), program("corelane").as_os_str()])
        .args(["run", "--quiet", &format!("--config={}", file.display())])
        .current_dir(dir.path())
        .output();
    let run = match run {
        Ok(run) if run.status.success() => run,
        Ok(run) if String::from_utf8_lossy(&run.stderr).contains("ptrace") => {
            eprintln!("SKIPPED {name}: strace may not trace here");
            return;
        }
        Ok(run) => panic!("{run:?}"),
        Err(error) => {
            eprintln!("SKIPPED {name}: strace: {error}");
            return;
        }
    };
    drop(run);
    let calls = calls(&fs::read_to_string(&trace).unwrap());
    let no_gpu = dir.path().join("topology.toml");
    fs::write(&no_gpu, crate::isolate::NO_GPU).unwrap();
    let (folder, _) = rendered(dir.path(), &no_gpu, &[]);
    let mut wrong = Vec::new();
    for (program, most) in
        [("corelane-engine", 40), ("corelane-signal", 40), ("corelane-notary", 25)]
    {
        let unit = fs::read_to_string(folder.join(format!("{program}.service"))).unwrap();
        let Some(filter) = Filter::of(&unit) else {
            eprintln!("SKIPPED {name}: systemd-analyze cannot be had");
            return;
        };
        let made = &calls[program];
        assert!(made.len() > most / 2, "{program} made {} calls", made.len());
        let stopped = made.iter().filter(|(call, line)| !filter.lets(call, line));
        wrong.extend(stopped.map(|(call, line)| format!("{program}: {call}: {line}")));
        // A filter that lets everything through would be none.
        assert!(!filter.lets("mount", "mount(") && !filter.lets("ptrace", "ptrace("), "{program}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
