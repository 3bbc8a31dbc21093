//! `corelane pingpong`: how long a message takes there and back, and by which way.
//!
//! Runs `sfnt-pingpong` where it is installed, else measures itself and prints the same table. Must
//! never: print half a round trip where a whole one is meant, or call loopback a network figure.
//! Both ends are threads of their own; everything is allocated before the first message.

pub mod end;
pub mod hosts;
pub mod link;
pub mod local;
pub mod measure;
pub mod shared;
pub mod table;
pub mod tool;
pub mod verdict;

use crate::latency::sfnt::{Row, Table};
use crate::output::Output;
use crate::probes::{Limits, Machine, Percentile, limits};
use clap::{Args, ValueEnum};
use clock::Clock;
use end::Wait;
use link::{Link, Onload};
use local::Mode;
use measure::{Affinity, Plan};
use station::operator::Failure;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use table::Report;
use verdict::Question;
use wire::exit::Exit;

/// Exit code 0: measured, and the target met where one was judged. 31: a target missed. 12: a
/// target of `--target` was met, but by a virtual machine, over loopback or a virtual interface, or
/// without Onload, so it is no certificate.
#[derive(Args, Debug)]
pub struct PingpongArgs {
    /// What carries the messages.
    #[arg(value_enum, default_value = "tcp")]
    pub mode: Mode,
    /// Bytes of a message, separated by commas.
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_value = "64")]
    pub sizes: Vec<usize>,
    /// How both ends wait.
    #[arg(long, value_enum, default_value = "spinning")]
    pub wait: Wait,
    /// CPUs of the two ends, `CLIENT,SERVER`; without it the last two this process may use.
    #[arg(long, value_name = "C,S", value_parser = affinity)]
    pub affinity: Option<Affinity>,
    /// How long to measure each size.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "1s")]
    pub time: u64,
    /// Exactly so many round trips of each size instead.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub iterations: Option<u64>,
    /// Round trips before those that count.
    #[arg(long, value_name = "N", default_value_t = 1_000,
          value_parser = clap::value_parser!(u64).range(..=10_000_000))]
    pub warm_up: u64,
    /// The percentile of the column `%ile`.
    #[arg(long, value_name = "P", default_value = "99")]
    pub percentile: Percentile,
    /// Print whole round trips in the table, not halves.
    #[arg(long)]
    pub rtt: bool,
    /// Limits of the whole round trip, such as `p50<9us,p99<9us`; these at 64 bytes without it, and
    /// then only where Onload carried the messages over a card.
    #[arg(long, value_name = "LIMITS")]
    pub target: Option<Limits>,
    /// Bytes of the message the target is for.
    #[arg(long, value_name = "N", default_value_t = verdict::SIZE)]
    pub target_size: u64,
    /// A target that is met without being a certificate ends with 0 as well.
    #[arg(long)]
    pub uncertified: bool,
    /// Who measures.
    #[arg(long, value_enum, default_value = "auto")]
    pub tool: Tool,
    /// Answer at this address, for one session; test networks only: there is no authentication.
    #[arg(long, value_name = "ADDR", conflicts_with = "connect")]
    pub bind: Option<String>,
    /// Measure against a `corelane pingpong --bind` at this address.
    #[arg(long, value_name = "ADDR")]
    pub connect: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Who measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Tool {
    /// On this host `sfnt-pingpong` where it is on the PATH and has the mode, else this program;
    /// between two hosts this program.
    Auto,
    /// `sfnt-pingpong`.
    Sfnt,
    /// This program.
    Builtin,
}

fn affinity(text: &str) -> Result<Affinity, String> {
    let wrong = || format!("{text:?}: two CPUs such as 2,3");
    let (client, server) = text.split_once([',', ';']).ok_or_else(wrong)?;
    let cpu = |text: &str| text.parse().map(Some).map_err(|_| wrong());
    Ok(Affinity { client: cpu(client)?, server: cpu(server)? })
}

/// A time with its unit, at least a millisecond.
pub(crate) fn duration(text: &str) -> Result<u64, String> {
    let ns = limits::time(text).filter(|ns| *ns >= 1_000_000);
    ns.ok_or_else(|| format!("{text:?}: a time with its unit such as 500ms, 10s, 24h"))
}

/// Runs the command.
///
/// # Errors
/// ARGUMENTS for what cannot be measured, RESOURCE for a link that fails, `CHECK_FAILED` for a
/// missed target, HOST for a target met where it proves nothing.
pub fn pingpong(args: &PingpongArgs) -> Result<(), Failure> {
    check(args)?;
    let program = tool::find();
    let program = choose(args, program)?;
    if let Some(at) = &args.bind {
        return answer(args, &resolve(at)?, program);
    }
    let machine = Machine::look();
    let affinity = placed(args, &machine)?;
    let to = args.connect.as_deref().map(resolve).transpose()?;
    let mut report = match program {
        Some(program) => with_tool(args, &program, affinity, to)?,
        None => built_in(args, affinity, to)?,
    };
    report.machine = Some(machine);
    let verdict = question(args, &report).answer(&report.rows);
    let mut out = Output::stdout();
    out.write(report.shown(args, &verdict).as_bytes())?;
    out.finish()?;
    if verdict.exit == Exit::Clean {
        return Ok(());
    }
    // The verdict says why.
    Err(Failure { exit: verdict.exit, lines: Vec::new() })
}

fn refused(what: &str, found: impl std::fmt::Display, next: &str) -> Failure {
    Failure::new(Exit::Arguments, what, found.to_string(), next)
}

fn check(args: &PingpongArgs) -> Result<(), Failure> {
    if args.bind.is_none() {
        for size in &args.sizes {
            if let Some(why) = args.mode.refuses(*size) {
                let found = format!("size={size} mode={} allowed={why:?}", args.mode.name());
                return Err(refused("size cannot be sent", found, "name others with --sizes"));
            }
        }
    }
    if let Some(n) = args.iterations.filter(|n| *n < args.percentile.needs()) {
        let needs = args.percentile.needs();
        let found = format!("iterations={n} percentile={} needed={needs}", args.percentile);
        let next = "raise --iterations or lower --percentile";
        return Err(refused("too few round trips for the percentile", found, next));
    }
    if args.connect.is_some() && !args.mode.is_network() {
        let found = format!("mode={}", args.mode.name());
        return Err(refused("mode does not leave this host", found, "take tcp or udp"));
    }
    if args.mode == Mode::SharedMemory && args.wait == Wait::IoUring {
        let next = "take --wait=spinning or --wait=blocking";
        return Err(refused("nothing to read in a ring", "mode=shared_memory", next));
    }
    Ok(())
}

/// The program that measures; `None` is this one.
fn choose(args: &PingpongArgs, found: Option<PathBuf>) -> Result<Option<PathBuf>, Failure> {
    let fits = args.mode.in_sfnt() && args.wait != Wait::IoUring;
    let is_local = args.connect.is_none() && args.bind.is_none();
    match (args.tool, found) {
        (Tool::Builtin, _) => Ok(None),
        (Tool::Auto, found) => Ok(found.filter(|_| fits && is_local)),
        (Tool::Sfnt, Some(_)) if !fits => {
            let found = format!("mode={} wait={}", args.mode.name(), args.wait.name());
            Err(refused("sfnt-pingpong has no such mode", found, "take --tool=builtin"))
        }
        (Tool::Sfnt, Some(program)) => Ok(Some(program)),
        (Tool::Sfnt, None) => Err(Failure::new(
            Exit::Resource,
            "sfnt-pingpong is not on the PATH",
            "",
            "build it from cns-sfnettest, or take --tool=builtin",
        )),
    }
}

/// CPUs of the ends, where spinning needs one each.
fn placed(args: &PingpongArgs, machine: &Machine) -> Result<Affinity, Failure> {
    let affinity = args.affinity.unwrap_or_else(|| {
        let mut last = machine.allowed.iter().rev().copied();
        let server = last.next();
        let client = last.next();
        Affinity { client: client.or(server), server }
    });
    let named = [affinity.client, affinity.server];
    if let Some(cpu) = named.iter().flatten().find(|cpu| !machine.allowed.contains(cpu)) {
        let found = format!("cpu={cpu} allowed={:?}", machine.allowed);
        return Err(refused("CPU may not be used", found, "name others with --affinity"));
    }
    let is_shared = affinity.client == affinity.server && args.connect.is_none();
    if is_shared && args.wait == Wait::Spinning {
        let found = format!("affinity={:?}", affinity.client);
        let next = "name two CPUs with --affinity, or take --wait=blocking";
        return Err(refused("two spinning ends need a CPU each", found, next));
    }
    Ok(affinity)
}

fn resolve(text: &str) -> Result<SocketAddr, Failure> {
    let found = text
        .to_socket_addrs()
        .and_then(|mut all| all.next().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound)));
    found.map_err(|error| {
        let found = format!("address={text:?} error=\"{error}\"");
        refused("no such address", found, "write HOST:PORT")
    })
}

fn broken(args: &PingpongArgs, error: &io::Error) -> Failure {
    let fields = format!("mode={} wait={} error=\"{error}\"", args.mode.name(), args.wait.name());
    let next = "see that the peer runs and the CPUs are free; --wait=blocking needs none";
    Failure::new(Exit::Resource, "the link failed", fields, next)
}

fn answer(args: &PingpongArgs, at: &SocketAddr, tool: Option<PathBuf>) -> Result<(), Failure> {
    let mut out = Output::stdout();
    let cpu = args.affinity.and_then(|affinity| affinity.server);
    if let Some(program) = tool {
        if !at.ip().is_unspecified() {
            let next = "write 0.0.0.0:PORT and let a firewall keep others away, or take \
                        --tool=builtin, which answers at the one address";
            return Err(refused(
                "sfnt-pingpong answers at every address",
                format!("bind={at}"),
                next,
            ));
        }
        // The program has no word for the answering side's CPU; it inherits this thread's.
        measure::pinned(cpu).map_err(|error| broken(args, &error))?;
        return tool::answer(&program, *at).map_err(|error| broken(args, &error));
    }
    let server = hosts::Server::bind(*at).map_err(|error| broken(args, &error))?;
    let shown = server.address().map_err(|error| broken(args, &error))?;
    out.line(format_args!("# answering at {shown}, one session; {}", Onload::look().told()))?;
    out.finish()?;
    measure::pinned(cpu).map_err(|error| broken(args, &error))?;
    let from = server.session().map_err(|error| broken(args, &error))?;
    let mut out = Output::stdout();
    out.line(format_args!("# session of {from} is over"))?;
    out.finish()
}

fn with_tool(
    args: &PingpongArgs,
    program: &PathBuf,
    affinity: Affinity,
    to: Option<SocketAddr>,
) -> Result<Report, Failure> {
    let words = tool::arguments(args, affinity, to);
    let (text, table) = tool::measure(program, &words).map_err(|error| broken(args, &error))?;
    let rows = whole(&table)
        .ok_or_else(|| broken(args, &io::Error::other("the table does not say round trips")))?;
    Ok(Report {
        tool: format!("sfnt-pingpong ({})", program.display()),
        own_table: Some(text),
        rows,
        lost: 0,
        link: way(args, to),
        onload: Onload::Told { both_ends: table.header.has_onload_at_both_ends() },
        affinity,
        clock: None,
        machine: None,
    })
}

/// The rows as whole round trips.
fn whole(table: &Table) -> Option<Vec<Row>> {
    table.rows.iter().map(|row| table.rtt_ns(row)).collect()
}

fn way(args: &PingpongArgs, to: Option<SocketAddr>) -> Link {
    match to {
        Some(to) => Link::to(to.ip()),
        None if args.mode.is_network() => Link::Loopback,
        None => Link::NoNetwork,
    }
}

fn built_in(
    args: &PingpongArgs,
    affinity: Affinity,
    to: Option<SocketAddr>,
) -> Result<Report, Failure> {
    let clock = Clock::calibrate();
    let start = clock.anchor();
    let plan = Plan {
        warm_up: args.warm_up,
        iterations: args.iterations,
        time_ns: args.time,
        percentile: args.percentile,
    };
    let mut report = Report {
        tool: "built in".into(),
        own_table: None,
        rows: Vec::new(),
        lost: 0,
        link: way(args, to),
        onload: Onload::NotLoaded,
        affinity,
        clock: None,
        machine: None,
    };
    let measured = match to {
        None => here(args, &plan, &clock, &mut report),
        Some(to) => there(args, to, &plan, &clock, &mut report),
    };
    measured.map_err(|error| broken(args, &error))?;
    let drift = clock.check_drift(&start);
    if drift.is_excessive() {
        let next = "let the host settle, or look at its clock source";
        return Err(Failure::new(Exit::Clock, "the clock drifted", drift.to_string(), next));
    }
    report.clock = Some(clock);
    Ok(report)
}

/// Between two threads of this process.
fn here(args: &PingpongArgs, plan: &Plan, clock: &Clock, report: &mut Report) -> io::Result<()> {
    for &size in &args.sizes {
        let ends = local::ends(args.mode, args.wait, size)?;
        report.onload = Onload::look();
        let outcome = measure::local(ends, size, plan, clock, report.affinity)?;
        report.take(&outcome, args.percentile)?;
    }
    Ok(())
}

/// Against another host.
fn there(
    args: &PingpongArgs,
    to: SocketAddr,
    plan: &Plan,
    clock: &Clock,
    report: &mut Report,
) -> io::Result<()> {
    let mut session = hosts::Session::open(to)?;
    measure::pinned(report.affinity.client)?;
    let mut is_accelerated = true;
    for &size in &args.sizes {
        let mut end = session.link(args.mode, args.wait, size)?;
        end.ready()?;
        let ours = Onload::look();
        report.onload = if ours == Onload::NotLoaded {
            ours
        } else {
            is_accelerated &= ours.accelerates() && session.is_peer_accelerated;
            Onload::Told { both_ends: is_accelerated }
        };
        let outcome = measure::ping(end.as_mut(), size, plan, clock)?;
        report.take(&outcome, args.percentile)?;
    }
    Ok(())
}

fn question<'a>(args: &'a PingpongArgs, report: &Report) -> Question<'a> {
    let machine = report.machine.iter().flat_map(|machine| machine.objections.clone());
    let mut objections: Vec<String> = report.link.objection().into_iter().chain(machine).collect();
    if !report.onload.accelerates() {
        objections.push(format!("Onload {}", report.onload.told()));
    }
    Question {
        target: args.target.as_ref(),
        size: args.target_size,
        percentile: args.percentile,
        objections,
        is_uncertified_allowed: args.uncertified,
    }
}
