//! Golden bytes: files and code agree, and C and Python read the frames as Rust does.

use corelane_wire::bindings::golden::{self, Aligned};
use corelane_wire::{Frame, bindings, decode};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn golden_frames() -> Vec<u8> {
    std::fs::read(folder().join("golden/frames.bin")).expect("the golden file")
}

fn expected() -> Value {
    let text = std::fs::read_to_string(folder().join("golden/frames.json")).expect("golden JSON");
    serde_json::from_str(&text).expect("golden JSON parses")
}

fn skip(test: &str, reason: &str) {
    eprintln!("SKIPPED {test}: {reason}");
}

fn output(command: &mut Command) -> Output {
    let output = command.output().expect("the program starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed with {}: {errors}", output.status);
    output
}

/// A Python of at least 3.10, or why there is none.
fn python() -> Result<PathBuf, String> {
    let python = PathBuf::from("python3");
    let version = "import sys; sys.exit(sys.version_info < (3, 10))";
    match Command::new(&python).args(["-c", version]).output() {
        Ok(output) if output.status.success() => Ok(python),
        Ok(_) => Err("python3 is older than 3.10".to_owned()),
        Err(error) => Err(format!("no python3: {error}")),
    }
}

fn script(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.arg("-B").arg(folder().join("golden/decode.py"));
    command
}

#[test]
fn generated_files_are_in_step_with_the_code() {
    let read = |path: &str| std::fs::read_to_string(folder().join(path)).expect(path);
    let outputs = bindings::outputs(&read("WIRE.md"), &read("python/corelane_wire.py"));
    for output in outputs.expect("every marker is there") {
        let present = std::fs::read(folder().join(output.path)).unwrap_or_default();
        assert!(
            present == output.content,
            "wire/{} differs from what the code makes; regenerate with `{}` and look at the \
             difference",
            output.path,
            bindings::COMMAND
        );
    }
}

#[test]
fn a_text_without_its_markers_is_refused() {
    let error = bindings::outputs("no markers", "none").expect_err("nothing to replace");
    assert_eq!(
        error.to_string(),
        "marker line `<!-- BEGIN GENERATED kinds -->` is missing or stands twice"
    );
}

#[test]
fn rust_reads_the_golden_file() {
    let bytes = golden_frames();
    let mut rest = &bytes[..];
    let mut count = 0;
    for (frame, value) in golden::frames().iter().zip(expected().as_array().expect("an array")) {
        let (now, after) = rest.split_at(frame.len());
        assert_eq!(now, frame);
        decode(Aligned::copy_of(now).bytes()).expect("a golden frame decodes");
        let printed: Value = serde_json::from_str(&bindings::frame_json(now)).expect("JSON");
        assert_eq!(&printed, value);
        rest = after;
        count += 1;
    }
    assert!(rest.is_empty());
    assert_eq!(count, expected().as_array().expect("an array").len());
}

/// The JSON is read through the layout tables; these values are written down by hand, so that the
/// tables cannot be wrong together with their reader.
#[test]
fn the_json_says_what_was_put_in() {
    let frames = expected();
    let find = |kind: &str| {
        let frames = frames.as_array().expect("an array");
        frames.iter().find(|frame| frame["kind"] == kind).expect(kind).clone()
    };
    let trade = find("trade");
    assert_eq!(trade["price_ticks"], -201);
    assert_eq!((&trade["qty_lots"], &trade["trade_id"]), (&202.into(), &203.into()));
    assert_eq!(trade["aggressor"], u64::from(b'S'));
    assert_eq!(trade["header"]["instrument_id"], 0x0100_0003);
    assert_eq!(trade["header"]["ts_event_ns"], 1_700_000_000_000_000_003_u64);
    let report = find("execution-report");
    assert_eq!(report["fee_e9"], -908);
    assert_eq!(report["orig_cl_ord_id"], u64::MAX);
    assert_eq!(find("signal-response")["model_hash"], 0xfedc_ba98_7654_3210_u64);
    assert_eq!(find("signal-request")["window"][99][2], 6_173_745);
    assert_eq!(find("instrument")["symbol"], "BTC-\u{b5}\"\\USDT");
    assert_eq!(find("depth-delta")["asks"][1], serde_json::json!([6_173_766, 1_000_003]));
    assert_eq!(find("control-reply")["text"], "{\"mode\":\"HALTED\"}");
    assert_eq!(find("timer")["deadline_ns"], u64::MAX);
}

#[test]
fn c_reads_the_golden_file_as_rust_does() {
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    if let Err(error) = Command::new(&compiler).arg("--version").output() {
        return skip("c_reads_the_golden_file_as_rust_does", &format!("no C compiler: {error}"));
    }
    let place = tempfile::tempdir().expect("a folder");
    let program = place.path().join("decode");
    output(
        Command::new(&compiler)
            .args(["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1", "-I"])
            .arg(folder())
            .arg(folder().join("golden/decode.c"))
            .arg("-o")
            .arg(&program),
    );
    let printed = output(Command::new(&program).arg(folder().join("golden/frames.bin"))).stdout;
    let printed: Value = serde_json::from_slice(&printed).expect("the C program prints JSON");
    assert_eq!(printed, expected());

    let cut = place.path().join("cut.bin");
    std::fs::write(&cut, &golden_frames()[..100]).expect("a cut file");
    let refused = Command::new(&program).arg(&cut).output().expect("the program starts");
    assert_eq!(refused.status.code(), Some(corelane_wire::exit::Exit::Resource.code().into()));
}

#[test]
fn the_c_header_compiles_as_cpp() {
    let compiler = std::env::var_os("CXX").unwrap_or_else(|| "c++".into());
    if let Err(error) = Command::new(&compiler).arg("--version").output() {
        return skip("the_c_header_compiles_as_cpp", &format!("no C++ compiler: {error}"));
    }
    output(
        Command::new(&compiler)
            .args(["-std=c++11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c++"])
            .arg(folder().join("corelane.h")),
    );
}

#[test]
fn python_reads_the_golden_file_as_rust_does() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => return skip("python_reads_the_golden_file_as_rust_does", &reason),
    };
    let printed = output(script(&python).arg(folder().join("golden/frames.bin"))).stdout;
    let printed: Value = serde_json::from_slice(&printed).expect("the script prints JSON");
    assert_eq!(printed, expected());
}

#[test]
fn python_makes_the_same_model_input() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => return skip("python_makes_the_same_model_input", &reason),
    };
    let path = folder().join("golden/frames.bin");
    let printed = output(script(&python).arg("--input").arg(path)).stdout;
    let inputs: Vec<Vec<i64>> = serde_json::from_slice(&printed).expect("JSON");
    let mut ours = Vec::new();
    for frame in golden::frames() {
        if let Ok(Frame::SignalRequest(request)) = decode(Aligned::copy_of(&frame).bytes()) {
            ours.push(request.input().expect("a mid").to_vec());
        }
    }
    assert_eq!(inputs, ours);
    assert!(ours.iter().any(|input| input.iter().any(|cell| *cell < 0)));
}

/// Damaged golden frames: every byte of each with four other values, each cut at every 8 bytes,
/// and each with another's length.
fn damaged() -> Vec<Vec<u8>> {
    let mut damaged = Vec::new();
    for frame in golden::frames() {
        // The long window of a request holds plain numbers: its first row stands for all.
        let end = frame.len().min(if frame.len() > 1000 { 96 } else { 160 });
        for at in 0..end {
            for value in [frame[at] ^ 1, frame[at] ^ 0x80, 0, 0xff] {
                let mut other = frame.clone();
                other[at] = value;
                damaged.push(other);
            }
        }
        for len in (0..=frame.len().min(end + 8)).step_by(8) {
            let mut cut = frame[..len].to_vec();
            damaged.push(cut.clone());
            if len >= 4 {
                cut[..4].copy_from_slice(&u32::try_from(len).expect("short").to_le_bytes());
                damaged.push(cut);
            }
        }
    }
    damaged
}

#[test]
fn python_refuses_what_rust_refuses_with_the_same_codes() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => {
            return skip("python_refuses_what_rust_refuses_with_the_same_codes", &reason);
        }
    };
    let damaged = damaged();
    let mut file = Vec::new();
    for candidate in &damaged {
        file.extend(u32::try_from(candidate.len()).expect("short").to_le_bytes());
        file.extend(candidate);
    }
    let place = tempfile::tempdir().expect("a folder");
    let path = place.path().join("candidates.bin");
    std::fs::write(&path, file).expect("the candidates");
    let printed = output(script(&python).arg("--verdicts").arg(&path)).stdout;
    let verdicts = String::from_utf8(printed).expect("text");
    let verdicts: Vec<&str> = verdicts.lines().collect();
    assert_eq!(verdicts.len(), damaged.len());
    let mut accepted = 0;
    for (candidate, theirs) in damaged.iter().zip(verdicts) {
        let ours = match decode(Aligned::copy_of(candidate).bytes()) {
            Ok(_) => "ok".to_owned(),
            Err(error) => format!("{error:?}"),
        };
        assert_eq!(ours, theirs, "{candidate:02x?}");
        accepted += usize::from(ours == "ok");
    }
    assert!(accepted > 1000 && damaged.len() - accepted > 1000, "{accepted} of {}", damaged.len());
}
