//! `corelane backtest --set`: one backtest for each combination of parameters, over all CPUs.
//!
//! Every combination is checked before the first one runs. Rows come in the order of the
//! arguments, the last parameter turning fastest, whatever the number of CPUs, and each is exactly
//! what a backtest with those parameters in the file gives.

use crate::backtest::{Model, latency, overrides};
use crate::cli::BacktestArgs;
use crate::output::Output;
use crate::scores::Scores;
use crate::table::plain;
use serde_json::{Map, Value, json};
use station::config::{Config, Setting};
use station::operator::Failure;
use station::prepare;
use std::fmt::Write as _;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use tape::Recording;
use venues::sim::Latency;
use wire::decimal::Increments;
use wire::exit::Exit;

/// Most combinations of one sweep.
const COMBINATIONS_MAX: usize = 10_000;

/// One parameter and the values it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Axis {
    strategy: String,
    key: String,
    values: Vec<String>,
}

/// A combination and the configuration it makes.
struct Point {
    set: Vec<Setting>,
    config: Config,
}

/// Where the scores of every point come from.
struct Scoring<'a> {
    latency: Latency,
    /// Recorded ones; without them the configured model.
    scores: Option<&'a Scores>,
}

/// Runs the command.
///
/// # Errors
/// `ARGUMENTS` for a `--set` that is not understood, `CONFIGURATION` for a key or value that is not
/// allowed; else as a single backtest.
pub fn sweep(args: &BacktestArgs) -> Result<(), Failure> {
    let axes = axes(&args.set)?;
    let points: Vec<Point> = combinations(&axes)?
        .into_iter()
        .map(|set| point(args, set))
        .collect::<Result<_, Failure>>()?;
    let Some(first) = points.first() else { return Ok(()) };
    let recording = prepare::read(&first.config)?;
    let scores = args.scores.as_deref().map(|path| Scores::read(path, &recording)).transpose()?;
    let scoring = Scoring { latency: latency(args)?, scores: scores.as_ref() };
    let rows = run(&points, &recording, &scoring)?;
    let mut out = Output::stdout();
    if args.json {
        let file = recording.path.file_name().map(|name| name.to_string_lossy());
        let data = json!({ "file": file, "sha256": recording.summary.sha256 });
        out.line(format_args!("{}", json!({ "kind": "sweep", "data": data, "rows": rows })))?;
    } else {
        out.write(table(&axes, &rows).as_bytes())?;
    }
    out.finish()
}

fn axes(args: &[String]) -> Result<Vec<Axis>, Failure> {
    let mut all: Vec<Axis> = Vec::new();
    for arg in args {
        let next = axis(arg).ok_or_else(|| refused(arg, "NAME.param=a,b,c"))?;
        if all.iter().any(|axis| axis.strategy == next.strategy && axis.key == next.key) {
            return Err(refused(arg, "each parameter once"));
        }
        all.push(next);
    }
    Ok(all)
}

/// `strategy.NAME.param=a,b,c` or the same without its first word.
fn axis(arg: &str) -> Option<Axis> {
    let (path, values) = arg.split_once('=')?;
    let (strategy, key) = path.strip_prefix("strategy.").unwrap_or(path).rsplit_once('.')?;
    let values: Vec<String> = values.split(',').map(|value| value.trim().to_owned()).collect();
    let empty = strategy.is_empty() || key.is_empty() || values.iter().any(String::is_empty);
    (!empty).then(|| Axis { strategy: strategy.to_owned(), key: key.to_owned(), values })
}

fn refused(found: &str, allowed: &str) -> Failure {
    let fields = format!("key=--set found=\"{found}\" allowed=({allowed})");
    Failure::new(Exit::Arguments, "argument is not understood", fields, "correct the argument")
}

/// The product of the axes; the last one turns fastest.
fn combinations(axes: &[Axis]) -> Result<Vec<Vec<Setting>>, Failure> {
    let count = axes.iter().try_fold(1_usize, |all, axis| all.checked_mul(axis.values.len()));
    if count.is_none_or(|count| count > COMBINATIONS_MAX) {
        let found = count.map_or_else(|| "too many to count".into(), |n| n.to_string());
        return Err(refused(&found, "at most 10000 combinations"));
    }
    let mut all: Vec<Vec<Setting>> = vec![Vec::new()];
    for Axis { strategy, key, values } in axes {
        let with = |before: &Vec<Setting>, value: &String| {
            let (strategy, key, value) = (strategy.clone(), key.clone(), value.clone());
            before.iter().cloned().chain([Setting { strategy, key, value }]).collect()
        };
        let grown = |before| values.iter().map(move |value| with(before, value));
        all = all.iter().flat_map(grown).collect();
    }
    Ok(all)
}

fn point(args: &BacktestArgs, set: Vec<Setting>) -> Result<Point, Failure> {
    let loaded = Config::load(&args.config, &overrides(args, set.clone()));
    match loaded {
        Ok(config) => Ok(Point { set, config }),
        Err(mut failure) => {
            // A relation between keys breaks only in some combinations: say in which.
            let text: Vec<String> = set.iter().map(Setting::to_string).collect();
            for line in &mut failure.lines {
                let _ = write!(line.fields, " set=\"{}\"", text.join(" "));
            }
            Err(failure)
        }
    }
}

/// Runs every point, on as many threads as there are CPUs; rows in the order of the points.
fn run(
    points: &[Point],
    recording: &Recording,
    scoring: &Scoring<'_>,
) -> Result<Vec<Value>, Failure> {
    let cpus = std::thread::available_parallelism().map_or(1, NonZero::get);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut rows = Vec::new();
        let mut model = None;
        loop {
            // ORDERING: relaxed; each number is taken once, and the threads share nothing else.
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(point) = points.get(index) else { return rows };
            let row = run_point(point, recording, scoring, &mut model);
            let failed = row.is_err();
            rows.push((index, row));
            if failed {
                // Nothing further can make the sweep whole.
                next.store(points.len(), Ordering::Relaxed);
            }
        }
    };
    let mut rows: Vec<(usize, Result<Value, Failure>)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cpus.min(points.len())).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_else(gone)).collect()
    });
    rows.sort_by_key(|(index, _)| *index);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// A thread that panicked takes the process with it, as everywhere.
fn gone<T>(panic: Box<dyn std::any::Any + Send>) -> T {
    std::panic::resume_unwind(panic)
}

/// One row; each thread loads the model once, and only where a strategy asks it.
fn run_point<'a>(
    point: &Point,
    recording: &Recording,
    scoring: &Scoring<'a>,
    model: &mut Option<Model<'a>>,
) -> Result<Value, Failure> {
    let Point { set, config } = point;
    let mut none = Model::None;
    let model = if config.strategies.iter().any(|s| s.params.uses_signal()) {
        match model {
            Some(model) => model,
            None => model.insert(Model::load(config, scoring.scores)?),
        }
    } else {
        &mut none
    };
    let done = model.run(config, recording, &scoring.latency)?;
    let number = |text: &String| text.parse::<i64>().map_or_else(|_| json!(text), |n| json!(n));
    let name = |s: &Setting| format!("{}.{}", s.strategy, s.key);
    let params: Map<String, Value> = set.iter().map(|s| (name(s), number(&s.value))).collect();
    let mut row = json!({ "params": params, "denied": done.summary["denied_total"] });
    for key in
        ["orders", "fills", "position_lots", "pnl", "strategies", "config_hash", "state_hash"]
    {
        row[key] = done.summary[key].clone();
    }
    Ok(row)
}

/// The rows for a terminal: parameters, counts, and profit and fees of each instrument in its quote
/// currency.
fn table(axes: &[Axis], rows: &[Value]) -> String {
    let names: Vec<String> = axes.iter().map(|a| format!("{}.{}", a.strategy, a.key)).collect();
    let symbols: Vec<&String> =
        rows.iter().filter_map(|row| row["pnl"].as_object()).take(1).flat_map(Map::keys).collect();
    let mut head = names.clone();
    head.extend(["orders", "fills", "denied"].map(str::to_owned));
    for symbol in &symbols {
        head.extend([format!("pnl {symbol}"), format!("fees {symbol}")]);
    }
    head.push("state_hash".to_owned());
    let cells = |row: &Value| {
        let mut cells: Vec<String> = names.iter().map(|name| plain(&row["params"][name])).collect();
        cells.extend(["orders", "fills", "denied"].map(|key| plain(&row[key])));
        for symbol in &symbols {
            let pnl = &row["pnl"][symbol.as_str()];
            let fees = pnl["fees_e9"].as_i64();
            let fees = fees.map(|count| Increments { count, increment_e9: 1 }.to_string());
            cells.extend([plain(&pnl["net"]), fees.unwrap_or_else(|| "n/a".into())]);
        }
        cells.push(plain(&row["state_hash"]));
        cells
    };
    let lines: Vec<Vec<String>> = [head].into_iter().chain(rows.iter().map(cells)).collect();
    let columns = lines.first().map_or(0, Vec::len);
    let width =
        |n: usize| lines.iter().filter_map(|l| l.get(n)).map(String::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}"));
        let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_takes_both_spellings_and_names_with_dots() {
        let want = Axis {
            strategy: "quoting".into(),
            key: "gamma_e6".into(),
            values: vec!["50".into(), "100".into()],
        };
        assert_eq!(axis("quoting.gamma_e6=50,100"), Some(want.clone()));
        assert_eq!(axis("strategy.quoting.gamma_e6=50, 100"), Some(want));
        assert_eq!(axis("a.b.c=1").map(|a| (a.strategy, a.key)), Some(("a.b".into(), "c".into())));
        for bad in
            ["", "x", "quoting.gamma_e6", "gamma_e6=1", "quoting.=1", ".x=1", "q.x=", "q.x=1,"]
        {
            assert_eq!(axis(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_last_parameter_turns_fastest_and_the_product_is_bounded() {
        let axes = |args: &[&str]| {
            let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
            super::axes(&args)
        };
        let two = axes(&["q.a=1,2", "q.b=3,4,5"]).expect("good");
        let all = combinations(&two).expect("six");
        let text =
            |set: &Vec<Setting>| set.iter().map(|s| s.value.as_str()).collect::<Vec<_>>().join("");
        assert_eq!(all.iter().map(text).collect::<Vec<_>>(), ["13", "14", "15", "23", "24", "25"]);
        assert!(axes(&["q.a=1", "strategy.q.a=2"]).is_err(), "one parameter twice");
        let hundred = vec!["1"; 100].join(",");
        let sides = [format!("q.a={hundred}"), format!("q.b={hundred}"), "q.c=1,2".to_owned()];
        let sides: Vec<&str> = sides.iter().map(String::as_str).collect();
        assert_eq!(
            combinations(&axes(&sides[..2]).expect("good")).map(|all| all.len()),
            Ok(10_000)
        );
        let failure = combinations(&axes(&sides).expect("good")).expect_err("too many");
        assert_eq!(failure.exit, Exit::Arguments);
        assert!(failure.to_string().contains("found=\"20000\""), "{failure}");
    }
}
