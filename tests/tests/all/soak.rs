//! The soak in small: three rounds as fast as they go. What it holds is looked at and judged, but no
//! slope: seconds have none. That a leak would be seen is tested beside the judge.

use crate::support::{program, recording, root};
use corelane_tests::soak::judge::Verdict;
use corelane_tests::soak::{Options, looped, soak, table};
use std::time::Duration;
use wire::{Frame, FrameHeader, FrameKind, decode};

#[test]
fn three_rounds_hold_no_more_files_and_threads_and_their_loop_allocates_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        root: root(),
        programs: program("corelane").parent().unwrap().to_owned(),
        dir: dir.path().join("soak"),
        speed: "\"max\"".to_owned(),
        rounds: 3,
        every: Duration::from_millis(50),
        slopes: false,
    };
    let mut looks = 0;
    let rows = soak(&options, &mut |_| looks += 1).unwrap();
    let failed: Vec<_> = rows.iter().filter(|row| row.verdict == Verdict::Failed).collect();
    assert!(failed.is_empty(), "of {looks} looks:\n{}", table(&rows));
    let loop_row = rows.iter().find(|row| row.what.starts_with("allocations")).unwrap();
    assert!(loop_row.found.starts_with("0 in "), "{loop_row:?}");
}

#[test]
fn rounds_follow_each_other_in_time_and_numbers_and_change_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("looped.clrec");
    let written = looped::write(&recording(), &path, 3).unwrap();
    let (once, thrice) = (tape::read_all(recording()).unwrap(), tape::read_all(&path).unwrap());
    assert_eq!(once.instruments(), thrice.instruments());
    let event = |frame: &&[u8]| header(frame).kind != FrameKind::Instrument.code();
    let first: Vec<&[u8]> = once.frames().filter(event).collect();
    let all: Vec<&[u8]> = thrice.frames().filter(event).collect();
    assert_eq!((all.len(), written.events), (3 * first.len(), all.len() as u64));
    let times: Vec<u64> = all.iter().map(|frame| header(frame).ts_recv_ns.get()).collect();
    assert!(times.is_sorted(), "time goes on");
    let mut last = 0;
    for (place, frame) in all.iter().enumerate() {
        let (round, of) = (place / first.len(), place % first.len());
        let moved = times[place] - times[of];
        assert_eq!(moved, round as u64 * written.round_ns, "event {place}");
        match (decode(first[of]).unwrap(), decode(frame).unwrap()) {
            (Frame::DepthDelta(was), Frame::DepthDelta(is)) => {
                assert!(is.head.first_update_id > last, "event {place}");
                last = is.head.last_update_id;
                let reach = |h: &wire::market::DepthDelta| h.last_update_id - h.first_update_id;
                assert_eq!(reach(is.head), reach(was.head));
                assert_eq!((is.bids, is.asks), (was.bids, was.asks));
            }
            (Frame::BookSnapshot(was), Frame::BookSnapshot(is)) => {
                assert!(is.head.last_update_id > last, "event {place}");
                last = is.head.last_update_id;
                assert_eq!((is.bids, is.asks), (was.bids, was.asks));
            }
            (Frame::Trade(was), Frame::Trade(is)) => {
                assert!(round == 0 || is.trade_id > was.trade_id, "event {place}");
                assert_eq!((is.price_ticks, is.qty_lots), (was.price_ticks, was.qty_lots));
            }
            (Frame::Quote(was), Frame::Quote(is)) => {
                assert_eq!(is.bid_price_ticks, was.bid_price_ticks);
                assert_eq!(is.ask_qty_lots, was.ask_qty_lots);
            }
            (was, is) => panic!("event {place}: {was:?} became {is:?}"),
        }
    }
}

fn header(frame: &[u8]) -> &FrameHeader {
    wire::frame::header(frame).unwrap()
}
