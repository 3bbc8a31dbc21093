//! `corelane export`: orders, fills, best prices, scores, alarms, kills and modes of a run as CSV,
//! or as Parquet where this was built with the feature of that name.
//!
//! Prices, quantities and fees are exact decimal text; times are nanoseconds since the UNIX epoch.

mod events;
#[cfg(feature = "parquet")]
mod parquet;

use crate::cli::{ExportArgs, Format, What};
use crate::output::Output;
use crate::record::{self, Item};
use crate::recording;
use station::operator::Failure;
use std::fmt::Write as _;
use std::path::Path;
use tape::Recording;
use wire::decimal::{E9, Increments};
use wire::exit::Exit;
use wire::order::{Denied, ExecutionReport, Liquidity, NewOrder, Side, TimeInForce};
use wire::signal::{SignalResponse, SignalStatus};
use wire::{FrameHeader, PriceTicks, QtyLots};

impl What {
    /// Name of the file and of the option.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Fills => "fills",
            Self::Bbo => "bbo",
            Self::Scores => "scores",
            Self::Alarms => "alarms",
            Self::Kills => "kills",
            Self::Modes => "modes",
        }
    }

    const fn columns(self) -> &'static str {
        match self {
            Self::Orders => {
                "seq,ts_ns,event,symbol,strategy,cl_ord_id,side,price,qty,time_in_force,denied_by"
            }
            Self::Fills => {
                "seq,ts_ns,ts_event_ns,symbol,strategy,cl_ord_id,exec_id,side,price,qty,\
                 liquidity,fee"
            }
            Self::Bbo => "seq,ts_ns,symbol,bid_price,bid_qty,ask_price,ask_qty",
            Self::Scores => {
                "seq,ts_ns,symbol,request_id,status,score,p_up,p_down,model_hash,infer_ns"
            }
            Self::Alarms => events::ALARMS,
            Self::Kills => events::KILLS,
            Self::Modes => events::MODES,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// A failure of the record or the output; `ARGUMENTS` for Parquet in a build without it.
pub fn export(args: &ExportArgs) -> Result<(), Failure> {
    if args.format == Format::Parquet && !cfg!(feature = "parquet") {
        return Err(no_parquet());
    }
    let (recording, fault) = recording::open(&record::path_of(&args.run_dir)?)?;
    // Several tables go to files: beside the record where no directory is named.
    let to_files = args.what.len() > 1 || args.format == Format::Parquet;
    let dir = args.out.as_ref().or_else(|| to_files.then_some(&args.run_dir));
    for what in &args.what {
        let Some(dir) = dir else {
            let mut out = Output::stdout();
            write_csv(*what, &recording, &mut out)?;
            out.finish()?;
            continue;
        };
        std::fs::create_dir_all(dir).map_err(|error| {
            Failure::new(
                Exit::Resource,
                "cannot make the directory",
                format!("path={} error=\"{error}\"", dir.display()),
                "check the path",
            )
        })?;
        let extension = match args.format {
            Format::Csv => "csv",
            Format::Parquet => "parquet",
        };
        let path = dir.join(format!("{}.{extension}", what.name()));
        write_file(*what, args.format, &recording, &path)?;
        let mut out = Output::stdout();
        out.line(format_args!("{}", path.display()))?;
        out.finish()?;
    }
    recording::settle(fault)
}

fn write_file(
    what: What,
    format: Format,
    recording: &Recording,
    path: &Path,
) -> Result<(), Failure> {
    if format == Format::Parquet {
        return write_parquet(what, recording, path);
    }
    let mut file = Output::file(path)?;
    write_csv(what, recording, &mut file)?;
    file.finish()
}

#[cfg(feature = "parquet")]
fn write_parquet(what: What, recording: &Recording, path: &Path) -> Result<(), Failure> {
    let failed = |error: ::parquet::errors::ParquetError| {
        let fields = format!("path={} error=\"{error}\"", path.display());
        Failure::new(Exit::Resource, "cannot write", fields, "check the path and the free space")
    };
    let mut table = parquet::Table::create(path, what.columns()).map_err(failed)?;
    let mut outcome = Ok(());
    each_row(what, recording, |line| {
        outcome = table.row(line);
        outcome.is_ok()
    });
    outcome.and_then(|()| table.finish()).map_err(failed)
}

#[cfg(not(feature = "parquet"))]
fn write_parquet(_: What, _: &Recording, _: &Path) -> Result<(), Failure> {
    Err(no_parquet())
}

fn no_parquet() -> Failure {
    let fields = "key=--format found=parquet allowed=csv";
    let next = "build with `cargo build --release -p corelane-tools --features parquet`";
    Failure::new(Exit::Arguments, "this build writes no Parquet", fields, next)
}

fn write_csv(what: What, recording: &Recording, out: &mut Output) -> Result<(), Failure> {
    out.line(format_args!("{}", what.columns()))?;
    let mut outcome = Ok(true);
    each_row(what, recording, |line| {
        outcome = out.line(format_args!("{line}"));
        matches!(outcome, Ok(true))
    });
    outcome.map(|_| ())
}

/// Calls `take` with each row of a table until it has enough.
fn each_row(what: What, recording: &Recording, mut take: impl FnMut(&str) -> bool) {
    let mut line = String::new();
    record::walk(recording, |item| {
        line.clear();
        // Writing to a string cannot fail.
        let _ = row(what, item, recording, &mut line);
        line.is_empty() || take(&line)
    });
}

/// Writes one row where the item belongs to the table.
fn row(
    what: What,
    item: &Item<'_>,
    recording: &Recording,
    line: &mut String,
) -> Result<(), std::fmt::Error> {
    match (what, item) {
        (What::Orders, Item::Order(order)) => order_row(order, recording, line),
        (What::Orders, Item::Replace(replace)) => {
            let h = &replace.header;
            head(h, recording, "replace", line)?;
            let (price, qty) =
                (price(recording, h, replace.price_ticks), qty(recording, h, replace.qty_lots));
            write!(line, ",{},{},,{price},{qty},,", h.strategy_id, replace.orig_cl_ord_id)
        }
        (What::Orders, Item::Cancel(cancel)) => {
            head(&cancel.header, recording, "cancel", line)?;
            write!(line, ",{},{},,,,,", cancel.header.strategy_id, cancel.orig_cl_ord_id)
        }
        (What::Orders, Item::Denied(denied)) => denied_row(denied, recording, line),
        (What::Fills, Item::Fill(report)) => fill_row(report, recording, line),
        (What::Bbo, Item::Touch(header, touch)) => {
            let symbol = record::row(recording, header.instrument_id)
                .map_or("", wire::instrument::Instrument::symbol);
            write!(line, "{},{},{symbol}", header.seq, header.ts_recv_ns)?;
            for level in [touch.bid, touch.ask] {
                write!(line, ",{}", price(recording, header, level.price_ticks))?;
                write!(line, ",{}", qty(recording, header, level.qty_lots))?;
            }
            Ok(())
        }
        (What::Scores, Item::Score(response)) => score_row(response, recording, line),
        (What::Alarms, Item::Alarm(alarm)) => events::alarm(alarm, recording, line),
        (What::Kills, Item::Kill(report)) => events::kill(report, recording, line),
        (What::Modes, Item::Mode(change)) => events::mode(change, line),
        _ => Ok(()),
    }
}

fn head(
    header: &FrameHeader,
    recording: &Recording,
    event: &str,
    line: &mut String,
) -> Result<(), std::fmt::Error> {
    let symbol = record::row(recording, header.instrument_id)
        .map_or("", wire::instrument::Instrument::symbol);
    write!(line, "{},{},{event},{symbol}", header.seq, header.ts_recv_ns)
}

fn order_row(
    order: &NewOrder,
    recording: &Recording,
    line: &mut String,
) -> Result<(), std::fmt::Error> {
    let h = &order.header;
    head(h, recording, "new", line)?;
    write!(
        line,
        ",{},{},{},{},{},{},",
        h.strategy_id,
        order.cl_ord_id,
        Side::from_code(order.side).map_or("", Side::name),
        price(recording, h, order.price_ticks),
        qty(recording, h, order.qty_lots),
        TimeInForce::from_code(order.time_in_force).map_or("", TimeInForce::name),
    )
}

fn denied_row(
    denied: &Denied,
    recording: &Recording,
    line: &mut String,
) -> Result<(), std::fmt::Error> {
    let h = &denied.header;
    head(h, recording, "denied", line)?;
    let codes: Vec<&str> = (0..64)
        .filter(|bit| denied.mask & (1 << bit) != 0)
        .filter_map(engine::gate::code_of)
        .collect();
    write!(
        line,
        ",{},,{},{},{},,{}",
        h.strategy_id,
        Side::from_code(denied.side).map_or("", Side::name),
        price(recording, h, denied.price_ticks),
        qty(recording, h, denied.qty_lots),
        codes.join("+"),
    )
}

fn fill_row(
    report: &ExecutionReport,
    recording: &Recording,
    line: &mut String,
) -> Result<(), std::fmt::Error> {
    let h = &report.header;
    let symbol =
        record::row(recording, h.instrument_id).map_or("", wire::instrument::Instrument::symbol);
    write!(
        line,
        "{},{},{},{symbol},{},{},{},{},{},{},{},{}",
        h.seq,
        h.ts_recv_ns,
        h.ts_event_ns,
        h.strategy_id,
        report.cl_ord_id,
        report.exec_id,
        Side::from_code(report.side).map_or("", Side::name),
        price(recording, h, report.last_px_ticks),
        qty(recording, h, report.last_qty_lots),
        Liquidity::from_code(report.liquidity).map_or("", Liquidity::name),
        Increments { count: report.fee_e9.get(), increment_e9: 1 },
    )
}

fn score_row(
    response: &SignalResponse,
    recording: &Recording,
    line: &mut String,
) -> Result<(), std::fmt::Error> {
    let h = &response.header;
    let symbol =
        record::row(recording, h.instrument_id).map_or("", wire::instrument::Instrument::symbol);
    let e6 = |value: i64| Increments { count: value, increment_e9: E9 / 1_000_000 };
    write!(
        line,
        "{},{},{symbol},{},{},{},{},{},{:016x},{}",
        h.seq,
        h.ts_recv_ns,
        response.request_id,
        SignalStatus::from_code(response.status).map_or("", SignalStatus::name),
        e6(i64::from(response.score_e6)),
        e6(i64::from(response.p_up_e6)),
        e6(i64::from(response.p_down_e6)),
        response.model_hash,
        response.infer_ns,
    )
}

fn price(recording: &Recording, header: &FrameHeader, ticks: PriceTicks) -> String {
    let Some(row) = record::row(recording, header.instrument_id) else { return String::new() };
    if !ticks.is_defined() {
        return String::new();
    }
    Increments { count: ticks.get(), increment_e9: row.tick_size_e9 }.to_string()
}

fn qty(recording: &Recording, header: &FrameHeader, lots: QtyLots) -> String {
    record::row(recording, header.instrument_id).map_or_else(String::new, |row| {
        Increments { count: lots.get(), increment_e9: row.lot_size_e9 }.to_string()
    })
}
