//! The clock on the host that runs the tests: relations between clocks, no absolute durations.

use corelane_clock::{Clock, Source};

/// Spins until `ns` nanoseconds of `CLOCK_MONOTONIC` have passed.
fn spin(clock: &Clock, ns: u64) {
    let until = clock.monotonic_ns() + ns;
    while clock.monotonic_ns() < until {
        std::hint::spin_loop();
    }
}

#[test]
fn an_interval_lies_between_the_monotonic_readings_around_it() {
    let clock = Clock::calibrate();
    let outer_start = clock.monotonic_ns();
    let from = clock.cycles();
    let inner_start = clock.monotonic_ns();
    spin(&clock, 5_000_000);
    let inner_end = clock.monotonic_ns();
    let to = clock.cycles();
    let outer_end = clock.monotonic_ns();
    let counted = clock.cycles_to_ns(to - from);
    // A thousandth of slack: NTP may slew CLOCK_MONOTONIC by up to 500 ppm.
    let (inner, outer) = (inner_end - inner_start, outer_end - outer_start);
    assert!(counted >= inner - inner / 1000, "{counted} < {inner}");
    assert!(counted <= outer + outer / 1000, "{counted} > {outer}");
}

#[test]
fn an_untouched_clock_does_not_drift_and_a_wrong_anchor_is_noticed() {
    let clock = Clock::calibrate();
    let start = clock.anchor();
    spin(&clock, 20_000_000);
    let drift = clock.check_drift(&start);
    assert!(!drift.is_excessive(), "{drift}");
    // The same interval with a start half a per mille earlier by the counter: 500 ppm fast.
    let mut wrong = start;
    wrong.cycles -= clock.ns_to_cycles(drift.elapsed_ns) / 2000;
    let drift = clock.check_drift(&wrong);
    assert!(drift.is_excessive() && drift.ppm > 0.0, "{drift}");
}

#[test]
fn the_name_is_tsc_only_where_the_processor_says_invariant() {
    let clock = Clock::calibrate();
    let flags = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let invariant = flags.split_ascii_whitespace().any(|flag| flag == "nonstop_tsc")
        && flags.split_ascii_whitespace().any(|flag| flag == "constant_tsc");
    if clock.source_kind() == Source::Tsc {
        assert!(invariant, "called tsc, but /proc/cpuinfo lacks constant_tsc and nonstop_tsc");
    }
    if !invariant {
        assert_ne!(clock.source(), "tsc");
    }
}

#[test]
fn readings_never_go_back_on_one_thread() {
    let clock = Clock::calibrate();
    let mut last = (clock.cycles(), clock.monotonic_ns());
    for _ in 0..10_000 {
        let next = (clock.cycles(), clock.monotonic_ns());
        assert!(next.0 >= last.0 && next.1 >= last.1);
        last = next;
    }
}

#[test]
fn the_wall_clock_is_the_systems() {
    let clock = Clock::calibrate();
    let unix_ns = || {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        u64::try_from(since.expect("the host's clock is past 1970").as_nanos())
            .expect("before 2554")
    };
    let before = unix_ns();
    let wall = clock.wall_ns();
    assert!((before..=unix_ns()).contains(&wall));
}
