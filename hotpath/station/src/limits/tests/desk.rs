//! Changes while a station runs: only tighter, or a whole signed file, and nothing of a bad one.

use super::*;

#[test]
fn at_run_time_limits_only_tighten() {
    let mut desk = super::desk();
    let ask =
        |target, field, value| changes::change(target, field, value, 5, ChangeSource::Runtime);
    let symbol = Target::Symbol(InstrumentId(0));
    let refused = |desk: &Desk, change, part: &str| {
        let why = desk.tighten(&change).expect_err("refused");
        assert!(why.contains(part), "{part:?} in {why}");
    };
    for (field, value, part) in [
        (LimitField::MaxLong, 501, "allowed=(below 500)"),
        (LimitField::MaxLong, 500, "no tighter than 500"),
        (LimitField::MaxLong, -1, "allowed=(a whole number from 0"),
        (LimitField::DuplicateWindow, 999, "allowed=(above 1000)"),
        (LimitField::MaxGross, 5, "symbol:BTCUSDT has no max_gross_e9"),
    ] {
        refused(&desk, ask(symbol, field, value), part);
    }
    refused(&desk, ask(Target::Symbol(InstrumentId(1)), LimitField::MaxLong, 1), "no such symbol");
    let epoch = changes::change(symbol, LimitField::MaxLong, 1, 5, ChangeSource::Epoch);
    refused(&desk, epoch, "run time");
    let mut odd = ask(symbol, LimitField::MaxLong, 1);
    odd.scope = Scope::Firm.code();
    refused(&desk, odd, "do not fit");
    let change = desk.tighten(&ask(symbol, LimitField::MaxLong, 100)).expect("tighter");
    assert!(desk.tightened(&change).ends_with("max_long_lots 500 -> 100"));
    refused(&desk, ask(symbol, LimitField::MaxLong, 200), "no tighter than 100");
    desk.tighten(&ask(symbol, LimitField::DuplicateWindow, 1_001)).expect("a longer window");
    let strategy = Target::Strategy(StrategyId(0));
    desk.tighten(&ask(strategy, LimitField::MaxDailyLoss, 1)).expect("a strategy's");
    desk.tighten(&ask(Target::Venue(VenueId(3)), LimitField::OrderBurst, 1)).expect("a venue's");
    desk.tighten(&ask(Target::Firm, LimitField::MaxGross, 1)).expect("the firm's");
    let status = desk.status();
    assert_eq!(status["tightened"][0]["of"], "symbol:BTCUSDT");
    assert_eq!(status["tightened"][0]["file"], 500);
    assert_eq!(status["tightened"][0]["value"], 100);
    assert_eq!(Desk::default().status(), Value::Null);
}

/// A desk with a signed file of its own, and what a file of another epoch needs to be taken.
struct Office {
    _dir: tempfile::TempDir,
    path: PathBuf,
    private: PathBuf,
    state: EpochState,
    desk: Desk,
}

impl Office {
    fn open() -> Self {
        let (dir, path, private, public) = signed_folder();
        let state = EpochState::new(dir.path());
        let source =
            Source { file: path.clone(), public_key: Some(public), state: Some(state.clone()) };
        let desk = Desk::new(roster(), Some(source), Some(set()));
        Self { _dir: dir, path, private, state, desk }
    }

    /// Writes a file, signs it where it is to be, and asks for it.
    fn load(&mut self, text: &str, is_signed: bool, mode: Mode) -> Result<String, String> {
        fs::write(&self.path, text).expect("written");
        let bytes = text.as_bytes().to_vec();
        let asked = match LimitsFile::parse(&self.path, bytes) {
            Ok(file) => {
                if is_signed {
                    sign::sign(&self.private, &file).expect("signed");
                }
                changes::stage(file.epoch, file.sha256, EpochStage::Begin)
            }
            Err(_) => changes::stage(8, hash_hex(text.as_bytes()), EpochStage::Begin),
        };
        self.desk.load(&asked, mode)
    }
}

#[test]
fn a_file_is_taken_whole_signed_newer_and_in_maintenance() {
    let mut office = Office::open();
    let looser =
        with("epoch = 7", "epoch = 8").replace("max_long_lots = 500", "max_long_lots = 600");
    let before = office.desk.status();
    for (text, is_signed, mode, part) in [
        (looser.as_str(), true, Mode::Live, "mode is LIVE, not MAINTENANCE"),
        (&with("epoch = 7", "epoch = 9"), false, Mode::Maintenance, "key=(signature)"),
        (&with("epoch = 7", "epoch = 6"), true, Mode::Maintenance, "stale epoch"),
        (&text(), true, Mode::Maintenance, "allowed=(above 7): a stale epoch"),
        (
            &looser
                .replace("fx = \"base\"", "fx = \"feed\"")
                .replace("band = \"none\"", "band = \"venue\""),
            true,
            Mode::Maintenance,
            "symbol.BTCUSDT: fx cannot change while it runs; restart\n\
             symbol.BTCUSDT: band cannot change",
        ),
        (&looser.replace("taker", "giver"), true, Mode::Maintenance, "key=strategy.giver"),
        (
            &looser.replace("max_spread_ticks = 1", "max_spread_ticks = -1"),
            true,
            Mode::Maintenance,
            "max_spread_ticks found=-1",
        ),
    ] {
        let why = office.load(text, is_signed, mode).expect_err("refused");
        assert!(why.contains(part), "`{part}` in: {why}");
        assert_eq!(office.desk.status(), before, "what runs stays");
        assert_eq!(office.desk.upcoming(), None);
        assert_eq!(office.state.last().expect("state"), None, "no epoch is spent");
    }
    let symbol = Target::Symbol(InstrumentId(0));
    let ask =
        |value| changes::change(symbol, LimitField::MaxShort, value, 1, ChangeSource::Runtime);
    let change = office.desk.tighten(&ask(10)).expect("tighter");
    office.desk.tightened(&change);
    let said = office.load(&looser, true, Mode::Maintenance).expect("taken");
    assert!(said.starts_with("taken up: epoch 8 sha256 "), "{said}");
    assert!(office.desk.tighten(&ask(5)).expect_err("busy").contains("being taken"));
    assert!(
        office.load(&looser, true, Mode::Maintenance).expect_err("busy").contains("being taken")
    );
    let mut count = 0;
    while office.desk.upcoming().is_some() {
        assert_eq!(office.desk.status()["epoch"], 7, "not before its commit");
        office.desk.passed();
        count += 1;
    }
    assert_eq!(count, frames(&set()).len());
    let status = office.desk.status();
    assert_eq!((&status["epoch"], &status["taking"]), (&json!(8), &json!(false)));
    assert_eq!(status["tightened"], json!([]), "a new file ends the session's tightenings");
    assert_eq!(office.state.last().expect("state").expect("kept").0, 8);
    office.desk.tighten(&ask(499)).expect("from the new file's value");
}

#[test]
fn another_file_than_the_operator_looked_at_is_not_taken() {
    let mut office = Office::open();
    let newer = parse(&with("epoch = 7", "epoch = 8")).expect("good");
    let asked = changes::stage(newer.epoch, newer.sha256, EpochStage::Begin);
    let why = office.desk.load(&asked, Mode::Maintenance).expect_err("refused");
    assert!(why.contains("epoch=7") && why.contains("not what was asked for"), "{why}");
}
