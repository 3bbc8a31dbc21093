//! `corelane agents`: a rule is never shown as a model, a model is asked where there is a server,
//! and what is wrong is told with its place.
#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const INPUT: &str = r#"{"age_ms": 0, "news": ["Shares fell after the recall."],
    "position": {"used_pct": 80, "largest_pct": 60, "day_bp": -150, "drawdown_bp": 700}}"#;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn corelane(args: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_corelane");
    Command::new(program).current_dir(root()).arg("agents").args(args).output().unwrap()
}

fn said(args: &[&str]) -> String {
    let output = corelane(args);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The shipped configuration with one line more, and an input beside it.
fn with_server(dir: &Path, line: &str) -> (String, String) {
    let text = fs::read_to_string(root().join("config/agents.toml")).unwrap();
    let prompts = root().join("sidecars/agents/prompts");
    let text = text.replace("../sidecars/agents/prompts", prompts.to_str().unwrap());
    let (config, input) = (dir.join("agents.toml"), dir.join("x.json"));
    fs::write(&config, format!("{line}\n{text}")).unwrap();
    fs::write(&input, INPUT).unwrap();
    (format!("--config={}", config.display()), format!("--input={}", input.display()))
}

fn asked(config: &str, input: &str, role: &str) -> Value {
    let role = format!("--role={role}");
    serde_json::from_str(&said(&["ask", config, input, &role, "--json"])).unwrap()
}

#[test]
fn without_a_server_every_role_is_answered_by_its_rule_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (config, input) = with_server(dir.path(), "");
    assert!(said(&["check"]).ends_with("0 servers; every role is answered by its rule\n"));
    let list: Value = serde_json::from_str(&said(&["list", "--json"])).unwrap();
    let roles = list["roles"].as_array().unwrap();
    assert_eq!(roles.len(), 22);
    for role in roles {
        assert_eq!(role["models"], json!([]));
        let decision = asked(&config, &input, role["role"].as_str().unwrap());
        assert_eq!(decision["by"]["rule"]["name"], role["rule"]);
        assert_eq!(decision["attempts"], json!([]));
        let kind = decision["answer"].as_object().unwrap().keys().next().unwrap();
        assert_eq!(role["output"], *kind);
    }
    let text = said(&["ask", &config, &input, "--role=risk-manager"]);
    assert!(text.contains("answered   by rule drawdown, no model, in "), "{text}");
    assert!(said(&["list"]).ends_with("every role is answered by its rule.\n"));
}

/// A server that answers each connection's one request with the next body, and ends with them.
fn server(bodies: Vec<String>) -> (String, std::thread::JoinHandle<Vec<Value>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        let mut requests = Vec::new();
        for body in bodies {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = Vec::new();
            let request = loop {
                let mut chunk = [0; 4_096];
                let read = stream.read(&mut chunk).unwrap();
                assert!(read > 0, "the request ends early");
                bytes.extend_from_slice(&chunk[..read]);
                let text = String::from_utf8_lossy(&bytes);
                let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
                if let Ok(value) = serde_json::from_str::<Value>(body) {
                    break value;
                }
            };
            requests.push(request);
            let head = format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all((head + &body).as_bytes()).unwrap();
        }
        requests
    });
    (format!("server.local = {{ kind = \"ollama\", url = \"http://127.0.0.1:{port}\" }}"), thread)
}

fn chat(content: &Value) -> String {
    let message = json!({"role": "assistant", "content": content.to_string()});
    json!({"message": message, "done": true, "done_reason": "stop"}).to_string()
}

#[test]
fn with_one_line_a_model_answers_and_its_bad_answers_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let change = |keep_bp| json!({"limit": "max-position", "keep_bp": keep_bp, "for_s": 60});
    let answer = |keep_bp| json!({"changes": [change(keep_bp)], "reason": "x"});
    let (line, thread) = server([20_000, 4_000].map(|keep| chat(&answer(keep))).to_vec());
    let (config, input) = with_server(dir.path(), &line);
    let decision = asked(&config, &input, "risk-manager");
    let requests = thread.join().unwrap();
    let by = json!({"server": "local", "model": "small", "quantisation": "q4_k_m"});
    assert_eq!(decision["by"]["model"], by);
    assert_eq!(decision["answer"]["limits"], answer(4_000));
    assert_eq!(decision["abstentions"], json!({"out-of-range": 1}));
    let first = &decision["attempts"][0];
    assert_eq!((&first["model"], &first["server"]), (&json!("large"), &json!("local")));
    assert_eq!(first["raw"], answer(20_000).to_string());
    assert!(first["detail"].as_str().unwrap().contains("changes[0].keep_bp found=20000"));
    assert_eq!(
        (&requests[0]["model"], &requests[1]["model"]),
        (&json!("qwen2.5:32b"), &json!("qwen2.5:7b"))
    );
    assert_eq!(requests[0]["messages"][0]["content"], decision["prompt"]);
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let (config, _) = with_server(other.path(), "tools = true");
    let (sound, input) = with_server(dir.path(), "");
    let bad = dir.path().join("y.json");
    fs::write(&bad, r#"{"position": {"used_pct": 20000}}"#).unwrap();
    let bad = format!("--input={}", bad.display());
    for (args, code, parts) in [
        (vec!["check", config.as_str()], 11, ["line=1 key=tools found=unknown key", "; next: "]),
        (
            vec!["ask", &sound, &input, "--role=boss"],
            10,
            ["--role=boss allowed=(alert, ", "; next: "],
        ),
        (vec!["ask", &sound, &bad, "--role=judge"], 10, ["at=position.", "allowed=("]),
        (vec!["check", "--config=/nowhere"], 14, ["file=/nowhere", "No such file"]),
    ] {
        let output = corelane(&args);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(parts.iter().all(|part| told.contains(part)), "{parts:?} in {told}");
    }
}
