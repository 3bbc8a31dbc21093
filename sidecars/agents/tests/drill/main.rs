//! The traps of local LLM servers, each played by a scripted server over TCP and a Unix socket: no
//! bad answer is taken, the fallback comes within the budget, and what was late is hung up on.
//!
//! Time is tokio's, stopped: it moves where a test moves it, so a deadline is exact and no test
//! waits.
#![expect(clippy::unwrap_used, reason = "tests")]

mod server;

use corelane_agents::cause::Cause;
use corelane_agents::config::Config;
use corelane_agents::input::{Input, Section};
use corelane_agents::router::{By, Decision, Router};
use serde_json::json;
use server::{Act, At, Seen, Server, dead};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;

const GOOD: &str =
    r#"{"lean":"buy","confidence_pct":60,"horizon_min":30,"reason":"Higher lows since noon."}"#;
const BUDGET_MS: u64 = 10_000;

/// A configuration with two models, each on the servers named for it, and two roles.
fn config(dir: &Path, servers: &[(&str, &str)], first: &str, second: &str) -> Config {
    let prompt = "{{ role }} {{ data }} {{ limits }} {{ answer_form }}";
    std::fs::write(dir.join("p.md.j2"), prompt).unwrap();
    let mut text = String::from("[agents]\nprompts = \".\"\n");
    for (name, line) in servers {
        let kind = if name.starts_with("ollama") { "ollama" } else { "openai" };
        write!(text, "[server.{name}]\nkind = \"{kind}\"\nno_speculation = true\n{line}\n")
            .unwrap();
    }
    for (model, of, context, memory) in [("a", first, 8_192, 9_000), ("b", second, 32_768, 4_000)] {
        write!(
            text,
            "[model.{model}]\nid = \"m-{model}\"\nquantisation = \"q4\"\nservers = [{of}]\n\
             context_tokens = {context}\nmemory_mib = {memory}\n"
        )
        .unwrap();
    }
    for (role, output, rule, more) in [
        ("bull", "stance", "bull", ""),
        ("risk", "limits", "drawdown", "advice = [\"max-position\"]\ncritical = true\n"),
    ] {
        write!(
            text,
            "[role.{role}]\ntask = \"t\"\ncandidates = [\"a\", \"b\"]\nlatency_ms = {BUDGET_MS}\n\
             prompt_tokens = 20000\nanswer_tokens = 200\nmax_age_ms = 60000\ntrigger = \"demand\"\n\
             context = [\"market\", \"news\"]\noutput = \"{output}\"\nrule = \"{rule}\"\n\
             prompt = \"p\"\n{more}"
        )
        .unwrap();
    }
    Config::parse(&dir.join("agents.toml"), &text).unwrap()
}

/// Runs a test on one thread with time stopped. A blocking task that ends with the test keeps tokio
/// from moving it by itself while a socket is awaited.
fn play<F: Future<Output = ()>>(test: F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::pause();
        let (hold, waits) = channel::<()>();
        let guard = tokio::task::spawn_blocking(move || waits.recv().is_err());
        test.await;
        drop(hold);
        assert!(guard.await.unwrap());
    });
}

fn completion(content: &str, reason: &str) -> String {
    let message = json!({"role": "assistant", "content": content});
    json!({"choices": [{"index": 0, "message": message, "finish_reason": reason}]}).to_string()
}

fn say(content: &str) -> Act {
    Act::Say(200, completion(content, "stop"))
}

fn causes(decision: &Decision) -> Vec<Option<Cause>> {
    decision.attempts.iter().map(|attempt| attempt.cause).collect()
}

fn model(decision: &Decision) -> &str {
    match &decision.by {
        By::Model { model, .. } => model,
        By::Rule { name } => name,
    }
}

fn places(dir: &Path) -> [At; 2] {
    [At::Tcp, At::Unix(dir.join("llm.sock"))]
}

/// Asks a server that answers each attempt by one act, and holds what comes of it against `causes`.
fn drill(acts: &[Act], expected: &[Option<Cause>], by: &str) {
    let dir = tempfile::tempdir().unwrap();
    for at in places(dir.path()) {
        play(async {
            let server = Server::start(at).await;
            server.will(acts.iter().cloned());
            let config = config(dir.path(), &[("s", &server.place)], "\"s\"", "\"s\"");
            let router = Router::new(config).unwrap();
            let decision = router.ask(0, &Input::default()).await;
            assert_eq!(causes(&decision), expected, "{acts:?}");
            assert_eq!(model(&decision), by, "{acts:?}");
            assert_eq!(decision.took_us, 0, "no time went by");
            for cause in expected.iter().flatten() {
                assert!(router.abstentions()[cause] > 0, "counted");
            }
        });
    }
}

/// Asks a server whose acts take all the time they are given.
fn drill_slow(act: &Act) {
    let dir = tempfile::tempdir().unwrap();
    for at in places(dir.path()) {
        play(async {
            let mut server = Server::start(at).await;
            server.will([act.clone(), act.clone()]);
            let config = config(dir.path(), &[("s", &server.place)], "\"s\"", "\"s\"");
            let router = Router::new(config).unwrap();
            let input = Input::default();
            let asked = router.ask(0, &input);
            let script = async {
                // Half of what models have, then all that is left of it.
                for share_ms in [4_750, 4_750] {
                    let seen = server.seen.recv().await;
                    assert!(matches!(seen, Some(Seen::Request(_))), "{seen:?}");
                    tokio::time::advance(Duration::from_millis(share_ms + 1)).await;
                    assert_eq!(server.seen.recv().await, Some(Seen::Gone), "hung up on");
                }
            };
            let (decision, ()) = tokio::join!(asked, script);
            assert_eq!(causes(&decision), [Some(Cause::Late); 2]);
            assert_eq!(decision.by, By::Rule { name: "bull" });
            assert!(decision.took_us <= BUDGET_MS * 1_000, "{} us", decision.took_us);
        });
    }
}

#[test]
fn a_good_answer_is_taken_with_all_that_explains_it() {
    let dir = tempfile::tempdir().unwrap();
    for at in places(dir.path()) {
        play(async {
            let mut server = Server::start(at).await;
            server.will([say(GOOD)]);
            let config = config(dir.path(), &[("s", &server.place)], "\"s\"", "\"s\"");
            let router = Router::new(config).unwrap();
            let decision = router.ask(0, &Input::default()).await;
            let by = By::Model { server: "s".into(), model: "a".into(), quantisation: "q4".into() };
            assert_eq!((decision.by, decision.attempts[0].raw.as_str()), (by, GOOD));
            assert!(decision.prompt.contains("confidence_pct: a whole number from 0 to 100"));
            let Some(Seen::Request(body)) = server.seen.recv().await else { panic!("asked") };
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!(body["messages"][0]["content"], decision.prompt);
            assert_eq!(body["max_tokens"], 200);
            let schema = &body["response_format"]["json_schema"]["schema"];
            assert_eq!(schema["additionalProperties"], false);
        });
    }
}

#[test]
fn trap_1_an_answer_cut_at_the_token_limit_is_none() {
    let half = Act::Say(200, completion(&GOOD[..40], "length"));
    // Whole by chance, but the server says it was cut.
    let whole = Act::Say(200, completion(GOOD, "length"));
    drill(&[half, whole], &[Some(Cause::Truncated); 2], "bull");
    drill(&[say(&GOOD[..40]), say(GOOD)], &[Some(Cause::Truncated), None], "b");
}

#[test]
fn trap_2_endless_whitespace_ends_at_the_bytes_an_answer_can_have() {
    drill(&[Act::Blank, say(GOOD)], &[Some(Cause::Endless), None], "b");
}

#[test]
fn trap_2_a_slow_drip_ends_at_the_deadline() {
    let body = completion(GOOD, "stop");
    drill_slow(&Act::Stall(body.clone(), body.len() - 1));
}

#[test]
fn trap_3_every_range_is_checked_again() {
    let wrong = |from: &str, to: &str| say(&GOOD.replace(from, to));
    drill(
        &[wrong("60", "160"), wrong("30", "0")],
        &[Some(Cause::OutOfRange), Some(Cause::OutOfRange)],
        "bull",
    );
    drill(
        &[wrong("{", "{\"order\":\"buy 100\","), wrong("\"lean\":\"buy\",", "")],
        &[Some(Cause::UnknownField), Some(Cause::WrongShape)],
        "bull",
    );
}

#[test]
fn trap_4_a_broken_grammar_is_refused_and_speculation_is_turned_off() {
    drill(
        &[say(&GOOD.replace("60", "")), say(&GOOD.replace("\"horizon", "horizon"))],
        &[Some(Cause::NotJson), Some(Cause::NotJson)],
        "bull",
    );
    let dir = tempfile::tempdir().unwrap();
    play(async {
        let mut server = Server::start(At::Tcp).await;
        server.will([say(GOOD)]);
        let config = config(dir.path(), &[("s", &server.place)], "\"s\"", "\"s\"");
        Router::new(config).unwrap().ask(0, &Input::default()).await;
        let Some(Seen::Request(body)) = server.seen.recv().await else { panic!("asked") };
        assert!(body.contains("\"speculative.n_max\":0"), "{body}");
    });
}

/// Bulk questions that hang hold their slots; a critical one passes them by. Who is no longer
/// awaited is hung up on.
#[test]
fn trap_5_a_critical_role_does_not_wait_behind_bulk_ones() {
    let dir = tempfile::tempdir().unwrap();
    play(async {
        let mut server = Server::start(At::Tcp).await;
        let good = r#"{"changes":[],"reason":"All is well."}"#;
        let chat = json!({"message": {"content": good}, "done": true, "done_reason": "stop"});
        server.will([Act::Hang, Act::Say(200, chat.to_string())]);
        let place = format!("slots = 1\n{}", server.place);
        let config = config(dir.path(), &[("ollama", &place)], "\"ollama\"", "");
        let (router, input) = (Router::new(config).unwrap(), Input::default());
        let critical = async {
            let Some(Seen::Request(body)) = server.seen.recv().await else { panic!("asked") };
            assert!(body.contains("\"num_predict\":200") && body.contains("\"keep_alive\":3600"));
            router.ask(1, &input).await
        };
        let critical = tokio::select! {
            biased;
            bulk = router.ask(0, &input) => panic!("it hangs: {bulk:?}"),
            bulk = router.ask(0, &input) => panic!("it waits for a slot: {bulk:?}"),
            critical = critical => critical,
        };
        assert_eq!((model(&critical), critical.took_us), ("a", 0));
        assert!(matches!(server.seen.recv().await, Some(Seen::Request(_))), "the critical one");
        assert_eq!(server.seen.recv().await, Some(Seen::Gone), "the bulk one, dropped");
        assert!(server.seen.try_recv().is_err(), "the second never had a slot");
    });
}

#[test]
fn trap_6_a_hang_instead_of_an_error_ends_at_the_deadline() {
    drill_slow(&Act::Hang);
}

#[test]
fn trap_6_out_of_memory_goes_to_the_smaller_model() {
    let oom = Act::Say(500, r#"{"error":"CUDA error: out of memory"}"#.into());
    drill(&[oom.clone(), say(GOOD)], &[Some(Cause::OutOfMemory), None], "b");
    drill(&[oom.clone(), oom], &[Some(Cause::OutOfMemory); 2], "bull");
}

#[test]
fn trap_7_text_around_the_json_is_no_answer() {
    let thinking = say(&format!("<think>Let me see.</think>{GOOD}"));
    let fenced = say(&format!("```json\n{GOOD}\n```"));
    drill(&[thinking, fenced], &[Some(Cause::TextAround); 2], "bull");
}

/// The server ends the idle connection; the next question is asked on a new one.
#[test]
fn trap_8_a_connection_that_died_idle_costs_no_answer() {
    let dir = tempfile::tempdir().unwrap();
    for at in places(dir.path()) {
        play(async {
            let server = Server::start(at).await;
            server.will([
                Act::SayAndClose(completion(GOOD, "stop")),
                say(GOOD),
                Act::Close,
                say(GOOD),
            ]);
            let config = config(dir.path(), &[("s", &server.place)], "\"s\"", "\"s\"");
            let router = Router::new(config).unwrap();
            for _ in 0..2 {
                let decision = router.ask(0, &Input::default()).await;
                assert_eq!(model(&decision), "a", "{:?}", decision.attempts);
            }
            let decision = router.ask(0, &Input::default()).await;
            assert_eq!(causes(&decision), [Some(Cause::Broken), None]);
            assert_eq!(model(&decision), "a", "the same model, on a new connection");
        });
    }
}

#[test]
fn a_server_that_fails_or_is_busy_or_refuses_is_passed_by() {
    for (status, body, cause) in [
        (500, "boom", Cause::ServerError),
        (503, "{}", Cause::Busy),
        (429, "{}", Cause::Busy),
        (404, "{}", Cause::Refused),
        (302, "{}", Cause::Refused),
        (400, "exceeds the available context size", Cause::ContextTooLong),
        (200, "", Cause::Truncated),
        (200, "<html>", Cause::NotJson),
        (200, r#"{"choices":[]}"#, Cause::NotJson),
        (200, r#"{"choices":[{"mess"#, Cause::Truncated),
    ] {
        drill(&[Act::Say(status, body.into()), say(GOOD)], &[Some(cause), None], "b");
    }
    let tools = Act::Say(200, completion(GOOD, "tool_calls"));
    drill(&[tools, say(GOOD)], &[Some(Cause::Refused), None], "b");
}

#[test]
fn nobody_there_is_no_wait() {
    let dir = tempfile::tempdir().unwrap();
    play(async {
        let nobody = dead(dir.path());
        let config = config(dir.path(), &[("s", &nobody)], "\"s\"", "\"s\"");
        let router = Router::new(config).unwrap();
        let decision = router.ask(0, &Input::default()).await;
        assert_eq!(causes(&decision), [Some(Cause::Unreachable); 2]);
        assert_eq!((decision.by, decision.took_us), (By::Rule { name: "bull" }, 0));
    });
}

#[test]
fn a_role_cannot_advise_more_than_it_may_nor_on_what_is_old() {
    let dir = tempfile::tempdir().unwrap();
    play(async {
        let server = Server::start(At::Tcp).await;
        let advice = |limit: &str| {
            let change = json!({"limit": limit, "keep_bp": 5_000, "for_s": 60});
            say(&json!({"changes": [change], "reason": "x"}).to_string())
        };
        server.will([advice("order-rate"), advice("max-position")]);
        let config = config(dir.path(), &[("s", &server.place)], "\"s\"", "\"s\"");
        let router = Router::new(config).unwrap();
        let decision = router.ask(1, &Input::default()).await;
        assert_eq!(causes(&decision), [Some(Cause::NotAllowed), None]);
        let old = Input { age_ms: 60_001, ..Input::default() };
        let decision = router.ask(1, &old).await;
        assert_eq!(causes(&decision), [Some(Cause::Stale)]);
        assert_eq!(decision.by, By::Rule { name: "drawdown" });
    });
}

/// Half of the last four failed: the breaker shuts the server off without asking; a second later
/// one question goes through, and all is as before.
#[test]
fn a_server_that_came_back_is_asked_again_without_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    for at in places(dir.path()) {
        play(async {
            let mut server = Server::start(at).await;
            server.will((0..4).map(|_| Act::Say(500, String::new())));
            let config = config(dir.path(), &[("s", &server.place)], "\"s\"", "");
            let router = Router::new(config).unwrap();
            for _ in 0..4 {
                let decision = router.ask(0, &Input::default()).await;
                assert_eq!(causes(&decision), [Some(Cause::ServerError)]);
                assert!(matches!(server.seen.recv().await, Some(Seen::Request(_))));
            }
            let decision = router.ask(0, &Input::default()).await;
            assert_eq!(causes(&decision), [Some(Cause::BreakerOpen)]);
            assert!(server.seen.try_recv().is_err(), "not even asked");
            server.will([say(GOOD), say(GOOD)]);
            tokio::time::advance(Duration::from_secs(1)).await;
            for _ in 0..2 {
                let decision = router.ask(0, &Input::default()).await;
                assert_eq!(model(&decision), "a", "{:?}", decision.attempts);
            }
        });
    }
}

/// Two servers of one model: the other one is asked where the first cannot answer, and the one that
/// was slow is passed over while it is remembered.
#[test]
fn another_server_of_the_model_takes_over() {
    let dir = tempfile::tempdir().unwrap();
    play(async {
        let (mut x, mut y) = (Server::start(At::Tcp).await, Server::start(At::Tcp).await);
        let config = config(dir.path(), &[("x", &x.place), ("y", &y.place)], "\"x\", \"y\"", "");
        let router = Router::new(config).unwrap();
        let input = Input::default();
        // Whoever is asked first is busy, and takes a second to say so.
        let asked = router.ask(0, &input);
        let script = async {
            let (busy, other) = tokio::select! {
                seen = x.seen.recv() => { assert!(seen.is_some()); (&x, &y) }
                seen = y.seen.recv() => { assert!(seen.is_some()); (&y, &x) }
            };
            tokio::time::advance(Duration::from_secs(1)).await;
            busy.will([Act::Say(503, "{}".into())]);
            other.will([say(GOOD), say(GOOD), say(GOOD), say(GOOD)]);
        };
        let (decision, ()) = tokio::join!(asked, script);
        assert_eq!(causes(&decision), [Some(Cause::Busy), None]);
        let first = decision.attempts[0].server.clone();
        for _ in 0..3 {
            let decision = router.ask(0, &input).await;
            assert_eq!(causes(&decision), [None]);
            assert_ne!(decision.attempts[0].server, first, "the slow one is passed over");
        }
    });
}

/// A prompt that does not fit a model's context is not sent to it, and one that is longer than its
/// role's budget to none.
#[test]
fn a_prompt_that_does_not_fit_is_not_sent() {
    let dir = tempfile::tempdir().unwrap();
    play(async {
        let mut server = Server::start(At::Tcp).await;
        server.will([say(GOOD)]);
        let config = config(dir.path(), &[("s", &server.place)], "\"s\"", "\"s\"");
        let router = Router::new(config).unwrap();
        let news = |count| Input { news: vec!["x".repeat(1_000); count], ..Input::default() };
        let decision = router.ask(0, &news(30)).await;
        assert_eq!(causes(&decision), [Some(Cause::ContextTooLong), None]);
        assert_eq!((model(&decision), decision.attempts[0].server.as_str()), ("b", ""));
        assert!(matches!(server.seen.recv().await, Some(Seen::Request(_))));
        let decision = router.ask(0, &news(64)).await;
        assert_eq!(causes(&decision), [Some(Cause::ContextTooLong); 2]);
        assert_eq!(decision.by, By::Rule { name: "bull" });
        assert!(server.seen.try_recv().is_err(), "not sent");
    });
}

/// What a cloud server is sent holds none of the sections the operator keeps back.
#[test]
fn what_is_redacted_is_not_in_a_cloud_server_s_prompt() {
    let dir = tempfile::tempdir().unwrap();
    play(async {
        let mut server = Server::start(At::Tcp).await;
        server.will([say(GOOD)]);
        let mut config = config(dir.path(), &[("s", &server.place)], "\"s\"", "\"s\"");
        // The address of the script is this box's: that it counts as near is `config`'s to test.
        config.servers[0].is_cloud = true;
        config.redact = vec![Section::News];
        let router = Router::new(config).unwrap();
        let input = Input { news: vec!["kept back".into()], ..Input::default() };
        let decision = router.ask(0, &input).await;
        assert!(decision.prompt.contains("kept back"), "as near servers are asked");
        let Some(Seen::Request(body)) = server.seen.recv().await else { panic!("asked") };
        assert!(!body.contains("kept back"), "{body}");
    });
}
