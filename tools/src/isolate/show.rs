//! What `corelane isolate` says: a head, the difference to a host, what was done and what was not.

use isolation::CpuSet;
use isolation::isolate::journal::State;
use isolation::isolate::settings::Form;
use isolation::isolate::{APPLIED, Changes, Done, LeftOut, Planned, Site, What, Wish, diff};
use station::operator::Failure;
use std::fmt::Write as _;
use wire::exit::Exit;

/// Who gets which CPU.
pub(super) fn head(from: &str, wish: &Wish) -> String {
    let layout = &wish.layout;
    let plan = &layout.plan;
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".into());
    let edge = layout.edge.map_or_else(|| "with the loop".into(), |cpu| format!("CPU {cpu}"));
    let mut text = format!(
        "topology: {from}\nhot {}: loop CPU {}, edge {edge}, the engine's other threads CPU {}\n\
         housekeeping {}; card {}; GPU {}; systemd {}; profile {}\n",
        plan.hot,
        layout.order_loop,
        layout.first,
        plan.housekeeping,
        or_none(&plan.nic),
        or_none(&plan.gpu),
        wish.systemd,
        wish.profile.name(),
    );
    match layout.edge {
        Some(edge) => {
            let _ = writeln!(
                text,
                "station.toml needs station.loop_cpu = {}, station.edge_cpu = {edge} and \
                 station.topology = \"/{APPLIED}\"",
                layout.order_loop
            );
        }
        None => {
            let _ = writeln!(
                text,
                "station.toml needs station.threads = \"one\", station.loop_cpu = {} and \
                 station.topology = \"/{APPLIED}\"",
                layout.order_loop
            );
        }
    }
    if !layout.unused.is_empty() {
        let _ = writeln!(text, "CPUs {} are on neither side", layout.unused);
    }
    if layout.has_idle_siblings {
        text += "siblings of hot cores stay idle: nothing balances in a partition\n";
    }
    text + "\n"
}

/// What would change.
pub(super) struct Difference {
    /// Line by line.
    pub(super) text: String,
    /// How many paths.
    pub(super) count: usize,
    /// Those of them that matter now: not the interrupts that arrive elsewhere all the same.
    pub(super) felt: usize,
    /// Settings that could not be read.
    pub(super) unknown: usize,
}

/// What would change on a host.
pub(super) fn difference(site: &Site<'_>, changes: &Changes) -> Result<Difference, Failure> {
    let (mut text, mut count, mut elsewhere, mut unknown) = (String::new(), 0, 0, 0);
    for Planned { path, bytes, edit } in &changes.files {
        let found = if edit.is_some() { site.look_edited(path) } else { site.look(path, None) };
        let now = found.map_err(|error| unread(path, &error))?;
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let before = match &now {
            State::Link { to } => format!("(a link to {})\n", to.display()),
            State::Absent | State::File { .. } | State::Value(_) => {
                shown(now.bytes().unwrap_or_default())
            }
        };
        if now.bytes() != Some(bytes) {
            count += 1;
            let is_new = if now == State::Absent { " (new)" } else { "" };
            let _ = write!(text, "{path}{is_new}\n{}", diff::lines(&before, &shown(bytes)));
        }
    }
    for setting in &changes.settings {
        let (path, check) = (&setting.path, setting.check);
        let found = match site.look(path, Some(setting.form)) {
            Ok(State::Value(found)) => found,
            Ok(_) => continue,
            Err(error) => {
                let _ = writeln!(text, "{path}: unknown ({error}) [{check}]");
                unknown += 1;
                continue;
            }
        };
        if !setting.form.holds(&found, &setting.wanted) {
            count += 1;
            let found = setting.form.canonical(&found);
            let arrives = arrives(site, path, &setting.wanted);
            elsewhere += usize::from(arrives.is_some());
            let note = arrives.map_or_else(String::new, |cpus| format!(", arrives on {cpus}"));
            let _ = writeln!(text, "{path}: {found} -> {} [{check}]{note}", setting.wanted);
        }
    }
    Ok(Difference { text, count, felt: count - elsewhere, unknown })
}

/// Where the interrupts of a path arrive, if that is within what is wanted: some cannot be bound, and
/// are where they should be.
fn arrives(site: &Site<'_>, path: &str, wanted: &str) -> Option<CpuSet> {
    let folder = path.strip_suffix("/smp_affinity_list")?;
    let now = site.look(&format!("{folder}/effective_affinity_list"), Some(Form::List)).ok()?;
    let State::Value(text) = now else { return None };
    let cpus = CpuSet::from_list(&text).filter(|cpus| !cpus.is_empty())?;
    CpuSet::from_list(wanted)?.covers(&cpus).then_some(cpus)
}

/// What was left out and why.
pub(super) fn left_out(list: &[LeftOut]) -> String {
    let mut text = String::new();
    for LeftOut { what, why } in list {
        let _ = writeln!(text, "left out: {what}: {why}");
    }
    text
}

/// What was done, a line a path; what a kernel does not have is counted.
pub(super) fn done(list: &[Done]) -> String {
    let mut text = String::new();
    let mut absent = 0;
    for Done { path, what } in list {
        let word = match what {
            What::Written => "written".to_owned(),
            What::Overwritten(copy) => format!("written; what stood there is in {copy}"),
            What::Restored => "restored".to_owned(),
            What::Refused(why) => format!("refused ({why})"),
            What::Locked(why) => format!("left as it is ({why})"),
            What::Failed(why) => format!("failed ({why})"),
            What::Foreign => "left: somebody else has changed it since".to_owned(),
            What::Absent => {
                absent += 1;
                continue;
            }
        };
        let _ = writeln!(text, "{path}: {word}");
    }
    if absent > 0 {
        let _ = writeln!(text, "{absent} settings are not there on this host");
    }
    text
}

fn unread(path: &str, error: &std::io::Error) -> Failure {
    let fields = format!("path={path} error=\"{error}\"");
    Failure::new(Exit::Resource, "cannot be read", fields, "run it as root")
}
