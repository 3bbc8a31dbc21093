//! Event time: the same recording gives the same state, orders and fills every time.

mod common;

use bytemuck::Zeroable;
use common::World;
use corelane_station::backtest::{Options, Scorer, Ticks, backtest};
use venues::sim::Latency;
use wire::risk::RiskField;
use wire::signal::{SignalRequest, SignalResponse, SignalStatus};
use wire::{Frame, FrameHeader};

#[test]
fn two_runs_give_the_same_state_and_the_same_frames() {
    let world = World::new(6_000, "", false);
    let run = || {
        let mut frames = Vec::new();
        let mut observer = |frame: &[u8]| frames.extend_from_slice(frame);
        let options = Options { observer: Some(&mut observer), ..Options::default() };
        let result = backtest(&world.config, options).expect("backtest");
        (result, frames)
    };
    let ((first, frames), (second, again)) = (run(), run());
    assert_eq!(first.state_hash, second.state_hash);
    assert!(frames == again, "inputs and outputs are the same byte for byte");
    let summary = &first.summary;
    assert_eq!(summary["events"], 6_000);
    for key in ["orders", "fills"] {
        assert!(summary[key].as_u64() > Some(0), "{key}: {summary:#}");
    }
    assert_eq!(summary["station"]["approvals_spent"], summary["orders"], "each was spent once");
    assert_eq!(summary["state_hash"], format!("{:016x}", first.state_hash));
    assert!(summary["position_lots"]["BTCUSDT"].is_i64());
    assert!(summary["pnl"]["BTCUSDT"]["net_e9"].is_i64());
    assert_eq!(summary["exit"]["code"], 0);
}

#[test]
fn another_latency_gives_another_state() {
    let world = World::new(6_000, "", false);
    let slow = common::text("day.clrec", "", false).replace("= 2000000", "= 900000000");
    let slow = common::config(world.dir.path(), &slow);
    let first = backtest(&world.config, Options::default()).expect("backtest");
    let second = backtest(&slow, Options::default()).expect("backtest");
    assert_ne!(first.state_hash, second.state_hash);
}

#[test]
fn a_queue_by_order_needs_a_recording_that_names_orders() {
    let world = World::new(100, "", false);
    let text = common::text("day.clrec", "", false);
    let text = text.replace("[venue]\n", "[venue]\nqueue_model = \"l3-fifo\"\n");
    assert!(text.contains("l3-fifo"));
    let config = common::config(world.dir.path(), &text);
    let failure = backtest(&config, Options::default()).expect_err("no orders in it");
    assert!(failure.to_string().contains("l3-fifo"), "{failure}");
}

#[test]
fn the_fixed_clock_ticks_where_the_market_is_silent() {
    let world = World::new(50, "", false);
    let period = std::num::NonZeroU64::new(3_000_000).expect("not 0");
    let clock = Some(Ticks { period_ns: period, phase_ns: 1 });
    let mut ticks = Vec::new();
    let mut observer = |frame: &[u8]| {
        if let Ok(Frame::RiskInput(input)) = wire::decode(frame)
            && input.field == RiskField::ClockOffset.code()
        {
            ticks.push(input.header.ts_recv_ns.get());
        }
    };
    let options = Options { observer: Some(&mut observer), clock, ..Options::default() };
    backtest(&world.config, options).expect("backtest");
    // The first is the station's own, at the start. Events come every 10 ms.
    let first = common::START_NS / 3_000_000 * 3_000_000 + 1;
    let first = if first <= common::START_NS { first + 3_000_000 } else { first };
    assert_eq!(ticks[1], first);
    assert!(ticks.len() > 150, "{}", ticks.len());
    assert!(ticks[1..].windows(2).all(|pair| pair[1] == pair[0] + 3_000_000));
}

#[expect(clippy::unnecessary_wraps, reason = "a model may abstain; this one never does")]
fn answer(request: &SignalRequest) -> Option<SignalResponse> {
    let mut header = FrameHeader::new::<SignalResponse>();
    header.instrument_id = request.header.instrument_id;
    let score_e6 = if (request.request_id / 20).is_multiple_of(2) { 600_000 } else { -600_000 };
    Some(SignalResponse {
        header,
        request_id: request.request_id,
        model_hash: 7,
        score_e6,
        generation: 1,
        batch: 1,
        status: SignalStatus::Ok.code(),
        ..Zeroable::zeroed()
    })
}

#[test]
fn scores_arrive_after_their_latency_and_move_the_taker() {
    let world = World::new(3_000, "", true);
    let run = |latency: Latency| {
        let mut frames: Vec<(u64, u64)> = Vec::new();
        let mut asked = std::collections::BTreeMap::new();
        let mut observer = |frame: &[u8]| match wire::decode(frame) {
            Ok(Frame::SignalRequest(r)) => {
                asked.insert(r.request_id, r.header.ts_recv_ns.get());
            }
            Ok(Frame::SignalResponse(r)) => {
                frames.push((asked[&r.request_id], r.header.ts_recv_ns.get()));
            }
            _ => {}
        };
        let mut score = answer;
        let scorer = Some(Scorer { score: &mut score, latency });
        let options = Options { scorer, observer: Some(&mut observer), ..Options::default() };
        (backtest(&world.config, options).expect("backtest"), frames)
    };
    let (fast, frames) = run(Latency::Constant(3_000_000));
    assert!(frames.len() > 50, "{}", frames.len());
    assert!(frames.iter().all(|(asked, came)| *came == asked + 3_000_000));
    assert!(fast.summary["signal"]["answers"].as_u64() > Some(50));
    assert!(fast.summary["strategies"]["taker"]["fills"].as_u64() > Some(0));
    let (late, _) = run(Latency::Constant(600_000_000));
    assert_eq!(late.summary["signal"]["answers"], 0, "beyond the time to live");
    assert!(late.summary["signal"]["stale"].as_u64() > Some(50));
    assert_eq!(late.summary["strategies"]["taker"]["fills"], 0);
    // Drawn: every answer after one of the samples or behind the one before it, and repeatable.
    let samples = vec![1_000_000, 4_000_000, 250_000_000];
    let (first, drawn) = run(Latency::Samples(samples.clone()));
    let (second, again) = run(Latency::Samples(samples.clone()));
    assert_eq!((first.state_hash, &drawn), (second.state_hash, &again));
    assert_eq!(first.summary["signal"]["latency_ns"]["samples"], 3);
    let mut before = 0;
    for (asked, came) in &drawn {
        assert!(samples.contains(&(came - asked)) || *came == before, "{asked} {came}");
        before = *came;
    }
    assert!(samples.iter().all(|ns| drawn.iter().any(|(asked, came)| came - asked == *ns)));
}
