//! The commands on the bundled recording, and those the documents show.

use crate::support::{clean, config, corelane, json, only_run, program, recording, root, set};
use std::fs;
use std::process::Command;

fn data() -> String {
    format!("--data={}", recording().display())
}

#[test]
fn book_prints_exact_text_that_rises_by_venue_sequence() {
    let csv = clean(corelane(&["book", &data(), "--instrument=BTCUSDT", "--csv"]));
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("venue_seq,ts_event_ns,bid_price,bid_qty,ask_price,ask_qty"));
    let mut last = 0;
    let mut rows = 0;
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells.len(), 6, "{line}");
        let seq: u64 = cells[0].parse().unwrap();
        assert!(seq >= last, "{line}");
        last = seq;
        let cents = |text: &str| text.replace('.', "").parse::<u64>().unwrap();
        assert!(cents(cells[2]) < cents(cells[4]), "bid below ask: {line}");
        assert_eq!(cells[2].split('.').nth(1).map(str::len), Some(2), "{line}");
        assert_eq!(cells[3].split('.').nth(1).map(str::len), Some(6), "{line}");
        rows += 1;
    }
    assert!(rows > 3_000, "{rows}");
}

#[test]
fn print_gives_one_json_object_a_frame() {
    let path = recording().display().to_string();
    let text = clean(corelane(&["print", &path, "--json", "--kind=trade", "--limit=3"]));
    let trades: Vec<_> = text.lines().map(json).collect();
    assert_eq!(trades.len(), 3);
    for trade in trades {
        assert_eq!(trade["kind"], "trade");
        assert_eq!(trade["symbol"], "BTCUSDT");
        assert!(trade["price"].as_str().unwrap().contains('.'), "{trade}");
    }
    let text = clean(corelane(&["print", &path, "--limit=4"]));
    assert_eq!(text.lines().count(), 4);
    assert!(text.starts_with("instrument "), "{text}");
}

/// The request the engine makes holds the numbers `features` wrote, byte for byte.
#[test]
fn features_are_what_the_engine_asks_with() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("f.bin");
    clean(corelane(&["features", &data(), &format!("--out={}", out.display())]));
    let bytes = fs::read(out).unwrap();
    let words: Vec<i64> =
        bytes[64..].chunks_exact(8).map(|c| i64::from_le_bytes(c.try_into().unwrap())).collect();
    let rows: Vec<&[i64]> = words.chunks_exact(42).collect();
    assert_eq!(u64::from_le_bytes(bytes[16..24].try_into().unwrap()), rows.len() as u64);
    let file = config(dir.path(), |text| set(&text, "speed", "\"max\""));
    clean(corelane(&["run", "--quiet", &format!("--config={}", file.display())]));
    let record = tape::read_all(only_run(dir.path()).join("journal")).unwrap();
    let mut compared = 0;
    for frame in record.frames() {
        if let Ok(wire::Frame::SignalRequest(request)) = wire::decode(frame) {
            let at = i64::try_from(request.header.ts_recv_ns.get()).unwrap();
            let newest = rows.iter().position(|row| row[0] == at).expect("a sample of that time");
            let asked: &[i64] = bytemuck::cast_slice(&request.window);
            for (n, snapshot) in asked.chunks_exact(40).enumerate() {
                assert_eq!(snapshot, &rows[newest + n - 9][2..], "snapshot {n}");
            }
            compared += 1;
        }
    }
    assert!(compared > 1_000, "{compared} requests compared");
}

#[test]
fn exports_have_headers_and_rows() {
    let dir = tempfile::tempdir().unwrap();
    let file = config(dir.path(), |text| set(&text, "speed", "\"max\""));
    let summary = clean(corelane(&["run", "--json", &format!("--config={}", file.display())]));
    let summary = json(&summary);
    let run = only_run(dir.path());
    let out = dir.path().join("csv");
    clean(corelane(&[
        "export",
        run.to_str().unwrap(),
        "--what=orders,fills,bbo,scores,alarms,kills,modes",
        &format!("--out={}", out.display()),
    ]));
    for name in ["orders", "fills", "bbo", "scores", "alarms", "kills", "modes"] {
        let csv = fs::read_to_string(out.join(format!("{name}.csv"))).unwrap();
        let columns = csv.lines().next().unwrap().split(',').count();
        assert!(csv.lines().all(|line| line.split(',').count() == columns), "{name}");
        if name == "fills" {
            let rows = csv.lines().count() as u64 - 1;
            assert_eq!(Some(rows), summary["fills"].as_u64());
        }
        if name == "alarms" {
            assert_eq!(Some(csv.lines().count() as u64 - 1), summary["alarms"].as_u64());
        }
        if name == "modes" {
            assert!(csv.contains(",MAINTENANCE,LIVE,control"), "{csv}");
        }
    }
    // Without a directory they lie beside the record.
    clean(corelane(&["export", run.to_str().unwrap(), "--what=orders,fills", "--format=csv"]));
    assert!(run.join("orders.csv").is_file() && run.join("fills.csv").is_file());
    let table = clean(corelane(&["latency", "report", run.to_str().unwrap()]));
    assert!(table.contains("p99.9") && table.contains("event"), "{table}");
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.matches("<svg").count() >= 4, "charts");
    for outside in ["<script", "src=", "href=", "@import", "url("] {
        assert!(!page.contains(outside), "the page must stand alone: {outside}");
    }
    pandas(&run);
}

/// The three lines of Python in the README, on a real run.
fn pandas(run: &std::path::Path) {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let code = readme.split("```python\n").nth(1).and_then(|rest| rest.split("```").next());
    let code = code.expect("the README has a Python example");
    assert_eq!(code.lines().count(), 3, "three lines: {code}");
    let has = Command::new("python3").args(["-c", "import pandas"]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED readme_pandas_example: python3 with pandas is not installed");
        return;
    }
    let output = Command::new("python3")
        .args(["-c", code, program("corelane").to_str().unwrap(), run.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(clean(output).contains("buy"));
}

#[test]
fn signal_doctor_says_what_is_live_and_why() {
    let report = json(&clean(corelane(&["signal", "doctor", "--json"])));
    assert!(report["live"]["backend"].is_string(), "{report}");
    assert!(report["backends"].as_array().unwrap().len() >= 2, "{report}");
    let text = clean(corelane(&["signal", "doctor"]));
    assert!(text.contains("tract"), "{text}");
}

#[test]
fn calendar_show_says_window_residents_and_the_next_change_or_why_not() {
    let at = "--at=2026-11-27T17:00:00Z";
    let text = clean(corelane(&["calendar", "show", at, "--days=3"]));
    for part in [
        "2026-11-27 12:00:00 -05 = 2026-11-27T17:00:00Z, a half day (day after Thanksgiving)",
        "window    market (market-hours), station live",
        "resident  bin_ctabl@cpu (critical) serving",
        "station maintenance at 2026-11-27 13:00:00 -05, in 1 h 0 min",
        "plan      MAINTENANCE; unload bin_ctabl@cpu (critical)",
    ] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
    let crypto = "--calendar=config/calendar.crypto.toml";
    let shown = json(&clean(corelane(&["calendar", "show", crypto, at, "--json"])));
    assert_eq!(shown["spans"][0]["window"], "market");
    assert_eq!(shown["spans"][0]["models"][0]["name"], "bin_ctabl");
    for (argument, part) in [
        ("--at=2031-01-01T00:00:00Z", "covers=2025-01-01..2027-12-31"),
        ("--at=noon", "no instant"),
    ] {
        let output = corelane(&["calendar", "show", argument]);
        assert_eq!(output.status.code(), Some(10), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with("ARGUMENTS: ") && said.contains(part), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn signal_memory_says_what_it_sees_and_why_it_does_not() {
    let seen = json(&clean(corelane(&["signal", "memory", "--json"])));
    assert!(seen["host"]["total_bytes"].as_u64() > Some(0), "{seen}");
    assert!(seen["host"]["level"].is_string(), "{seen}");
    let vram = &seen["vram"];
    let why_not = vram["why_not"].as_str().unwrap_or("");
    assert!(vram["total_bytes"].is_u64() || why_not.starts_with("no NVML: "), "{seen}");
    assert!(clean(corelane(&["signal", "memory"])).contains("host  "));
}

/// Every `corelane` line of the README runs as written, `<id>` on a run of the demo; the live engine
/// is other tests'.
#[test]
fn the_commands_of_the_readme_run() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let mut ran = 0;
    for line in readme.lines().filter(|line| line.starts_with("corelane ")) {
        let run = crate::explain::folder::run().to_str().unwrap();
        let line = line.split(" #").next().unwrap().trim().replace("runs/<id>", run);
        // `new` leaves a folder behind: `new_strategy.rs` runs its section in one of its own.
        if ["<", "ctl", "replay", "new strategy"].iter().any(|word| line.contains(word)) {
            continue;
        }
        let args: Vec<&str> = line.split_whitespace().skip(1).collect();
        let output = corelane(&args);
        if args[0] == "doctor" {
            // What it finds depends on the machine: its statuses are a second enum beside the exits.
            assert!((0..=3).contains(&output.status.code().unwrap()), "{line}: {output:?}");
            assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{line}: {output:?}");
        } else {
            clean(output);
        }
        ran += 1;
    }
    assert!(ran >= 5, "{ran} commands of the README ran");
}

/// Commands as documents show them: lines of code blocks without their remark, and what stands
/// between backticks.
fn shown(text: &str) -> (Vec<String>, Vec<String>) {
    let (mut whole, mut named, mut is_block) = (Vec::new(), Vec::new(), false);
    for line in text.lines() {
        if line.starts_with("```") {
            is_block = !is_block;
        } else if is_block {
            let line = line.split(" #").next().unwrap_or_default().trim();
            whole.extend(line.starts_with("corelane ").then(|| line.to_owned()));
        } else {
            let quoted = line.split('`').skip(1).step_by(2);
            named.extend(quoted.filter(|text| text.starts_with("corelane ")).map(str::to_owned));
        }
    }
    (whole, named)
}

/// No document names a command, an option or an argument that the program does not take.
#[test]
fn every_command_in_a_document_is_one_the_program_takes() {
    use clap::Parser as _;
    use clap::error::ErrorKind;
    let listed = Command::new("git").args(["ls-files", "*.md"]).current_dir(root()).output();
    let listed = listed.map(|output| String::from_utf8(output.stdout).unwrap());
    let listed = listed.unwrap_or_default();
    if listed.is_empty() {
        eprintln!("SKIPPED every_command_in_a_document_is_one_the_program_takes: not a clone");
        return;
    }
    // What was true of an earlier version stays in the list of changes.
    let files = listed.lines().filter(|file| *file != "CHANGELOG.md");
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for file in files {
        let (whole, named) = shown(&fs::read_to_string(root().join(file)).unwrap());
        let whole = whole.into_iter().map(|line| (line, true));
        for (line, is_whole) in whole.chain(named.into_iter().map(|line| (line, false))) {
            if line.contains("<command>") {
                continue;
            }
            seen += 1;
            let words = line.split_whitespace().map(|word| word.trim_matches(['[', ']']));
            let Err(error) = tools::cli::Cli::try_parse_from(words) else { continue };
            let is_help = matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            );
            // A name in a sentence need not be a whole command, nor a capital word a value.
            let is_part = matches!(
                error.kind(),
                ErrorKind::MissingRequiredArgument
                    | ErrorKind::MissingSubcommand
                    | ErrorKind::ValueValidation
            );
            let last = line.rsplit(' ').next().unwrap_or_default();
            let is_cut = last.starts_with("--") && !last.contains('=');
            let is_part = is_part || (is_cut && error.kind() == ErrorKind::InvalidValue);
            if !is_help && (is_whole || !is_part) {
                wrong.push(format!("{file}: `{line}`: {error}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 80, "{seen} commands in the documents");
}
