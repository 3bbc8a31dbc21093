//! The real binary's queue: late work is not run, and a batch that waits to fill does not wait for
//! ever. When exactly it waits and what it drops is tested on virtual time beside the rule itself.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail its test")]

#[path = "server/peer.rs"]
#[expect(dead_code, reason = "the other tests of the binary use the rest")]
mod peer;

use peer::{Client, Server, request};
use wire::signal::{SignalRequest, SignalResponse, SignalStatus};

/// Nanoseconds after the start of the host: over whenever a test runs.
const LONG_AGO_NS: u64 = 1;

#[test]
fn late_work_is_answered_as_expired_and_never_run() {
    let server = Server::start("good", &[]);
    let mut client = Client::greeted(&server.socket());
    let plan = [(1, LONG_AGO_NS), (2, u64::MAX), (3, 0), (4, LONG_AGO_NS)];
    for (id, expires_mono_ns) in plan {
        client.send(&SignalRequest { expires_mono_ns, ..request(id) });
        let answer: SignalResponse = client.receive();
        assert_eq!(answer.request_id, id);
        let late = expires_mono_ns == LONG_AGO_NS;
        let status = if late { SignalStatus::Expired } else { SignalStatus::Ok };
        assert_eq!(answer.status, status.code(), "request {id}");
        assert_eq!(answer.infer_ns == 0, late, "request {id}");
    }
    let ended = server.terminate();
    assert!(ended.contains("requests=4 scored=2"), "{ended}");
    assert!(ended.contains(" expired=2 ") && ended.contains(" batches=2 "), "{ended}");
}

#[test]
fn a_batch_that_never_fills_is_run_all_the_same() {
    for idle in ["--idle=park", "--idle=yield"] {
        let server = Server::start("good", &["--batch-timeout=20000", "--max-batch=16", idle]);
        let mut client = Client::greeted(&server.socket());
        client.send(&request(1));
        let answer: SignalResponse = client.receive();
        assert_eq!((answer.request_id, answer.batch), (1, 1));
    }
}

#[test]
fn a_queue_without_room_sheds_the_oldest_beyond_a_batch() {
    let server = Server::start("good", &["--max-batch=1", "--max-queue=0"]);
    let mut client = Client::greeted(&server.socket());
    server.stop();
    for id in 1..=3_u32 {
        let mut asked = request(id.into());
        asked.header.instrument_id = wire::InstrumentId(id);
        client.send(&asked);
    }
    server.proceed();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let answer: SignalResponse = client.receive();
        ids.push((answer.request_id, answer.status));
    }
    let (ok, shed) = (SignalStatus::Ok.code(), SignalStatus::Shed.code());
    ids.sort_unstable();
    assert_eq!(ids, [(1, ok), (2, shed), (3, shed)]);
}

#[test]
fn a_policy_out_of_range_is_refused_at_the_command_line() {
    for bad in ["--batch-timeout=1000001", "--max-queue=65537", "--max-batch=0"] {
        let (code, said) = Server::fails("good", &[bad]);
        assert_eq!(code, i32::from(wire::exit::Exit::Arguments.code()), "{bad}: {said}");
    }
}
