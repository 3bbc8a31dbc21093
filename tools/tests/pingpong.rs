//! `corelane pingpong` as it is used: its table through the reader of sfnt-pingpong's, a stand-in
//! for that program on the PATH, two processes, two network namespaces.
//!
//! Ends block, and a handful of messages is enough: no test here says how long anything took.

use corelane_tools::latency::sfnt::{Reporting, Table};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const QUICK: [&str; 4] = ["--percentile=50", "--iterations=30", "--warm-up=3", "--wait=blocking"];

fn pingpong(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_corelane"));
    command.arg("pingpong").args(words).stdin(Stdio::null());
    // A real sfnt-pingpong must not measure in place of ours.
    command.env("PATH", "/nonexistent");
    command
}

fn run(words: &[&str]) -> Output {
    pingpong(words).output().expect("corelane starts")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn every_mode_prints_the_table_of_sfnt_pingpong() {
    let modes =
        ["tcp", "udp", "unix_stream", "unix_datagram", "unix_seqpacket", "pipe", "shared_memory"];
    for mode in modes {
        let words = [&[mode, "--sizes=8,64"][..], &QUICK].concat();
        let output = run(&words);
        assert!(output.status.success(), "{mode}: {}", error(&output));
        let table = Table::parse(&text(&output)).unwrap_or_else(|fault| panic!("{mode}: {fault}"));
        assert_eq!(table.header.reporting, Reporting::HalfRtt, "{mode}");
        assert_eq!(table.header.percentile, "50");
        let sizes: Vec<u64> = table.rows.iter().map(|row| row.size).collect();
        assert_eq!(sizes, [8, 64], "{mode}");
        assert!(table.rows.iter().all(|row| row.iter == 30), "{mode}");
        assert!(text(&output).contains("# verdict: not judged"), "{}", text(&output));
    }
}

#[test]
fn whole_and_half_round_trips_are_both_shown_and_named() {
    let words = [&["unix_stream", "--rtt", "--sizes=64"][..], &QUICK].concat();
    let output = run(&words);
    let table = Table::parse(&text(&output)).unwrap();
    assert_eq!(table.header.reporting, Reporting::WholeRtt);
    assert!(text(&output).contains("# rtt: size 64: median "));
    assert!(text(&output).contains("(half "));
    let output = run(&[&["unix_stream", "--json"][..], &QUICK].concat());
    let json: Value = serde_json::from_str(&text(&output)).unwrap();
    let figure = |of: &str| json["rows"][0][of]["median"].as_u64().unwrap();
    assert_eq!(figure("rtt_ns") / 2, figure("half_rtt_ns"));
    assert_eq!((&json["version"], &json["link"]["kind"]), (&1.into(), &"none".into()));
    assert_eq!(json["onload"]["accelerates"], false);
}

#[test]
fn an_io_uring_waits_for_each_kind_of_descriptor() {
    for mode in ["tcp", "udp", "unix_seqpacket", "pipe"] {
        let words = [mode, "--wait=io-uring", "--percentile=50", "--iterations=30", "--warm-up=3"];
        let output = run(&words);
        let refused = ["os error 1)", "os error 38)", "os error 12)"];
        if refused.iter().any(|why| error(&output).contains(why)) {
            eprintln!("SKIPPED an_io_uring_waits_for_each_kind_of_descriptor: {}", error(&output));
            return;
        }
        assert!(output.status.success(), "{mode}: {}", error(&output));
        assert_eq!(Table::parse(&text(&output)).unwrap().rows[0].iter, 30);
    }
}

#[test]
fn spinning_ends_have_a_cpu_each() {
    let cpus = station::sys::affinity().unwrap();
    let same = format!("--affinity={0},{0}", cpus[0]);
    let output = run(&["pipe", "--wait=spinning", &same]);
    assert_eq!(output.status.code(), Some(10));
    assert!(error(&output).contains("a CPU each"), "{}", error(&output));
    let [.., one, other] = cpus[..] else {
        eprintln!("SKIPPED spinning_ends_have_a_cpu_each: one CPU");
        return;
    };
    let two = format!("--affinity={one},{other}");
    for mode in ["tcp", "udp", "unix_seqpacket", "pipe", "shared_memory"] {
        let words = [mode, "--percentile=50", "--iterations=30", "--warm-up=3", "--wait=spinning"];
        let output = run(&[&words[..], &[&two]].concat());
        assert!(output.status.success(), "{mode}: {}", error(&output));
    }
}

#[test]
fn what_cannot_be_measured_is_refused_in_one_line() {
    for (words, named) in [
        (&["tcp", "--sizes=0"][..], "size=0"),
        (&["udp", "--sizes=64,4"], "size=4"),
        (&["shared_memory", "--sizes=60"], "multiples of 8"),
        (&["shared_memory", "--wait=io-uring"], "ring"),
        (&["tcp", "--iterations=100", "--percentile=99"], "needed=1100"),
        (&["pipe", "--connect=127.0.0.1:1"], "leave this host"),
        (&["tcp", "--connect=nowhere"], "HOST:PORT"),
        (&["tcp", "--affinity=0,9999"], "cpu=9999"),
    ] {
        let output = run(words);
        assert_eq!(output.status.code(), Some(10), "{words:?}: {}", error(&output));
        assert!(error(&output).contains(named), "{words:?}: {}", error(&output));
        assert_eq!(error(&output).lines().count(), 1, "{}", error(&output));
    }
    for words in [["--target=p50"], ["--percentile=100"], ["--time=5"], ["--affinity=2"]] {
        assert_eq!(run(&words).status.code(), Some(10), "{words:?}");
    }
    let output = run(&["tcp", "--tool=sfnt"]);
    assert_eq!(output.status.code(), Some(14), "{}", error(&output));
}

#[test]
fn loopback_never_certifies_a_target() {
    let words = |target| [&["tcp", "--sizes=64", target][..], &QUICK].concat();
    let held = run(&words("--target=max<=1h"));
    assert_eq!(held.status.code(), Some(12), "{}", text(&held));
    assert!(text(&held).contains("held, not certified"));
    assert!(text(&held).contains("loopback, not a network figure"));
    let allowed = run(&[&words("--target=max<=1h")[..], &["--uncertified"]].concat());
    assert!(allowed.status.success());
    let broken = run(&[&words("--target=p50<1ns")[..], &["--uncertified"]].concat());
    assert_eq!(broken.status.code(), Some(31), "{}", text(&broken));
}

/// A program of sfnt-pingpong's name that prints a table: what it measured is what stands there.
fn stand_in(folder: &Path, head: &str, row: &str) {
    let path = folder.join("sfnt-pingpong");
    let table = format!(
        "# cmdline: sfnt-pingpong --sizes=64 --percentile=99 tcp\n# version: 1\n{head}\
         # percentile=99\n#\n#\tsize\tmean\tmin\tmedian\tmax\t%ile\tstddev\titer\n\t{row}\n"
    );
    let script =
        format!("#!/bin/sh\necho \"$@\" > {}/asked\ncat <<'END'\n{table}END\n", folder.display());
    std::fs::write(&path, script).expect("a file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("its mode");
}

#[test]
fn half_a_round_trip_never_passes_for_a_whole_one() {
    let folder = tempfile::tempdir().unwrap();
    stand_in(folder.path(), "", "64\t5000\t4000\t5000\t6000\t5500\t100\t20000");
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let output = pingpong(&["tcp", "--target=p50<9us"]).env("PATH", &path).output().unwrap();
    let told = text(&output);
    assert_eq!(output.status.code(), Some(31), "{told}{}", error(&output));
    assert!(told.contains("measured by: sfnt-pingpong"), "{told}");
    assert!(told.contains("median 10.000 us (half 5.000)"), "{told}");
    assert!(told.contains("broken: 10.000 us"), "{told}");
    let asked = std::fs::read_to_string(folder.path().join("asked")).unwrap();
    assert!(asked.contains("--sizes=64") && asked.contains("--spin") && asked.ends_with("tcp\n"));
    // It answers at every address: one that is named would be a promise it does not keep.
    let words = ["udp", "--tool=sfnt", "--bind=127.0.0.1:7117"];
    let refused = pingpong(&words).env("PATH", &path).output().unwrap();
    assert_eq!(refused.status.code(), Some(10), "{}", text(&refused));
    assert!(error(&refused).contains("answers at every address"), "{}", error(&refused));
    // What it does not have, this program measures.
    let words = [&["unix_seqpacket"][..], &QUICK].concat();
    let output = pingpong(&words).env("PATH", &path).output().unwrap();
    assert!(text(&output).contains("measured by: built in"));
}

#[test]
fn a_damaged_table_of_the_tool_is_no_result() {
    let folder = tempfile::tempdir().unwrap();
    stand_in(folder.path(), "", "64\t5000\t4000\t5000");
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let output = pingpong(&["tcp"]).env("PATH", &path).output().unwrap();
    assert_eq!(output.status.code(), Some(14), "{}", text(&output));
    assert_eq!(text(&output), "");
}

#[test]
fn two_processes_measure_over_an_address() {
    for mode in ["tcp", "udp"] {
        let mut server = pingpong(&["--bind=127.0.0.1:0"]);
        let mut server = server.stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(server.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let address = line.split([' ', ',']).find(|word| word.starts_with("127.")).unwrap();
        let connect = format!("--connect={address}");
        let output = run(&[&[mode, &connect, "--sizes=8,64"][..], &QUICK].concat());
        assert!(output.status.success(), "{mode}: {}", error(&output));
        let table = Table::parse(&text(&output)).unwrap();
        assert_eq!(table.rows.iter().map(|row| row.iter).collect::<Vec<_>>(), [30, 30]);
        assert!(text(&output).contains("# link: loopback"), "{}", text(&output));
        assert!(server.wait().unwrap().success(), "{mode}: one session, then the end");
    }
    let nobody = run(&[&["tcp", "--connect=127.0.0.1:1"][..], &QUICK].concat());
    assert_eq!(nobody.status.code(), Some(14));
}

/// Two network namespaces with a cable between them: no address of one is the other's.
#[test]
fn two_network_namespaces_are_no_loopback() {
    const NAME: &str = "two_network_namespaces_are_no_loopback";
    const SCRIPT: &str = r#"
set -e
for need in ip nsenter; do command -v $need > /dev/null || exit 77; done
ip link add one type veth peer name two || exit 77
unshare -n sh -c 'echo ready; read go; exec "$0" pingpong --bind=10.99.0.2:7117' "$CORELANE" \
  < "$FIFO" > "$SAID" & other=$!
exec 3> "$FIFO"
until grep -q ready "$SAID"; do :; done
ip link set two netns $other || exit 77
ip addr add 10.99.0.1/30 dev one && ip link set one up
nsenter -t $other -n ip addr add 10.99.0.2/30 dev two
nsenter -t $other -n ip link set two up
echo go >&3
until grep -q answering "$SAID"; do kill -0 $other; done
"$CORELANE" pingpong "$MODE" --connect=10.99.0.2:7117 --sizes=8,64 \
  --percentile=50 --iterations=30 --warm-up=3 --wait=blocking
wait $other
"#;
    for mode in ["tcp", "udp"] {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        let mut command = Command::new("unshare");
        command.args(["-rn", "sh", "-c", &format!("mkfifo {}; {SCRIPT}", fifo.display())]);
        command.env("CORELANE", env!("CARGO_BIN_EXE_corelane")).env("MODE", mode);
        command.env("FIFO", &fifo).env("SAID", folder.path().join("said"));
        let output = match command.stdin(Stdio::null()).output() {
            Ok(output) => output,
            Err(why) => {
                eprintln!("SKIPPED {NAME}: unshare: {why}");
                return;
            }
        };
        let said = error(&output);
        // What the script asks of the host, and the namespace itself; never what `corelane` says.
        if output.status.code() == Some(77) || said.starts_with("unshare:") {
            eprintln!("SKIPPED {NAME}: {}", said.lines().next().unwrap_or("no veth"));
            return;
        }
        assert!(output.status.success(), "{mode}: {said}{}", text(&output));
        let table = Table::parse(&text(&output)).unwrap();
        assert_eq!(table.rows.len(), 2);
        let told = text(&output);
        assert!(told.contains("# link: one, driver "), "{told}");
        assert!(!told.contains("loopback"), "{told}");
    }
}
