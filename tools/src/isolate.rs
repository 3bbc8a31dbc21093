//! `corelane isolate`: makes a box as a topology says, and takes that back.
//!
//! Owns the command's form; what is to be is crate `isolation`'s. Must never: start a program,
//! change a host without `--yes`, or write anywhere but where `plan` says.

mod args;
mod show;

pub use args::{IsolateArgs, IsolateCommand};

use crate::output::Output;
use args::{Boot, Changing, Wanted};
use isolation::isolate::{
    self, Changes, Done, Fault, Layout, Machine, Real, Refusal, Scope, Site, What, Wish,
};
use isolation::kernel::Kernel;
use isolation::{Host, Plan};
use station::operator::Failure;
use std::fs;
use std::path::{Path, PathBuf};
use wire::exit::Exit;

/// What `render` takes where no topology is named and the machine is too small.
const EXAMPLE: &str = include_str!("../../config/topology-8core.toml");

/// Runs the command.
///
/// # Errors
/// CONFIGURATION for a topology that cannot be, HOST for a boot loader that is not known or a
/// kernel that refuses, `CHECK_FAILED` for what differs or was changed by somebody else since,
/// ARGUMENTS for an apply without `--yes`, RESOURCE and JOURNAL for what cannot be read or written.
pub fn isolate(args: &IsolateArgs) -> Result<(), Failure> {
    match &args.command {
        IsolateCommand::Plan { wanted, root, runtime, check } => {
            let site = Root::at(root.as_deref())?;
            plan(&site, wanted, *runtime, *check)
        }
        IsolateCommand::Render { dir, wanted } => render(dir, wanted),
        IsolateCommand::Apply { wanted, changing, yes } => {
            let site = Root::at(changing.root.as_deref())?;
            apply(&site, wanted, changing, *yes)
        }
        IsolateCommand::Rollback { changing } => {
            let site = Root::at(changing.root.as_deref())?;
            rollback(&site, changing)
        }
    }
}

/// Where it is done.
struct Root {
    path: PathBuf,
    host: Host,
}

impl Root {
    fn at(root: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = root else {
            return Ok(Self { path: PathBuf::from("/"), host: Host::live() });
        };
        let host = Host::at(path).map_err(|error| unread(path, &error))?;
        Ok(Self { path: path.to_owned(), host })
    }

    fn site(&self) -> Site<'_> {
        Site { root: &self.path, is_live: self.host.is_live() }
    }
}

/// A topology and where it is from.
struct Chosen {
    plan: Plan,
    machine: Machine,
    from: String,
}

/// The topology of the file, else the one this host was made by, else what it suggests.
fn choose(host: &Host, file: Option<&Path>, is_for_host: bool) -> Result<Chosen, Failure> {
    let machine = Machine::of(host);
    let Some(file) = file else {
        if let Some(applied) = applied(host).filter(|_| is_for_host) {
            let (from, plan) = applied?;
            let machine = machine.map_err(|error| no_machine(&error.to_string()))?;
            return Ok(Chosen { plan, machine, from });
        }
        let machine = machine.map_err(|error| no_machine(&error.to_string()))?;
        let plan = machine.propose(host).ok_or_else(|| {
            let fields = format!("cpus={} cores={}", machine.cpus, machine.cores.len());
            let next = "name a topology with --topology=FILE; four cores are the least";
            Failure::new(Exit::Host, "this machine is too small to divide", fields, next)
        })?;
        return Ok(Chosen { plan, machine, from: "this host".into() });
    };
    let text = fs::read_to_string(file).map_err(|error| unread(file, &error))?;
    let plan = parsed(&file.display().to_string(), &text)?;
    let told = Machine::told(&plan);
    let machine = match (told, machine) {
        // What is done to a host is judged by what that host says.
        (_, Ok(machine)) if is_for_host => machine,
        (Some(told), _) => told,
        (None, machine) => machine.map_err(|error| no_machine(&error.to_string()))?,
    };
    Ok(Chosen { plan, machine, from: file.display().to_string() })
}

fn parsed(file: &str, text: &str) -> Result<Plan, Failure> {
    Plan::from_toml(text).map_err(|error| {
        let fields = format!("file={file} {error}");
        Failure::new(Exit::Configuration, "topology cannot be", fields, "correct the file")
    })
}

/// The topology of the last apply, which no reboot forgets; `None` where there was none.
fn applied(host: &Host) -> Option<Result<(String, Plan), Failure>> {
    let from = format!("/{}", isolate::APPLIED);
    let text = match host.optional(isolate::APPLIED) {
        Ok(text) => text?,
        Err(missing) => {
            let fields = format!("error=\"{missing}\"");
            let next = "run it as root, or name a topology with --topology=FILE";
            let failure = Failure::new(Exit::Resource, "cannot be read", fields, next);
            return Some(Err(failure));
        }
    };
    Some(parsed(&from, &text).map(|plan| (from, plan)))
}

fn no_machine(why: &str) -> Failure {
    let next = "name both topology.cpus and topology.siblings in a file of --topology";
    let what = "the CPUs of the machine are not known";
    Failure::new(Exit::Host, what, format!("error=\"{why}\""), next)
}

fn wish(host: &Host, wanted: &Wanted, chosen: &Chosen) -> Result<Wish, Failure> {
    let layout = Layout::of(&chosen.plan, &chosen.machine).map_err(refused)?;
    let systemd = wanted.systemd_version.or_else(|| isolate::systemd_of(host));
    let bin = wanted.bin_dir.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-_.+".contains(c);
    if !bin.starts_with('/') || bin.len() < 2 || !bin.chars().all(is_plain) {
        let fields = format!("bin_dir={bin:?}");
        let next = "name an absolute folder of letters, digits and /-_.+";
        return Err(Failure::new(Exit::Arguments, "no folder of programs", fields, next));
    }
    let kernel = wanted.kernel.or_else(|| {
        Kernel::from_release(&host.text("proc/sys/kernel/osrelease").unwrap_or_default())
    });
    Ok(Wish {
        layout,
        systemd: systemd.unwrap_or(isolate::keys::DEFAULT),
        kernel,
        bin: bin.trim_end_matches('/').to_owned(),
        profile: wanted.profile.into(),
    })
}

fn changes(
    root: &Root,
    wanted: &Wanted,
    wish: &Wish,
    is_runtime: bool,
) -> Result<Changes, Failure> {
    let changes = if is_runtime {
        Changes::live(wish, &root.host)
    } else {
        Changes::of(wish, &root.host, wanted.boot == Boot::Auto)
    };
    changes.map_err(refused)
}

fn plan(root: &Root, wanted: &Wanted, is_runtime: bool, is_check: bool) -> Result<(), Failure> {
    let chosen = choose(&root.host, wanted.topology.as_deref(), true)?;
    let wish = wish(&root.host, wanted, &chosen)?;
    let changes = changes(root, wanted, &wish, is_runtime)?;
    let show::Difference { text, count, felt, unknown } = show::difference(&root.site(), &changes)?;
    let mut out = Output::stdout();
    out.write(show::head(&chosen.from, &wish).as_bytes())?;
    out.write(text.as_bytes())?;
    out.write(show::left_out(&changes.left_out).as_bytes())?;
    let and_unknown = if unknown > 0 { format!(", {unknown} unknown") } else { String::new() };
    out.line(format_args!("{count} to change{and_unknown}"))?;
    out.finish()?;
    if is_check && felt > 0 {
        let next = "apply the plan, or find who changed it";
        let fields = format!("count={felt}");
        return Err(Failure::new(Exit::CheckFailed, "the host is not as planned", fields, next));
    }
    Ok(())
}

fn render(dir: &Path, wanted: &Wanted) -> Result<(), Failure> {
    let host = Host::live();
    let chosen = match choose(&host, wanted.topology.as_deref(), false) {
        Err(failure) if wanted.topology.is_none() && failure.exit == Exit::Host => example()?,
        other => other?,
    };
    let wish = wish(&host, wanted, &chosen)?;
    let (files, left_out) = isolate::files(&wish);
    fs::create_dir_all(dir).map_err(|error| unwritten(dir, &error))?;
    let is_empty = fs::read_dir(dir).map_err(|error| unread(dir, &error))?.next().is_none();
    if !is_empty {
        let fields = format!("path={}", dir.display());
        let next = "name an empty folder; `corelane isolate apply` writes to a host";
        return Err(Failure::new(Exit::Arguments, "the folder is not empty", fields, next));
    }
    for (path, text) in &files {
        let file = dir.join(path);
        let folder = file.parent().unwrap_or(dir);
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(&file, text));
        written.map_err(|error| unwritten(&file, &error))?;
    }
    let mut out = Output::stdout();
    out.write(show::head(&chosen.from, &wish).as_bytes())?;
    out.write(show::left_out(&left_out).as_bytes())?;
    out.line(format_args!("{} files in {}", files.len(), dir.display()))?;
    out.finish()
}

fn example() -> Result<Chosen, Failure> {
    let plan = Plan::from_toml(EXAMPLE).map_err(|error| no_machine(&error.to_string()))?;
    let machine = Machine::told(&plan).ok_or_else(|| no_machine("the example has no CPUs"))?;
    let from = "the bundled example of eight cores, for this machine is too small to divide";
    Ok(Chosen { plan, machine, from: from.into() })
}

fn apply(root: &Root, wanted: &Wanted, changing: &Changing, yes: bool) -> Result<(), Failure> {
    let chosen = choose(&root.host, wanted.topology.as_deref(), true)?;
    let wish = wish(&root.host, wanted, &chosen)?;
    let changes = changes(root, wanted, &wish, changing.runtime)?;
    if !yes {
        let count = show::difference(&root.site(), &changes)?.count;
        let fields = format!("root={} to_change={count}", root.path.display());
        let next = "look at `corelane isolate plan`, then say --yes";
        return Err(Failure::new(Exit::Arguments, "nothing was changed", fields, next));
    }
    let scopes = if changing.runtime { &SCOPES[1..] } else { &SCOPES[..] };
    let mut work = Work::default();
    for scope in scopes {
        if work.fault.is_none() {
            work.add(isolate::apply(root.site(), &changes, *scope, changing.overwrite, &mut Real));
        }
    }
    let mut out = Output::stdout();
    out.write(show::head(&chosen.from, &wish).as_bytes())?;
    out.write(show::done(&work.done).as_bytes())?;
    out.write(show::left_out(&changes.left_out).as_bytes())?;
    // Where not a file was written there is nothing to do after it.
    let is_begun = work.fault.is_none() || !work.done.is_empty();
    for next in changes.next.iter().filter(|_| is_begun) {
        out.line(format_args!("next: {next}"))?;
    }
    out.finish()?;
    work.judged()
}

/// Files first: what they ask for is then set at once.
const SCOPES: [Scope; 2] = [Scope::Files, Scope::Live];

/// What was done, and what ended it.
#[derive(Default)]
struct Work {
    done: Vec<Done>,
    fault: Option<Fault>,
}

impl Work {
    fn add(&mut self, said: Result<Vec<Done>, Fault>) {
        match said {
            Ok(done) => self.done.extend(done),
            Err(fault) => self.fault = self.fault.take().or(Some(fault)),
        }
    }

    fn judged(&self) -> Result<(), Failure> {
        self.fault.as_ref().map_or(Ok(()), |fault| Err(failed(fault)))?;
        judged(&self.done)
    }
}

fn rollback(root: &Root, changing: &Changing) -> Result<(), Failure> {
    let mut work = Work::default();
    let scopes = if changing.runtime { &SCOPES[1..] } else { &SCOPES[..] };
    for scope in scopes.iter().rev() {
        work.add(isolate::rollback(root.site(), *scope, changing.overwrite, &mut Real));
    }
    let mut out = Output::stdout();
    out.write(show::done(&work.done).as_bytes())?;
    if work.done.is_empty() && work.fault.is_none() {
        out.line(format_args!("nothing to take back"))?;
    }
    for next in isolate::next_after(&work.done) {
        out.line(format_args!("next: {next}"))?;
    }
    out.finish()?;
    work.judged()
}

/// What is left undone is a failure. That a device keeps its own interrupts is not: the kernel
/// moves those of `managed_irq` at boot, and the doctor looks where they really are. Nor is what a
/// locked-down kernel lets nobody at.
fn judged(done: &[Done]) -> Result<(), Failure> {
    let fields = |test: &dyn Fn(&Done) -> bool| {
        let found = done.iter().filter(|done| test(done)).map(|done| done.path.as_str());
        let paths = found.collect::<Vec<_>>().join(",");
        (!paths.is_empty()).then(|| format!("paths={paths}"))
    };
    if let Some(fields) = fields(&|done| matches!(done.what, What::Failed(_))) {
        let next = "mend what stands in their way, then say it again: all others are done";
        let what = "could not be read or written, and left";
        return Err(Failure::new(Exit::Resource, what, fields, next));
    }
    if let Some(fields) = fields(&|done| done.what == What::Foreign) {
        let next = "look at them; --overwrite takes them back all the same";
        let what = "changed by somebody else since, and left";
        return Err(Failure::new(Exit::CheckFailed, what, fields, next));
    }
    let is_refused =
        |done: &Done| matches!(done.what, What::Refused(_)) && !done.path.starts_with("proc/irq/");
    if let Some(fields) = fields(&is_refused) {
        let next = "`corelane doctor` says what each is for; run it as root";
        return Err(Failure::new(Exit::Host, "the kernel did not take all of it", fields, next));
    }
    Ok(())
}

fn failed(fault: &Fault) -> Failure {
    let fields = fault.to_string();
    let (exit, what, next) = match fault {
        Fault::Busy => (Exit::Resource, "busy", "wait for the other one"),
        Fault::Journal(_, error) if error.kind() == std::io::ErrorKind::Unsupported => (
            Exit::Resource,
            "the journal of prior values is of another version of this program",
            "take back with the one that wrote it",
        ),
        Fault::Journal(_, error) if error.kind() == std::io::ErrorKind::InvalidData => (
            Exit::Resource,
            "the journal of prior values is damaged, and left as it is",
            "take back by hand what it names, then remove it",
        ),
        Fault::Journal(..) => (
            Exit::Journal,
            "the journal of prior values cannot be used",
            "run it as root, with room on the disk; nothing was written without it",
        ),
        Fault::Path(..) => (
            Exit::Resource,
            "a path cannot be read or edited",
            "mend it, then say it again; nothing of its half was written",
        ),
        Fault::Foreign(_) => (
            Exit::CheckFailed,
            "changed by somebody else since the last apply, so nothing was written",
            "look at `corelane isolate plan`; --overwrite keeps a copy beside each",
        ),
    };
    Failure::new(exit, what, fields, next)
}

fn refused(refusal: Refusal) -> Failure {
    Failure::new(refusal.exit, refusal.what, refusal.fields, refusal.next)
}

fn unread(path: &Path, error: &std::io::Error) -> Failure {
    let fields = format!("path={} error=\"{error}\"", path.display());
    Failure::new(Exit::Resource, "cannot be read", fields, "name a path that can")
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    let fields = format!("path={} error=\"{error}\"", path.display());
    Failure::new(Exit::Resource, "cannot be written", fields, "name a folder that can")
}
