//! The real binary over its socket: answers, refusals, hostile peers, faults at start, its end.
//!
//! Runs on the pure-Rust runtime, and on ONNX Runtime where `ORT_DYLIB_PATH` names its library.
//! Each test has a private folder; nothing sleeps: tests wait for lines, frames and process states.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail its test")]

#[path = "server/peer.rs"]
mod peer;

use corelane_signal::{BackendChoice, RuntimeOptions, Score, Scorer};
use ipc::handshake::Identity;
use ipc::{Backoff, PeerPolicy, Reconnector, Sent, connect};
use peer::{Client, Server, fixture, frame, model_backends, request, signal};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use wire::exit::Exit;
use wire::handshake::{HelloStatus, Role};
use wire::signal::{SignalRequest, SignalResponse, SignalStatus};
use wire::{InstrumentId, PriceTicks, StrategyId, VenueId};

/// What the library makes of a request on the pure-Rust runtime.
fn expected(model: &str, request: &SignalRequest) -> Score {
    let options = RuntimeOptions { choice: BackendChoice::Tract, ..RuntimeOptions::default() };
    Scorer::load(&fixture(model), &options).unwrap().score(&[request.input().unwrap()])[0]
}

#[test]
fn a_request_is_answered_with_the_models_score() {
    for backend in model_backends("a_request_is_answered_with_the_models_score") {
        for io in ["libc", "io_uring"] {
            let server = Server::start("good", &[&backend, &format!("--io={io}")]);
            let mut client = Client::greeted(&server.socket());
            let hash = client.peer.model_hash;
            let name = backend.strip_prefix("--backend=").unwrap();
            assert_eq!(client.peer.backend_text(), format!("{name}/cpu"));
            let mut scores = std::collections::BTreeSet::new();
            for id in 1..=20_u32 {
                let mut asked = request(id.into());
                asked.header.instrument_id = InstrumentId(id % 3);
                asked.header.venue_id = VenueId(2);
                asked.header.strategy_id = StrategyId(9);
                client.send(&asked);
                let answer: SignalResponse = client.receive();
                assert_eq!(answer.request_id, u64::from(id));
                assert_eq!(answer.header.instrument_id, InstrumentId(id % 3));
                assert_eq!(answer.header.venue_id, VenueId(2));
                assert_eq!(answer.header.strategy_id, StrategyId(9));
                assert_eq!((answer.model_hash, answer.generation, answer.batch), (hash, 1, 1));
                assert_eq!(answer.status, SignalStatus::Ok.code());
                assert!(answer.infer_ns > 0);
                let wanted = expected("good", &asked);
                assert!((answer.score_e6 - wanted.score_e6).abs() <= 2, "{answer:?} {wanted:?}");
                assert!(answer.p_up_e6.abs_diff(wanted.p_up_e6) <= 1);
                scores.insert(answer.score_e6);
            }
            assert!(scores.len() > 10, "the model looks at its input");
            let ended = server.terminate();
            assert!(ended.contains("requests=20 scored=20"), "{ended}");
        }
    }
}

#[test]
fn a_window_without_a_number_abstains() {
    for backend in model_backends("a_window_without_a_number_abstains") {
        let server = Server::start("nan_where_negative", &[&backend]);
        let mut client = Client::greeted(&server.socket());
        let mut asked = request(1);
        // The first cell, the oldest best ask relative to the newest mid, turns negative.
        asked.window[0].ask_price_ticks = PriceTicks(1);
        client.send(&asked);
        let answer: SignalResponse = client.receive();
        assert_eq!(answer.status, SignalStatus::Abstain.code());
        assert_eq!((answer.score_e6, answer.p_up_e6, answer.p_down_e6), (0, 0, 0));
    }
}

#[test]
fn a_handshake_of_another_build_is_told_and_closed() {
    let server = Server::start("good", &[]);
    let good = Identity::new(Role::Engine).hello();
    let mut older = good;
    older.header.version = 99;
    for (hello, status) in [
        (wire::handshake::Hello { wire_version: 2, ..good }, HelloStatus::Version),
        (older, HelloStatus::Version),
        (wire::handshake::Hello { schema_hash: 1, ..good }, HelloStatus::Schema),
        (Identity::new(Role::Agents).hello(), HelloStatus::Role),
    ] {
        let mut client = Client::silent(&server.socket());
        client.send(&hello);
        let ack: wire::handshake::HelloAck = client.receive();
        assert_eq!(ack.status, status.code());
        assert!(client.is_closed());
    }
    assert!(server.terminate().contains("handshakes_refused=4"));
}

#[test]
fn garbage_ends_its_sender_and_nobody_else() {
    let server = Server::start("good", &[]);
    let mut quiet = Client::greeted(&server.socket());
    let mut cut = frame(&request(1)).to_vec();
    cut.truncate(3000);
    let mut wrong_count = request(1);
    wrong_count.levels = 11;
    for bad in [
        vec![0xff; 1],
        vec![0; 40],
        vec![0x5a; 65_536],
        cut,
        frame(&wrong_count).to_vec(),
        frame(&Identity::new(Role::Engine).hello()).to_vec(),
    ] {
        let mut client = Client::greeted(&server.socket());
        client.send_bytes(&bad);
        assert!(client.is_closed(), "{} bytes", bad.len());
    }
    let mut client = Client::silent(&server.socket());
    client.send(&request(1));
    assert!(client.is_closed(), "a request before the handshake");
    quiet.send(&request(2));
    assert_eq!(quiet.receive::<SignalResponse>().request_id, 2);
    assert!(server.terminate().contains("violations=7"));
}

#[test]
fn one_peer_too_many_is_told() {
    let server = Server::start("good", &["--max-peers=1"]);
    let mut first = Client::greeted(&server.socket());
    let mut second = Client::silent(&server.socket());
    let ack: wire::handshake::HelloAck = second.receive();
    assert_eq!(ack.status, HelloStatus::Busy.code());
    assert!(second.is_closed());
    first.send(&request(1));
    assert_eq!(first.receive::<SignalResponse>().request_id, 1);
}

#[test]
fn a_flood_is_answered_newest_first_and_the_rest_is_shed() {
    let server = Server::start("good", &["--max-batch=2"]);
    let mut client = Client::greeted(&server.socket());
    server.stop();
    let mut sent = 0_u64;
    while sent < 30 && client.try_send(&request(sent + 1)) == Sent::Sent {
        sent += 1;
    }
    assert!(sent >= 10, "room for {sent} requests");
    server.proceed();
    let mut answers = BTreeMap::new();
    for _ in 0..sent {
        let answer: SignalResponse = client.receive();
        assert!(answers.insert(answer.request_id, answer.status).is_none(), "answered once");
    }
    assert_eq!(answers.get(&sent), Some(&SignalStatus::Ok.code()), "the newest is scored");
    let shed = answers.values().filter(|s| **s == SignalStatus::Shed.code()).count();
    assert!(shed > 0 && shed < answers.len(), "{shed} of {} shed", answers.len());
    assert!(server.terminate().contains(&format!("requests={sent} ")));
}

#[test]
fn waiting_requests_of_several_instruments_share_a_batch() {
    for backend in model_backends("waiting_requests_of_several_instruments_share_a_batch") {
        let server = Server::start("good", &[&backend, "--max-batch=8"]);
        let mut client = Client::greeted(&server.socket());
        server.stop();
        for id in 1..=8_u32 {
            let mut asked = request(id.into());
            asked.header.instrument_id = InstrumentId(id);
            client.send(&asked);
        }
        server.proceed();
        let mut largest = 0;
        for _ in 0..8 {
            let answer: SignalResponse = client.receive();
            let wanted = expected("good", &request(answer.request_id));
            assert!((answer.score_e6 - wanted.score_e6).abs() <= 2, "{answer:?} {wanted:?}");
            largest = largest.max(answer.batch);
        }
        assert_eq!(largest, 8, "all that waited ran together");
    }
}

#[test]
fn all_back_ends_agree_on_the_bundled_model() {
    let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/bin_ctabl");
    let options = RuntimeOptions { choice: BackendChoice::Tract, ..RuntimeOptions::default() };
    let mut tract = Scorer::load(&bundled, &options).unwrap();
    let model = format!("--model={}", bundled.display());
    let mut backends = model_backends("all_back_ends_agree_on_the_bundled_model");
    backends.push("--backend=fused".into());
    for backend in backends.iter().filter(|b| !b.ends_with("tract")) {
        let server = Server::start("", &[backend, &model]);
        let mut client = Client::greeted(&server.socket());
        let mut distinct = BTreeMap::new();
        for id in 0..97 {
            let asked = request(id);
            client.send(&asked);
            let answer: SignalResponse = client.receive();
            let wanted = tract.score(&[asked.input().unwrap()])[0];
            let off = (answer.score_e6 - wanted.score_e6).abs();
            assert!(off <= 10, "{off} millionths apart: {answer:?} {wanted:?}");
            *distinct.entry(answer.score_e6).or_insert(0) += 1;
        }
        assert!(distinct.len() > 50, "the model looks at its input");
    }
}

#[test]
fn a_killed_server_is_seen_and_a_new_one_is_found_by_the_reconnector() {
    let first = Server::start("good", &[]);
    let socket = first.socket();
    let mut client = Client::greeted(&socket);
    client.send(&request(1));
    assert_eq!(client.receive::<SignalResponse>().request_id, 1);
    let dir = first.kill();
    assert!(client.is_closed());
    assert!(socket.exists(), "a killed process leaves its socket file");

    // Time of the test's own making: a try each step, the server comes after the fifth.
    let mut reconnector = Reconnector::new(Backoff::default(), 1);
    let (mut now_ns, mut tries, mut second) = (0, 0, None);
    let mut client = loop {
        now_ns += reconnector.wait_ns(now_ns).unwrap();
        assert!(reconnector.is_due(now_ns));
        tries += 1;
        match connect(&socket, &PeerPolicy::same_user()) {
            Ok(connection) => break Client::greet(connection),
            Err(error) => {
                assert!(error.is_transient(), "{error}");
                reconnector.failed(now_ns);
            }
        }
        if tries == 5 {
            second = Some(Server::start_in(dir.path(), "good", &[]));
        }
    };
    reconnector.connected(now_ns);
    assert!(tries > 5 && second.is_some());
    client.send(&request(2));
    assert_eq!(client.receive::<SignalResponse>().request_id, 2);
}

#[test]
fn faults_at_the_start_are_one_line_and_the_right_exit_code() {
    let missing = ["--model=/nowhere/model"];
    let no_library = ["--backend=onnxruntime"];
    let bad_library = ["--backend=onnxruntime", "--ort-dylib=/nowhere/libonnxruntime.so"];
    let not_onnx = ["--backend=onnxruntime", "--ort-dylib=/proc/self/exe"];
    let cases: [(&str, &[&str], Exit, &str); 9] = [
        ("good", &missing, Exit::Resource, "model file cannot be read: path=/nowhere/model/"),
        ("wrong_input", &[], Exit::Resource, "model has the wrong shape"),
        ("wrong_output", &[], Exit::Resource, "model has the wrong shape"),
        ("nan_always", &[], Exit::CheckFailed, "does not reproduce its golden vectors"),
        ("good", &no_library, Exit::Resource, "no library is named"),
        ("good", &bad_library, Exit::Resource, "library cannot be used: path=/nowhere/libonnx"),
        ("good", &not_onnx, Exit::Resource, "library cannot be used"),
        ("good", &["--max-batch=0"], Exit::Arguments, "1 to 64"),
        ("good", &["--frobnicate"], Exit::Arguments, "--frobnicate"),
    ];
    for (model, args, exit, part) in cases {
        let (code, said) = Server::fails(model, args);
        assert_eq!(code, i32::from(exit.code()), "{args:?}: {said}");
        assert!(said.contains(part), "{args:?}: {said}");
        if exit != Exit::Arguments {
            assert_eq!(said.lines().count(), 1, "one line: {said}");
            assert!(said.starts_with(exit.name()) && said.contains("; next: "), "{said}");
        }
    }
}

#[test]
fn a_socket_that_is_served_already_is_refused() {
    let server = Server::start("good", &[]);
    let socket = format!("--socket={}", server.socket().display());
    let (code, said) = Server::fails("good", &[&socket]);
    assert_eq!(code, i32::from(Exit::Resource.code()), "{said}");
    assert!(said.contains("another process listens"), "{said}");
}

#[test]
fn auto_falls_back_from_a_library_it_cannot_use_and_says_so_once() {
    let server = Server::start("good", &["--ort-dylib=/nowhere/libonnxruntime.so"]);
    let client = Client::greeted(&server.socket());
    assert_eq!(client.peer.backend_text(), "tract/cpu");
    let said: Vec<&String> = server.said.iter().filter(|l| l.contains("/nowhere/")).collect();
    assert_eq!(said.len(), 1, "{:?}", server.said);
    assert!(said[0].contains("tract/cpu serves instead"), "{said:?}");
}

#[test]
fn a_provider_that_cannot_be_used_is_an_error_and_nothing_serves_in_its_place() {
    let name = "a_provider_that_cannot_be_used_is_an_error_and_nothing_serves_in_its_place";
    let library = std::env::var("ORT_DYLIB_PATH").ok();
    let beside = |l: &String| Path::new(l).with_file_name("libonnxruntime_providers_cuda.so");
    let cpu = library.filter(|l| !l.is_empty() && !beside(l).exists());
    if cpu.is_none() {
        eprintln!("SKIPPED {name} with a library: ORT_DYLIB_PATH names none without GPU providers");
    }
    for backend in ["onnxruntime-cuda", "onnxruntime-tensorrt"] {
        let asked = format!("--backend={backend}");
        let mut cases = vec![(None, "no library is named")];
        cases.extend(cpu.clone().map(|l| (Some(l), "execution provider cannot be used")));
        for (library, reason) in cases {
            let library = library.map(|l| format!("--ort-dylib={l}"));
            let args: Vec<&str> =
                [Some(asked.as_str()), library.as_deref()].into_iter().flatten().collect();
            let (code, said) = Server::fails("good", &args);
            assert_eq!(code, i32::from(Exit::Resource.code()), "{said}");
            assert_eq!(said.lines().count(), 1, "{said}");
            assert!(
                said.contains(reason) && said.contains(&format!("backend={backend}")),
                "{said}"
            );
        }
    }
}

#[test]
fn the_fused_kernel_serves_the_model_it_knows_and_no_other() {
    let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/bin_ctabl");
    let model = format!("--model={}", bundled.display());
    for backend in ["--backend=fused", "--backend=auto"] {
        let server = Server::start("", &[backend, &model]);
        assert_eq!(Client::greeted(&server.socket()).peer.backend_text(), "fused/cpu");
        assert!(server.said.last().unwrap().contains("backend=fused/cpu"), "{:?}", server.said);
    }
    let (code, said) = Server::fails("good", &["--backend=fused"]);
    assert_eq!(code, i32::from(Exit::Resource.code()), "{said}");
    assert!(said.contains("fused kernel does not know this model"), "{said}");
}

#[test]
fn it_ends_with_its_parent_when_asked_to() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("signal.sock");
    let command = format!(
        "{} --socket={} --model={} --shutdown-with-parent & echo; wait",
        env!("CARGO_BIN_EXE_corelane-signal"),
        socket.display(),
        fixture("good").display()
    );
    let mut shell = Command::new("sh")
        .args(["-c", &command])
        .env_remove("ORT_DYLIB_PATH")
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    peer::wait_for_ready(shell.stderr.as_mut().unwrap());
    let mut client = Client::greeted(&socket);
    shell.kill().unwrap();
    shell.wait().unwrap();
    assert!(client.is_closed());
}

/// Lines `key: value` of each thread's status.
fn of_each_thread(server: &Server, key: &str) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", server.id())).unwrap();
    tasks
        .map(|task| {
            let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
            let line = status.lines().find(|line| line.starts_with(key)).unwrap_or("").to_owned();
            line.rsplit('\t').next().unwrap_or("").to_owned()
        })
        .collect()
}

#[test]
fn it_serves_from_inside_the_sandbox() {
    let missing = corelane_signal::sandbox::examine().missing;
    if !missing.is_empty() {
        eprintln!("SKIPPED it_serves_from_inside_the_sandbox: {}", missing.join("; "));
        return;
    }
    for backend in model_backends("it_serves_from_inside_the_sandbox") {
        for io in ["libc", "io_uring"] {
            let dir = tempfile::tempdir().unwrap();
            let args = [&backend, "--sandbox=on", &format!("--io={io}")];
            let server = Server::start_in(dir.path(), "good", &args);
            let ready = server.said.last().unwrap();
            assert!(ready.ends_with(" sandbox=landlock+seccomp"), "{ready}");
            let mut client = Client::greeted(&server.socket());
            for id in 1..=20 {
                client.send(&request(id));
                let answer: SignalResponse = client.receive();
                assert_eq!((answer.request_id, answer.status), (id, SignalStatus::Ok.code()));
            }
            let modes = of_each_thread(&server, "Seccomp:");
            assert!(!modes.is_empty() && modes.iter().all(|mode| mode == "2"), "{modes:?}");
            let socket = server.socket();
            let ended = server.terminate();
            assert!(ended.contains("requests=20 scored=20"), "{ended}");
            // It may delete nothing, not even its socket; the next one at that place replaces it.
            assert!(socket.exists());
            let again = Server::start_in(dir.path(), "good", &args);
            let _client = Client::greeted(&again.socket());
            assert!(again.terminate().contains("peers=1"));
        }
    }
}

#[test]
fn without_a_sandbox_it_is_as_free_as_any_process_and_removes_its_socket() {
    let server = Server::start("good", &["--sandbox=off"]);
    assert!(server.said.last().unwrap().ends_with(" sandbox=off"), "{:?}", server.said);
    assert!(of_each_thread(&server, "Seccomp:").iter().all(|mode| mode == "0"));
    server.terminate();
}

#[test]
fn a_root_without_the_model_is_a_line_and_an_exit_code() {
    if corelane_signal::sandbox::examine().landlock_abi.is_none() {
        eprintln!("SKIPPED a_root_without_the_model_is_a_line_and_an_exit_code: no landlock");
        return;
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let root = format!("--model-root={}", elsewhere.path().display());
    let (code, said) = Server::fails("good", &[&root]);
    assert_eq!(code, i32::from(Exit::Resource.code()), "{said}");
    assert!(said.contains("cannot be read") && said.lines().count() == 1, "{said}");
    let above = format!("--model-root={}", fixture("").display());
    let server = Server::start("good", &[&above]);
    let mut client = Client::greeted(&server.socket());
    client.send(&request(1));
    assert_eq!(client.receive::<SignalResponse>().request_id, 1);
}

#[test]
fn it_has_no_network_socket() {
    let server = Server::start("good", &["--io=io_uring"]);
    let _client = Client::greeted(&server.socket());
    let process = std::path::PathBuf::from(format!("/proc/{}", server.id()));
    let mut network = String::new();
    for table in ["tcp", "tcp6", "udp", "udp6", "raw", "raw6"] {
        network += &std::fs::read_to_string(process.join("net").join(table)).unwrap_or_default();
    }
    assert!(!network.is_empty(), "the tables can be read");
    let mut sockets = 0;
    for entry in std::fs::read_dir(process.join("fd")).unwrap() {
        let Ok(target) = std::fs::read_link(entry.unwrap().path()) else { continue };
        let target = target.to_string_lossy().into_owned();
        if let Some(inode) = target.strip_prefix("socket:[").and_then(|t| t.strip_suffix(']')) {
            sockets += 1;
            let listed = network.split_whitespace().any(|word| word == inode);
            assert!(!listed, "socket {inode} is a network socket");
        }
    }
    assert!(sockets >= 2, "its listener and its peer were looked at");
}

#[test]
fn the_doctor_answers_in_json_with_an_exit_code() {
    for backend in model_backends("the_doctor_answers_in_json_with_an_exit_code") {
        let model = format!("--model={}", fixture("good").display());
        let output = signal().args(["--doctor", "--json", &backend, &model]).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let name = backend.strip_prefix("--backend=").unwrap();
        assert_eq!(report["live"]["backend"], name);
        assert_eq!(report["model"]["golden_vectors"], 4);
    }
    let output = signal()
        .args(["--doctor", "--backend=onnxruntime"])
        .env_remove("ORT_DYLIB_PATH")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(14));
    assert!(String::from_utf8(output.stdout).unwrap().contains("no library is named"));
}
