//! The loader: what a good file means, and the text of every complaint about a bad one.

use super::*;

const GOOD: &str = r#"
[session]
name = "demo"
start_mode = "LIVE"

[data]
recording = "demo/day.clrec"
speed = 8

[venue]
kind = "sim"
entry_latency_ns = 2500000
queue_model = "power-2"
taker_fee_e6 = 1000

[station]
loop_cpu = 3
edge_cpu = "none"
idle = "busy"
io = "io_uring"

[signal]
enabled = true
model = "models/m.onnx"
ttl_ms = 300

[[strategy]]
name = "taker"
kind = "signal-taker"
instrument = "BTCUSDT"
qty_lots = 100
entry_score_e6 = 300000
exit_score_e6 = 100000
max_spread_ticks = 10
slip_ticks = 2
hold_ms = 5000
cooldown_ms = 0

[limits]
file = "limits.toml"
"#;

/// Parses a text as if it lay in a folder with good limits.
fn parse_with(text: &str, limits: &str, overrides: &Overrides) -> Result<Config, Failure> {
    let dir = tempfile::tempdir().expect("folder");
    std::fs::write(dir.path().join("limits.toml"), limits).expect("limits");
    let mut config = Config::parse(&dir.path().join("demo.toml"), text, overrides)?;
    // Below a folder of a fixed name, for tests that look at paths.
    if let Ok(rest) = config.data.recording.strip_prefix(dir.path()) {
        config.data.recording = Path::new("conf").join(rest);
    }
    Ok(config)
}

fn parse(text: &str) -> Result<Config, Failure> {
    parse_with(text, &crate::limits::tests::text(), &Overrides::default())
}

fn complaints(text: &str) -> String {
    let failure = parse(text).expect_err("refused");
    assert_eq!(failure.exit, Exit::Configuration);
    failure.to_string()
}

#[test]
fn a_good_file_means_what_it_says() {
    let config = parse(GOOD).expect("good");
    assert_eq!(config.session.epoch, 1);
    assert_eq!(config.session.start_mode, Mode::Live);
    assert_eq!(config.data.recording, Path::new("conf/demo/day.clrec"));
    assert_eq!(Some(config.data.speed), "8".parse().ok());
    assert_eq!(config.venue.entry_latency, venues::sim::Latency::Constant(2_500_000));
    assert_eq!(config.venue.fees.taker_rate_e6, 1_000);
    let default = venues::sim::SimConfig::default();
    assert_eq!(config.venue.starting_balance_e9, default.starting_balance_e9);
    assert_eq!(config.venue.throttle, None);
    assert_eq!(config.venue.faults, venues::sim::FaultPlan::default());
    assert_eq!(config.station.loop_cpu, CpuChoice::Id(3));
    assert_eq!(config.station.edge_cpu, CpuChoice::None);
    assert_eq!(config.station.io, BackendKind::IoUring);
    assert_eq!(config.signal.ttl_ms, 300);
    assert_eq!(config.signal.transport, crate::bridge::Transport::Socket, "the default");
    assert_eq!(config.signal_socket(Path::new("run")), Path::new("run/signal.sock"));
    assert_eq!(config.record_dir, Path::new("runs"));
    assert_eq!(config.limits_file.epoch, 7);
    assert_eq!(config.limits.public_key, None);
    assert!(config.strategies[0].params.uses_signal());
}

#[test]
fn a_card_is_named_only_for_a_back_end_that_computes_on_one() {
    let of = |keys: &str| {
        parse(&GOOD.replace("[signal]", &format!("[signal]\n{keys}"))).map(|c| c.signal.gpu)
    };
    assert_eq!(of("").expect("good"), None);
    for (keys, gpu) in [("gpu = 0", 0), ("gpu = 63", 63)] {
        let keys = format!("backend = \"onnxruntime-tensorrt\"\n{keys}");
        assert_eq!(of(&keys).expect(&keys), Some(gpu));
    }
    for (keys, allowed) in [
        ("gpu = 1", "none of onnxruntime-cuda, onnxruntime-tensorrt"),
        ("backend = \"fused\"\ngpu = 1", "none of onnxruntime-cuda, onnxruntime-tensorrt"),
        ("backend = \"onnxruntime-cuda\"\ngpu = 64", "a whole number from 0 to 63"),
    ] {
        let refused = of(keys).expect_err(keys).to_string();
        assert!(refused.contains("key=signal.gpu ") && refused.contains(allowed), "{refused}");
    }
}

#[test]
fn beside_a_gpu_s_back_end_there_is_a_standby_unless_the_file_says_otherwise() {
    let standby = |keys: &str| {
        let text = GOOD.replace("[signal]", &format!("[signal]\n{keys}"));
        parse(&text)
            .map(|config| (config.signal.standby.clone(), config.standby_socket(Path::new("run"))))
    };
    let beside = Some(Path::new("run/signal-standby.sock").to_path_buf());
    for (keys, word) in [
        ("backend = \"onnxruntime-cuda\"", Some("auto")),
        ("backend = \"onnxruntime-tensorrt\"", Some("auto")),
        ("backend = \"onnxruntime-cuda\"\nstandby = \"fused\"", Some("fused")),
        ("backend = \"fused\"\nstandby = \"tract\"", Some("tract")),
        ("backend = \"onnxruntime-cuda\"\nstandby = \"none\"", None),
        ("backend = \"fused\"", None),
    ] {
        let expected = (word.map(str::to_owned), beside.clone().filter(|_| word.is_some()));
        assert_eq!(standby(keys).expect("good"), expected, "{keys}");
    }
    let refused = standby("standby = \"onnxruntime-cuda\"").expect_err("a GPU beside it");
    assert!(refused.to_string().contains("key=signal.standby"), "{refused}");
}

#[test]
fn the_venue_s_balance_and_throttle_have_bounds() {
    let venue = |keys: &str| {
        let text = GOOD.replace("taker_fee_e6 = 1000", keys);
        parse(&text).map(|config| (config.venue.clone(), config.effective()["venue"].clone()))
    };
    let budget = |per_s, burst| venues::sim::Budget { per_s, burst };
    let (sim, shown) =
        venue("starting_balance_e9 = 0\nthrottle_per_s = 5\nthrottle_cancel_per_s = 2\nthrottle_cancel_burst = 9")
            .expect("good");
    assert_eq!(sim.starting_balance_e9, 0);
    let expected = venues::sim::Throttle { messages: budget(5, 5), cancels: Some(budget(2, 9)) };
    assert_eq!(sim.throttle, Some(expected));
    assert_eq!(shown["throttle_burst"], 5);
    assert_eq!(shown["throttle_cancel_burst"], 9);
    let (sim, shown) =
        venue("starting_balance_e9 = 9223372036854775807\nthrottle_per_s = 1000000").expect("good");
    assert_eq!(sim.starting_balance_e9, i64::MAX);
    assert_eq!(sim.throttle.and_then(|throttle| throttle.cancels), None);
    assert_eq!(shown["throttle_cancel_per_s"], 0);
    for (keys, complaint) in [
        ("starting_balance_e9 = -1", "key=venue.starting_balance_e9 found=-1"),
        ("throttle_per_s = 1000001", "key=venue.throttle_per_s found=1000001"),
        ("throttle_per_s = -1", "key=venue.throttle_per_s found=-1"),
        ("throttle_per_s = 1\nthrottle_burst = 1000001", "key=venue.throttle_burst found=1000001"),
        ("throttle_cancel_per_s = 3", "key=venue.throttle_cancel_per_s found=3"),
        ("faults = 1", "key=venue.faults found=unknown key"),
    ] {
        let all = venue(keys).expect_err(keys).to_string();
        assert!(all.contains(complaint), "`{complaint}` in:\n{all}");
    }
}

#[test]
fn every_queue_model_has_one_word() {
    for word in ["risk-averse", "proportional", "power-2", "power-3", "log", "l3-fifo"] {
        let text = GOOD.replace("\"power-2\"", &format!("\"{word}\""));
        let shown = parse(&text).expect(word).effective();
        assert_eq!(shown["venue"]["queue_model"], word);
    }
    let all = complaints(&GOOD.replace("\"power-2\"", "\"power-4\""));
    assert!(all.contains("key=venue.queue_model") && all.contains("\"log\""), "{all}");
}

#[test]
fn every_problem_of_a_file_is_told_in_one_run() {
    let text = r#"
[session]
name = "bad name"
start_mode = "FAST"
nmae = "x"

[data]
speed = 0

[station]
idle = "sleep"
loop_cpu = 2
edge_cpu = 2
order_capacity = 5

[[strategy]]
name = "m"
kind = "guess"
instrument = "BTCUSDT"

[limits]
max_order_qty_lots = 5

[extra]
"#;
    let all = complaints(text);
    let lines: Vec<_> = all.lines().collect();
    assert!(lines.len() >= 12, "{all}");
    for part in [
        "line=3 key=session.name found=\"bad name\"",
        "line=4 key=session.start_mode found=\"FAST\" allowed=(\"MAINTENANCE\" or \"REDUCING\" or \
         \"LIVE\")",
        "line=5 key=session.nmae found=unknown key (string) allowed=(one of the keys epoch, name, \
         start_mode, state_dir)",
        "line=7 key=data.recording found=nothing",
        "line=8 key=data.speed found=0",
        "line=11 key=station.idle found=\"sleep\" allowed=(\"busy\" or \"yield\" or \"park\")",
        "key=station.edge_cpu found=2",
        "line=14 key=station.order_capacity found=5 allowed=(a whole number from 16 to 65536)",
        "line=18 key=strategy[0].kind found=\"guess\" allowed=(\"signal-taker\" or \"momentum\" or \
         \"quoting\" or \"mean-reversion\")",
        "line=22 key=limits.max_order_qty_lots found=unknown key (integer)",
        "line=21 key=limits.file found=nothing",
        "line=24 key=extra found=unknown key (table)",
    ] {
        assert!(all.contains(part), "missing `{part}` in:\n{all}");
    }
    assert!(lines.iter().all(|l| l.starts_with("CONFIGURATION: ") && l.contains("; next: ")));
}

#[test]
fn a_model_may_come_from_a_store_and_change() {
    let text = GOOD.replace(
        "model = \"models/m.onnx\"",
        "store = \"models\"\nname = \"m\"\npublic_key = \"m.pub\"\nmodel_changes = \"followed\"",
    );
    let config = parse(&text).expect("acceptable");
    let store = config.signal.store.as_ref().expect("a store");
    assert!(store.root.ends_with("models") && config.signal.model.is_none());
    assert_eq!(store.name, "m");
    assert!(store.public_key.as_ref().is_some_and(|key| key.ends_with("m.pub")));
    assert_eq!(config.signal.model_changes, ModelChanges::Followed);
    assert_eq!(parse(GOOD).expect("good").signal.model_changes, ModelChanges::Named);
}

#[test]
fn contradictions_are_refused() {
    let contradict = |from: &str, to: &str, key: &str| {
        let text = GOOD.replace(from, to);
        assert_ne!(text, GOOD, "{from}");
        let all = complaints(&text);
        assert!(all.contains(key), "`{key}` in:\n{all}");
    };
    contradict("enabled = true", "enabled = false", "key=signal.enabled found=false");
    contradict("model = \"models/m.onnx\"\n", "", "key=signal.model found=nothing");
    let model = "model = \"models/m.onnx\"\n";
    let with = |more: &str| format!("{model}{more}\n");
    contradict(model, &with("store = \"s\"\nname = \"m\""), "key=signal.store found=\"s\"");
    contradict(model, "store = \"s\"\n", "key=signal.name found=nothing");
    contradict(model, &with("public_key = \"k\""), "key=signal.store found=\"k\"");
    contradict(model, &with("model_changes = \"any\""), "(\"named\" or \"followed\")");
    contradict("edge_cpu = \"none\"", "edge_cpu = 3", "key=station.edge_cpu found=3");
    contradict("idle = \"busy\"", "profile = \"live\"", "key=session.start_mode found=\"LIVE\"");
    contradict(
        "edge_cpu = \"none\"",
        "edge_cpu = 1\nthreads = \"one\"",
        "key=station.edge_cpu found=a CPU id",
    );
    contradict("exit_score_e6 = 100000", "exit_score_e6 = 900000", "strategy[0].exit_score_e6");
}

#[test]
fn broken_toml_names_the_line() {
    let all = complaints("[session]\nname = \n");
    assert!(all.contains("line=2 key=(syntax)"), "{all}");
}

#[test]
fn a_symbol_the_recording_lacks_is_named_with_the_recording() {
    let config = parse(GOOD).expect("good");
    let mut row: wire::instrument::Instrument = bytemuck::Zeroable::zeroed();
    row.symbol = wire::instrument::padded("ETHUSDT").expect("fits");
    let failure = config.plan(&[row], Path::new("day.clrec")).expect_err("refused");
    let all = failure.to_string();
    for part in [
        "key=strategy[0].instrument found=\"BTCUSDT\"",
        "key=symbol.BTCUSDT found=\"BTCUSDT\" allowed=(one of ETHUSDT)",
    ] {
        assert!(all.contains(part), "{all}");
    }
}

#[test]
fn the_hash_follows_every_key_and_no_path() {
    let hash = |text: &str| parse(text).expect("good").hash();
    assert_eq!(hash(GOOD), hash(&format!("# a comment\n{GOOD}")));
    assert_eq!(hash(GOOD), hash(&GOOD.replace("demo/day.clrec", "else/day.clrec")));
    for (from, to) in [
        ("taker_fee_e6 = 1000", "taker_fee_e6 = 999"),
        ("taker_fee_e6 = 1000", "taker_fee_e6 = 1000\nstarting_balance_e9 = 7"),
        ("taker_fee_e6 = 1000", "taker_fee_e6 = 1000\nthrottle_per_s = 7"),
        ("entry_score_e6 = 300000", "entry_score_e6 = 300001"),
        ("speed = 8", "speed = 4"),
    ] {
        assert_ne!(hash(GOOD), hash(&GOOD.replace(from, to)), "{from}");
    }
    let limits =
        crate::limits::tests::text().replace("price_collar_bp = 50", "price_collar_bp = 51");
    let other = parse_with(GOOD, &limits, &Overrides::default()).expect("good");
    assert_ne!(hash(GOOD), other.hash(), "limits");
}

#[test]
fn overrides_replace_and_an_unknown_strategy_is_told() {
    let limits = crate::limits::tests::text();
    let overrides = Overrides {
        recording: Some("other.clrec".into()),
        speed: Some(Speed::Max),
        ..Overrides::default()
    };
    let config = parse_with(GOOD, &limits, &overrides).expect("good");
    assert_eq!(config.data.recording, Path::new("other.clrec"));
    assert_eq!(config.data.speed, Speed::Max);
    let overrides = Overrides { strategy: Some("nobody".into()), ..Overrides::default() };
    let failure = parse_with(GOOD, &limits, &overrides).expect_err("refused");
    assert!(failure.to_string().contains("key=--strategy found=\"nobody\""), "{failure}");
}

const TWO_MORE: &str = r#"
[[strategy]]
name = "quotes"
kind = "quoting"
instrument = "BTCUSDT"
qty_lots = 5
max_inventory_lots = 20
gamma_e6 = 100
kappa_e6 = 50000
horizon_ms = 10000
sigma_bars = 20
requote_ticks = 3
pause_ms = 250

[[strategy]]
name = "back"
kind = "mean-reversion"
instrument = "BTCUSDT"
qty_lots = 7
window_bars = 30
entry_z_e3 = 2000
exit_z_e3 = 500
order_ttl_ms = 4000
hold_ms = 9000
"#;

#[test]
fn the_parameters_of_quoting_and_mean_reversion_arrive_in_their_units() {
    let config = parse(&format!("{GOOD}{TWO_MORE}")).expect("good");
    let quoting = StrategyParams::Quoting(engine::strategy::quoting::Params {
        qty_lots: wire::QtyLots(5),
        max_inventory_lots: 20,
        gamma_e6: 100,
        kappa_e6: 50_000,
        horizon_ns: 10_000_000_000,
        sigma_bars: 20,
        requote_ticks: 3,
        pause_ns: 250_000_000,
    });
    assert_eq!(config.strategies[1].params, quoting);
    let back = StrategyParams::MeanReversion(engine::strategy::mean_reversion::Params {
        qty_lots: wire::QtyLots(7),
        window_bars: 30,
        entry_z_e3: 2_000,
        exit_z_e3: 500,
        order_ttl_ns: 4_000_000_000,
        hold_ns: 9_000_000_000,
    });
    assert_eq!(config.strategies[2].params, back);
    assert!(!quoting.uses_signal() && !back.uses_signal());
    let effective = config.effective();
    assert_eq!(effective["strategy"][1]["params"]["kind"], "quoting");
    assert_eq!(effective["strategy"][1]["params"]["pause_ns"], 250_000_000);
    assert_eq!(effective["strategy"][2]["params"]["kind"], "mean-reversion");
    assert_eq!(effective["strategy"][2]["params"]["hold_ns"], 9_000_000_000_u64);
}

/// Each key of the two is required, bounded, and part of the hash.
#[test]
fn every_parameter_of_quoting_and_mean_reversion_counts() {
    let good = format!("{GOOD}{TWO_MORE}");
    let hash = parse(&good).expect("good").hash();
    let parameters = TWO_MORE.lines().filter(|line| !line.contains('"') && line.contains('='));
    let mut seen = 0;
    for line in parameters {
        let (key, value) = line.split_once(" = ").expect("key = value");
        let value: i64 = value.parse().expect("a number");
        let (before, after) = good.rsplit_once(line).expect("there");
        let with = |line: &str| format!("{before}{line}{after}");
        let more = parse(&with(&format!("{key} = {}", value + 1))).expect("still good");
        assert_ne!(more.hash(), hash, "{key}");
        let all = complaints(&with(&format!("{key} = -1")));
        assert!(all.contains(&format!(".{key} found=-1 allowed=(a whole number from")), "{all}");
        let all = complaints(&with(""));
        assert!(all.contains(&format!(".{key} found=nothing")), "{all}");
        seen += 1;
    }
    assert_eq!(seen, 14);
}

#[test]
fn parameters_of_quoting_and_mean_reversion_that_contradict_each_other_are_refused() {
    for (from, to, key) in [
        ("max_inventory_lots = 20", "max_inventory_lots = 4", "strategy[1].max_inventory_lots"),
        ("exit_z_e3 = 500", "exit_z_e3 = 2000", "strategy[2].exit_z_e3"),
        ("hold_ms = 9000", "hold_ms = 4000", "strategy[2].hold_ms"),
    ] {
        let all = complaints(&format!("{GOOD}{}", TWO_MORE.replace(from, to)));
        assert!(all.contains(key) && all.contains("out of relation"), "{all}");
    }
}

fn with_set(settings: &[(&str, &str, &str)]) -> Result<Config, Failure> {
    let set = settings.iter().map(|(strategy, key, value)| Setting {
        strategy: (*strategy).to_owned(),
        key: (*key).to_owned(),
        value: (*value).to_owned(),
    });
    let overrides = Overrides { set: set.collect(), ..Overrides::default() };
    parse_with(&format!("{GOOD}{TWO_MORE}"), &crate::limits::tests::text(), &overrides)
}

#[test]
fn a_parameter_set_from_outside_is_that_of_the_file() {
    let text = format!("{GOOD}{TWO_MORE}").replace("gamma_e6 = 100", "gamma_e6 = 7");
    let file = parse(&text).expect("good");
    let set = with_set(&[("quotes", "gamma_e6", "7")]).expect("good");
    assert_eq!(set.strategies, file.strategies);
    assert_eq!(set.hash(), file.hash());
    // Two together, which alone would contradict the file.
    let set = [("back", "entry_z_e3", "400"), ("back", "exit_z_e3", "300")];
    assert!(with_set(&set[..1]).is_err());
    assert!(with_set(&set).is_ok());
}

#[test]
fn a_bad_setting_is_one_line_with_argument_found_and_allowed() {
    for (set, parts) in [
        (
            ("quotes", "gamma_e6", "0"),
            "key=--set=quotes.gamma_e6 found=0 allowed=(a whole number from 1 to 1000000)",
        ),
        (
            ("quotes", "gamma_e6", "low"),
            "key=--set=quotes.gamma_e6 found=\"low\" allowed=(a whole number)",
        ),
        (
            ("quotes", "gama_e6", "5"),
            "key=--set=quotes.gama_e6 found=unknown key (integer) allowed=(one of the keys gamma_e6",
        ),
        (
            ("nobody", "gamma_e6", "5"),
            "key=--set=nobody.gamma_e6 found=\"nobody\" allowed=(one of the strategies taker, \
             quotes, back)",
        ),
        (
            ("quotes", "kind", "\"momentum\""),
            "key=--set=quotes.kind found=\"kind\" allowed=(a parameter of the strategy",
        ),
        (
            ("back", "hold_ms", "4000"),
            "key=--set=back.hold_ms found=a value out of relation allowed=(above order_ttl_ms)",
        ),
    ] {
        let all = with_set(&[set]).expect_err("refused").to_string();
        assert_eq!(all.lines().count(), 1, "{all}");
        assert!(all.contains(parts) && all.contains("next: correct the argument"), "{all}");
        assert!(!all.contains("line="), "{all}");
    }
    let overrides = Overrides {
        strategy: Some("taker".into()),
        set: vec![Setting { strategy: "back".into(), key: "hold_ms".into(), value: "9".into() }],
        ..Overrides::default()
    };
    let text = format!("{GOOD}{TWO_MORE}");
    let limits = crate::limits::tests::text();
    let failure = parse_with(&text, &limits, &overrides).expect_err("refused");
    let all = failure.to_string();
    assert!(
        all.contains("key=--set=back.hold_ms found=\"back\"") && all.contains("taker)"),
        "{all}"
    );
}

#[test]
fn problems_of_the_limits_file_are_told_with_those_of_the_configuration() {
    let limits = crate::limits::tests::text().replace("epoch = 7", "epoch = 0");
    let text = GOOD.replace("speed = 8", "speed = 0");
    let failure = parse_with(&text, &limits, &Overrides::default()).expect_err("refused");
    let all = failure.to_string();
    assert!(all.contains("demo.toml line=8 key=data.speed found=0"), "{all}");
    assert!(all.contains("limits.toml line=1 key=epoch found=0"), "{all}");
}
