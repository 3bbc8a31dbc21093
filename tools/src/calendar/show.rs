//! `corelane calendar show`: the window at an instant, what is resident, and the changes to come.

use super::args::{CalendarCommand, CalendarShowArgs};
use super::zone::timestamp;
use super::{Calendar, DayKind, NotCovered, Span, State, Step, Window, plan};
use crate::output::Output;
use serde_json::{Value, json};
use station::operator::Failure;
use std::time::{SystemTime, UNIX_EPOCH};
use wire::exit::Exit;

const NS_PER_S: u64 = 1_000_000_000;
const NS_PER_DAY: u64 = 86_400 * NS_PER_S;

/// Runs a command of the calendar.
///
/// # Errors
/// What is wrong with the calendar file, each problem a line; ARGUMENTS for a time that is none or
/// lies outside the days the file vouches for.
pub fn calendar(command: &CalendarCommand) -> Result<(), Failure> {
    match command {
        CalendarCommand::Show(args) => show(args),
        CalendarCommand::Run(args) => super::run::run(args),
    }
}

fn show(args: &CalendarShowArgs) -> Result<(), Failure> {
    let calendar = Calendar::load(&args.calendar)?;
    let at_ns = match &args.at {
        Some(text) => instant("--at", text)?,
        None => now_ns(),
    };
    let until_ns = at_ns.saturating_add(u64::from(args.days).saturating_mul(NS_PER_DAY));
    let spans = spans(&calendar, at_ns, until_ns).map_err(|error| not_covered(&error))?;
    let mut out = Output::stdout();
    if args.json {
        let value = as_json(&calendar, at_ns, &spans);
        out.line(format_args!("{value:#}"))?;
    } else {
        for line in head(&calendar, at_ns, &spans).into_iter().chain(table(&calendar, &spans)) {
            out.line(format_args!("{line}"))?;
        }
    }
    out.finish()
}

/// The wall clock, UNIX nanoseconds.
fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// The instant a person named under an option, UTC nanoseconds.
pub(crate) fn instant(option: &str, text: &str) -> Result<u64, Failure> {
    let parsed = text.parse::<jiff::Timestamp>();
    let found = parsed.ok().and_then(|at| u64::try_from(at.as_nanosecond()).ok());
    found.ok_or_else(|| {
        let fields =
            format!("{option}={text} allowed=(RFC 3339 with an offset, 2026-11-27T17:00:00Z)");
        Failure::new(Exit::Arguments, "no instant", fields, "say it as allowed")
    })
}

pub(super) fn not_covered(error: &NotCovered) -> Failure {
    let NotCovered { name, first, last } = error;
    let fields = format!("calendar={name} covers={first}..{last}");
    let next = "enter the holidays of the year and move calendar.last_date";
    Failure::new(Exit::Arguments, "the calendar does not vouch for this day", fields, next)
}

/// The span at an instant and those after it that begin before `until_ns`, as far as the file covers.
fn spans(calendar: &Calendar, at_ns: u64, until_ns: u64) -> Result<Vec<Span<'_>>, NotCovered> {
    let mut list = vec![calendar.at(at_ns)?];
    while let Some(end_ns) = list.last().and_then(|span| span.end_ns).filter(|end| *end < until_ns)
        && let Ok(span) = calendar.at(end_ns)
    {
        list.push(span);
    }
    Ok(list)
}

fn local(calendar: &Calendar, at_ns: u64) -> String {
    let time = calendar.zone.local(at_ns);
    format!("{} {} {}", time.date(), time.time(), calendar.zone.offset(at_ns))
}

fn head(calendar: &Calendar, at_ns: u64, spans: &[Span<'_>]) -> Vec<String> {
    let covers = calendar.covers().map_or_else(
        || "every week alike".to_owned(),
        |(first, last)| format!("{first} to {last}"),
    );
    let date = calendar.zone.date(at_ns);
    let day = match (calendar.day_kind(date), calendar.special(date)) {
        (DayKind::Full, _) => "a full day".to_owned(),
        (DayKind::Half, name) => format!("a half day ({})", name.unwrap_or("")),
        (DayKind::Closed, Some(name)) => format!("closed ({name})"),
        (DayKind::Closed, None) => "closed".to_owned(),
    };
    let mut lines = vec![
        format!("calendar  {} ({}), {covers}", calendar.name(), calendar.zone()),
        format!("at        {} = {}, {day}", local(calendar, at_ns), timestamp(at_ns)),
    ];
    let Some(now) = spans.first() else { return lines };
    lines.push(format!("window    {}", described(now.window)));
    lines.push(format!("resident  {}", resident(now.window)));
    match (now.end_ns, calendar.next(at_ns)) {
        (Some(end_ns), Ok(Some(next))) => {
            let left = duration(end_ns.saturating_sub(at_ns));
            lines.push(format!(
                "next      {} at {}, in {left}",
                described(next.window),
                local(calendar, end_ns)
            ));
            lines.push(format!("plan      {}", steps(now.window, next.window)));
        }
        (Some(end_ns), _) => {
            lines.push(format!("next      not covered from {} on", local(calendar, end_ns)));
        }
        (None, _) => lines.push("next      never".to_owned()),
    }
    lines
}

fn described(window: &Window) -> String {
    format!("{} ({}), station {}", window.name, window.kind.name(), window.station.name())
}

fn resident(window: &Window) -> String {
    let serves = |name: &str| window.serving.as_deref() == Some(name);
    let list = window.models.iter().map(|model| {
        let mark = if serves(&model.model) { " serving" } else { "" };
        format!("{model}{mark}")
    });
    let list: Vec<String> = list.collect();
    if list.is_empty() { "none".to_owned() } else { list.join(", ") }
}

fn steps(from: &Window, to: &Window) -> String {
    let list: Vec<String> = plan(&State::from(from), to).iter().map(Step::to_string).collect();
    if list.is_empty() { "nothing to do".to_owned() } else { list.join("; ") }
}

fn table(calendar: &Calendar, spans: &[Span<'_>]) -> Vec<String> {
    let wide = spans.iter().map(|span| span.window.name.len()).max().unwrap_or(0).max(6);
    let row = |begin: &str, name: &str, kind: &str, station: &str, models: &str| {
        format!("{begin:<23}  {name:<wide$}  {kind:<12}  {station:<11}  {models}")
    };
    let mut lines = vec![String::new(), row("from", "window", "kind", "station", "resident")];
    lines.extend(spans.iter().map(|span| {
        let window = span.window;
        let begin = span.begin_ns.map_or("ever".to_owned(), |begin| local(calendar, begin));
        row(&begin, &window.name, window.kind.name(), window.station.name(), &resident(window))
    }));
    lines
}

/// Days, hours, minutes and seconds, the leading and the next unit.
fn duration(ns: u64) -> String {
    let seconds = ns / NS_PER_S;
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest} s"),
        (0, 0, _) => format!("{minutes} min {rest} s"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

fn as_json(calendar: &Calendar, at_ns: u64, spans: &[Span<'_>]) -> Value {
    let span = |span: &Span<'_>| {
        let models = span.window.models.iter().map(|model| {
            json!({
                "name": model.model,
                "device": model.device.name(),
                "priority": model.priority.name(),
            })
        });
        json!({
            "window": span.window.name,
            "kind": span.window.kind.name(),
            "station": span.window.station.name(),
            "serving": span.window.serving,
            "models": models.collect::<Vec<_>>(),
            "begin_ns": span.begin_ns,
            "end_ns": span.end_ns,
            "begin_local": span.begin_ns.map(|begin| local(calendar, begin)),
        })
    };
    let next = spans.first().and_then(|now| Some((now.window, calendar.next(at_ns).ok()??.window)));
    let plan = next.map(|(from, to)| {
        plan(&State::from(from), to).iter().map(Step::to_string).collect::<Vec<_>>()
    });
    json!({
        "calendar": calendar.name(),
        "time_zone": calendar.zone(),
        "at_ns": at_ns,
        "day": calendar.day_kind(calendar.zone.date(at_ns)).name(),
        "plan_of_next_change": plan,
        "spans": spans.iter().map(span).collect::<Vec<_>>(),
    })
}
