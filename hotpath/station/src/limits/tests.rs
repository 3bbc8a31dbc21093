//! The reader, the join, signatures and epochs: each problem with the text of its complaint.

mod desk;

use super::changes::{Target, frames};
use super::desk::Desk;
use super::*;
use engine::limits::{FieldSpec, LimitSet, pair_bit};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use wire::instrument::{Instrument, padded};
use wire::order::{OrdType, TimeInForce};
use wire::risk::{ChangeSource, EpochStage, LimitField, Scope};
use wire::station::Mode;
use wire::{Frame, InstrumentId, QtyLots, StrategyId, VenueId};

/// A good file: one symbol, one strategy, one venue.
pub(crate) fn text() -> String {
    fn row<R: Row>(name: &str, values: &[(LimitField, i64)]) -> String {
        let value = |spec: &FieldSpec| {
            let given = values.iter().find(|(field, _)| *field == spec.field).map(|(_, v)| *v);
            given.unwrap_or_else(|| R::LOOSEST.get(spec.field).expect("its own"))
        };
        let line = |spec: &FieldSpec| format!("{} = {}\n", spec.field.name(), value(spec));
        format!("[{name}]\n{}", R::fields().iter().map(line).collect::<String>())
    }
    let symbol = [
        (LimitField::MaxOrderQty, 1_000),
        (LimitField::PriceCollarBp, 50),
        (LimitField::MaxLong, 500),
        (LimitField::MaxShort, 500),
        (LimitField::DuplicateWindow, 1_000),
    ];
    format!(
        "epoch = 7\n{}{}{}{}order_types = [\"limit/gtc\", \"limit/ioc\"]\n\
         strategies = [\"taker\"]\nfx = \"base\"\nband = \"none\"\nlocate = \"free\"\n",
        row::<FirmLimits>("firm", &[]),
        row::<VenueLimits>("venue.sim", &[]),
        row::<StrategyLimits>("strategy.taker", &[]),
        row::<SymbolLimits>("symbol.BTCUSDT", &symbol),
    )
}

fn instrument(symbol: &str) -> Instrument {
    let mut row: Instrument = bytemuck::Zeroable::zeroed();
    row.symbol = padded(symbol).expect("fits");
    row.header.venue_id = VenueId(3);
    row.min_qty_lots = QtyLots(1);
    row
}

fn roster() -> Roster {
    let member = Member { name: "taker".to_owned(), symbol: "BTCUSDT".to_owned() };
    Roster {
        instruments: vec![instrument("BTCUSDT")],
        strategies: vec![member],
        left_out: Vec::new(),
        venues: vec![("sim".to_owned(), VenueId(3))],
    }
}

fn parse(text: &str) -> Result<LimitsFile, Failure> {
    LimitsFile::parse(Path::new("limits.toml"), text.as_bytes().to_vec())
}

fn good() -> LimitsFile {
    parse(&text()).unwrap_or_else(|failure| panic!("{failure}"))
}

fn set() -> LimitSet {
    good().join(&roster()).unwrap_or_else(|failure| panic!("{failure}"))
}

/// A desk for a session that runs the good file.
pub(crate) fn desk() -> Desk {
    Desk::new(roster(), None, Some(set()))
}

/// The text with one replacement that must hit.
fn with(from: &str, to: &str) -> String {
    let changed = text().replacen(from, to, 1);
    assert_ne!(changed, text(), "{from}");
    changed
}

fn complaint(text: &str, parts: &[&str]) {
    let failure = parse(text).expect_err("refused");
    assert_eq!(failure.exit, Exit::Configuration);
    let all = failure.to_string();
    for part in parts {
        assert!(all.contains(part), "`{part}` in:\n{all}");
    }
}

#[test]
fn a_good_file_means_what_it_says() {
    let file = good();
    assert_eq!((file.epoch, file.bytes.len()), (7, text().len()));
    assert_eq!(file.firm, FirmLimits::LOOSEST);
    let symbol = &file.symbols[0];
    assert_eq!((symbol.name.as_str(), symbol.row.limits.price_collar_bp), ("BTCUSDT", 50));
    let limit = |tif| pair_bit(OrdType::Limit, tif);
    assert_eq!(symbol.row.order_types, limit(TimeInForce::Gtc) | limit(TimeInForce::Ioc));
    assert_eq!((symbol.row.fx, symbol.row.band_due), (FxSource::Base, false));
    assert_eq!(symbol.row.adv_lots, None);
    let set = set();
    assert_eq!(set.venues, [(VenueId(3), VenueLimits::LOOSEST)]);
    assert_eq!(set.symbols[0].expect("row").rules.strategies, 1);
}

#[test]
fn the_hash_is_of_the_bytes_as_read() {
    // FIPS 180-2, appendix B.1.
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(text_of_hash(&hash_hex(b"abc")), abc);
    let other = parse(&format!("{}# one byte more\n", text())).expect("good");
    assert_ne!(good().sha256, other.sha256);
    assert_eq!(other.epoch, good().epoch);
}

#[test]
fn every_limit_of_every_row_is_required_and_bounded() {
    fn each<R: Row>(section: &str) {
        for spec in R::fields() {
            let name = spec.field.name();
            let head = text().find(&format!("[{section}]")).expect("section");
            let at = head + text()[head..].find(&format!("\n{name} = ")).expect("key") + 1;
            let end = at + text()[at..].find('\n').expect("line");
            let key = format!("key={section}.{name}");
            let put = |line: &str| format!("{}{line}{}", &text()[..at], &text()[end..]);
            complaint(&put(""), &[&format!("{key} found=nothing")]);
            let (low, high) = (*spec.range.start(), *spec.range.end());
            let allowed = format!("allowed=(a whole number from {low} to {high})");
            for bad in [low - 1, high.saturating_add(1)].into_iter().filter(|bad| *bad != high) {
                let found = format!("{key} found={bad}");
                complaint(&put(&format!("{name} = {bad}")), &[&found, &allowed]);
            }
            for (bad, found) in [
                ("nan", "nan (not finite)"),
                ("-inf", "-inf (not finite)"),
                ("1.0", "1.0"),
                ("\"5\"", "\"5\""),
                ("true", "true"),
                ("9223372036854775808", "9223372036854775808"),
            ] {
                let found = format!("{key} found={found} {allowed}");
                complaint(&put(&format!("{name} = {bad}")), &[&found]);
            }
        }
    }
    each::<FirmLimits>("firm");
    each::<VenueLimits>("venue.sim");
    each::<StrategyLimits>("strategy.taker");
    each::<SymbolLimits>("symbol.BTCUSDT");
}

#[test]
fn every_problem_of_a_file_is_told_in_one_run() {
    let text = with("epoch = 7", "epoch = -1\nfrobnicate = 1")
        .replace("price_collar_bp = 50", "price_collar_bp = nan\nprice_colar_bp = 50")
        .replace("fx = \"base\"", "fx = \"euro\"")
        .replace("\"limit/ioc\"", "\"limit/soon\"");
    complaint(
        &text,
        &[
            "line=1 key=epoch found=-1",
            "line=2 key=frobnicate found=unknown key (integer)",
            "key=symbol.BTCUSDT.price_collar_bp found=nan (not finite)",
            "key=symbol.BTCUSDT.price_colar_bp found=unknown key (integer)",
            "key=symbol.BTCUSDT.fx found=\"euro\" allowed=(\"base\" or \"feed\")",
            "key=symbol.BTCUSDT.order_types found=\"limit/soon\" allowed=(one of market/day",
        ],
    );
}

#[test]
fn missing_sections_rules_and_rows_are_problems() {
    complaint("# nothing\n", &["key=epoch found=nothing", "key=firm found=nothing"]);
    for group in ["venue", "strategy", "symbol"] {
        complaint("epoch = 1\n", &[&format!("key={group} found=nothing")]);
    }
    complaint("firm = 3\n", &["key=firm found=integer allowed=(a table)"]);
    for key in ["order_types", "strategies", "fx", "band", "locate"] {
        let at = text().find(&format!("\n{key} = ")).expect("key");
        let end = at + 1 + text()[at + 1..].find('\n').expect("line");
        let cut = format!("{}{}", &text()[..at], &text()[end..]);
        complaint(&cut, &[&format!("key=symbol.BTCUSDT.{key} found=nothing")]);
    }
    let empty = with("strategies = [\"taker\"]", "strategies = []");
    complaint(&empty, &["key=symbol.BTCUSDT.strategies found=an empty list"]);
    let twice = with("strategies = [\"taker\"]", "strategies = [\"taker\", \"taker\"]");
    complaint(&twice, &["key=symbol.BTCUSDT.strategies found=\"taker\""]);
    let nobody = with("strategies = [\"taker\"]", "strategies = [\"nobody\"]");
    complaint(&nobody, &["key=symbol.BTCUSDT.strategies found=\"nobody\""]);
}

#[test]
fn duplicates_are_named_and_the_rest_is_read_on() {
    let text = with("epoch = 7", "epoch = 7\nepoch = 8").replace("fx = \"base\"", "fx = \"euro\"");
    complaint(&text, &["line=2 key=epoch found=a second time", "key=symbol.BTCUSDT.fx"]);
    let text = format!("{}[symbol.BTCUSDT]\nprice_collar_bp = 60\n", self::text());
    complaint(&text, &["key=BTCUSDT found=a second time", "key=price_collar_bp found=a second"]);
}

#[test]
fn a_file_that_is_no_such_text_is_told() {
    let whole = |bytes: &[u8], part: &str| {
        let failure = LimitsFile::parse(Path::new("l"), bytes.to_vec()).expect_err("refused");
        assert!(failure.to_string().contains(part), "{failure}");
    };
    whole(b"", "key=(file) found=an empty file");
    whole("\u{feff}epoch = 1\n".as_bytes(), "a byte order mark");
    whole(b"epoch = \xff\n", "no UTF-8");
    whole(b"epoch = \n", "line=1 key=(syntax)");
    whole(b"\"a\\nb\" = 1\n", "key=a\\nb found=unknown key");
}

/// Wherever a file is broken, it is refused or is a file within every range: never a panic, never
/// a value out of range.
#[test]
fn a_file_with_any_byte_changed_is_refused_or_within_its_ranges() {
    let good = text().into_bytes();
    let mut taken = 0;
    for at in 0..good.len() {
        for byte in *b"0-.\"[]=\n \xff" {
            let mut bytes = good.clone();
            bytes[at] = byte;
            let Ok(file) = LimitsFile::parse(Path::new("l"), bytes) else { continue };
            taken += 1;
            assert!(file.epoch >= 1);
            assert!(file.firm.outside().is_empty());
            assert!(file.venues.iter().all(|named| named.row.outside().is_empty()));
            assert!(file.strategies.iter().all(|named| named.row.outside().is_empty()));
            let symbols = &file.symbols;
            assert!(symbols.iter().all(|named| named.row.limits.outside().is_empty()));
            assert!(symbols.iter().all(|named| named.row.order_types != 0));
        }
    }
    assert!(taken > 100, "{taken}: a digit may change");
}

#[test]
fn limits_that_could_never_bind_are_refused() {
    for (from, to, key) in [
        ("max_order_qty_lots = 1000", "max_order_qty_lots = 1001", "max_order_qty_lots found=1001"),
        ("qty_step_lots = 1\n", "qty_step_lots = 2000\n", "qty_step_lots found=2000"),
        ("max_gross_e9 = 9000000000000000000", "max_gross_e9 = 5", "firm.max_net_e9"),
        ("message_burst = 1000000", "message_burst = 5", "venue.sim.order_burst"),
    ] {
        complaint(&with(from, to), &[key, "allowed=(at most "]);
    }
}

#[test]
fn files_that_others_may_write_and_what_is_no_file_are_refused() {
    let dir = tempfile::tempdir().expect("folder");
    let path = dir.path().join("limits.toml");
    let refused = |exit, part: &str| {
        let failure = LimitsFile::load(&path).expect_err("refused");
        assert_eq!(failure.exit, exit, "{failure}");
        assert!(failure.to_string().contains(part), "{failure}");
    };
    refused(Exit::Resource, "key=(file) found=nothing");
    fs::create_dir(&path).expect("folder");
    refused(Exit::Configuration, "found=no regular file");
    fs::remove_dir(&path).expect("removed");
    fs::write(&path, text()).expect("written");
    assert_eq!(LimitsFile::load(&path).expect("good").sha256, good().sha256);
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    mode(&path, 0o666).expect("mode");
    refused(Exit::Configuration, "key=(mode) found=0666, world-writable");
    mode(&path, 0o644).expect("mode");
    mode(dir.path(), 0o777).expect("mode");
    refused(Exit::Configuration, "key=(mode) found=0777, world-writable");
    mode(dir.path(), 0o700).expect("mode");
    let link = dir.path().join("link.toml");
    std::os::unix::fs::symlink(&path, &link).expect("link");
    assert_eq!(LimitsFile::load(&link).expect("a link is fine").epoch, 7);
    let size = usize::try_from(FILE_MAX).expect("small");
    fs::write(&path, "#".repeat(size + 1)).expect("written");
    refused(Exit::Configuration, "found=more than 1048576 bytes");
}

#[test]
fn the_join_names_strangers_and_what_lacks_a_row() {
    let complaint = |text: &str, roster: &Roster, parts: &[&str]| {
        let failure = parse(text).expect("good alone").join(roster).expect_err("refused");
        for part in parts {
            assert!(failure.to_string().contains(part), "`{part}` in:\n{failure}");
        }
    };
    let mut other = roster();
    other.instruments = vec![instrument("ETHUSDT")];
    complaint(&text(), &other, &["key=symbol.BTCUSDT found=\"BTCUSDT\" allowed=(one of ETHUSDT)"]);
    let mut more = roster();
    more.strategies.push(Member { name: "mom".to_owned(), symbol: "ETHUSDT".to_owned() });
    more.instruments.push(instrument("ETHUSDT"));
    more.venues.push(("second".to_owned(), VenueId(4)));
    complaint(
        &text(),
        &more,
        &[
            "key=strategy.mom found=nothing",
            "key=symbol.ETHUSDT found=nothing",
            "key=venue.second found=nothing",
        ],
    );
    let mut renamed = roster();
    renamed.strategies[0].name = "giver".to_owned();
    renamed.venues[0].0 = "real".to_owned();
    complaint(
        &text(),
        &renamed,
        &[
            "key=strategy.taker found=\"taker\" allowed=(one of giver)",
            "key=strategy.giver found=nothing",
            "key=symbol.BTCUSDT.strategies found=\"taker\" allowed=(a list with \"giver\"",
            "key=venue.sim found=\"sim\" allowed=(one of real)",
        ],
    );
    let mut coarse = roster();
    coarse.instruments[0].min_qty_lots = QtyLots(5_000);
    complaint(&text(), &coarse, &["max_order_qty_lots found=1000 allowed=(at least the venue's"]);
    // A strategy that this session leaves out keeps its rows.
    let mut fewer = roster();
    fewer.left_out = vec![fewer.strategies.remove(0).name];
    let set = good().join(&fewer).expect("left out is known");
    assert_eq!((set.strategies.len(), set.symbols[0].expect("row").rules.strategies), (0, 0));
}

/// A folder with a key pair and the good file.
fn signed_folder() -> (tempfile::TempDir, PathBuf, PathBuf, PathBuf) {
    let dir = tempfile::tempdir().expect("folder");
    let (private, public) = sign::keygen(dir.path()).expect("keys");
    let path = dir.path().join("limits.toml");
    fs::write(&path, text()).expect("written");
    (dir, path, private, public)
}

#[test]
fn a_signature_holds_for_these_bytes_and_this_key_alone() {
    let (dir, path, private, public) = signed_folder();
    assert_eq!(fs::metadata(&private).expect("key").permissions().mode() & 0o777, 0o600);
    assert!(sign::keygen(dir.path()).is_err(), "a key is never written over");
    let key = sign::PublicKey::read(&public).expect("key");
    let file = LimitsFile::load(&path).expect("good");
    let missing = key.verify(&file).expect_err("no signature");
    assert!(missing.to_string().contains("limits.toml.sig"), "{missing}");
    sign::sign(&private, &file).expect("signed");
    key.verify(&file).expect("fits");
    // One byte of the file.
    let other = parse(&with("epoch = 7", "epoch = 8")).expect("good");
    let tampered = LimitsFile { path: path.clone(), ..other };
    let wrong = key.verify(&tampered).expect_err("tampered").to_string();
    assert!(wrong.contains("key=(signature)") && wrong.contains(tampered.sha256_text()), "{wrong}");
    // Another key.
    let elsewhere = tempfile::tempdir().expect("folder");
    let (_, stranger) = sign::keygen(elsewhere.path()).expect("keys");
    assert!(sign::PublicKey::read(&stranger).expect("key").verify(&file).is_err());
    // One digit of the signature; no signature at all.
    let sig = sign::signature_path(&path);
    let mut hex = fs::read(&sig).expect("signature");
    hex[0] = if hex[0] == b'0' { b'1' } else { b'0' };
    fs::write(&sig, &hex).expect("written");
    assert!(key.verify(&file).is_err());
    fs::write(&sig, "not hex\n").expect("written");
    let damaged = key.verify(&file).expect_err("damaged").to_string();
    assert!(damaged.contains("allowed=(one line of 128 hex digits)"), "{damaged}");
    // A key others may read signs nothing.
    fs::set_permissions(&private, fs::Permissions::from_mode(0o640)).expect("mode");
    let open = sign::sign(&private, &file).expect_err("refused").to_string();
    assert!(open.contains("key=(mode) found=0640"), "{open}");
}

#[test]
fn a_station_takes_only_what_is_signed_where_it_must_be() {
    let (_dir, path, private, public) = signed_folder();
    let file = LimitsFile::load(&path).expect("good");
    let unsigned = Source { file: path, public_key: None, state: None };
    assert_eq!(unsigned.admit(&file, None).expect("dev").len(), 2, "both are said");
    let refused = unsigned.admit(&file, Some("live is signed")).expect_err("live").to_string();
    assert!(refused.contains("key=limits.public_key found=nothing"), "{refused}");
    let signed = Source { public_key: Some(public), ..unsigned };
    assert!(signed.admit(&file, None).is_err(), "a key that is named is used");
    sign::sign(&private, &file).expect("signed");
    assert_eq!(signed.admit(&file, Some("live is signed")).expect("signed").len(), 1);
}

#[test]
fn an_epoch_never_goes_back_nor_stands_for_two_files() {
    let dir = tempfile::tempdir().expect("folder");
    let state = EpochState::new(&dir.path().join("state"));
    let file = good();
    assert_eq!(state.last().expect("none"), None);
    state.check(&file).expect("the first");
    state.take(&file).expect("kept");
    assert_eq!(state.last().expect("kept"), Some((7, file.sha256_text().to_owned())));
    state.check(&file).expect("the same again");
    let older = parse(&with("epoch = 7", "epoch = 6")).expect("good");
    let refused = state.check(&older).expect_err("stale").to_string();
    assert!(refused.contains("key=epoch found=6 allowed=(7 or above: a stale epoch)"), "{refused}");
    let changed = parse(&format!("{}# changed\n", text())).expect("good");
    let refused = state.check(&changed).expect_err("changed").to_string();
    assert!(refused.contains("found=7 again, with another file"), "{refused}");
    let newer = parse(&with("epoch = 7", "epoch = 8")).expect("good");
    state.check(&newer).expect("newer");
    fs::write(dir.path().join("state/limits.epoch"), "7\n").expect("written");
    let damaged = state.check(&newer).expect_err("damaged").to_string();
    assert!(damaged.contains("key=(state)"), "{damaged}");
}

#[test]
fn frames_carry_every_value_between_begin_and_commit() {
    let set = set();
    let frames = frames(&set);
    let fields = FirmLimits::fields().len()
        + VenueLimits::fields().len()
        + StrategyLimits::fields().len()
        + SymbolLimits::fields().len();
    assert_eq!(frames.len(), fields + 2);
    let mut rebuilt = LimitSet { firm: FirmLimits::LOOSEST, ..set.clone() };
    rebuilt.strategies = vec![Some(StrategyLimits::LOOSEST)];
    rebuilt.venues = vec![(VenueId(3), VenueLimits::LOOSEST)];
    if let Some(row) = &mut rebuilt.symbols[0] {
        row.limits = SymbolLimits::LOOSEST;
    }
    assert_ne!(rebuilt, set);
    for (i, frame) in frames.iter().enumerate() {
        let mut words = vec![0_u64; frame.len() / 8];
        bytemuck::cast_slice_mut(&mut words).copy_from_slice(frame);
        let decoded = wire::decode(bytemuck::cast_slice(&words)).expect("decodes");
        if i == 0 || i == frames.len() - 1 {
            let Frame::LimitsEpoch(edge) = decoded else { panic!("{decoded:?}") };
            assert_eq!((edge.epoch, edge.sha256), (7, set.sha256));
            let expected = if i == 0 { EpochStage::Begin } else { EpochStage::Commit };
            assert_eq!(edge.stage, expected.code());
        } else {
            let Frame::LimitChange(change) = decoded else { panic!("{decoded:?}") };
            let target = Target::of(&change.header).expect("one");
            assert_eq!(target.scope().code(), change.scope);
            assert_eq!(change.source, ChangeSource::Epoch.code());
            let field = LimitField::from_code(change.field).expect("field");
            assert!(target.set(&mut rebuilt, field, change.value));
        }
    }
    assert_eq!(rebuilt, set, "the frames say all of it");
}
