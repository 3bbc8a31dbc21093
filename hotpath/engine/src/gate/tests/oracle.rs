//! The gate beside a naive oracle in 128 bits, over random worlds: the groups of size and exposure.

use super::*;
use proptest::prelude::*;

/// Numbers that proptest draws and shrinks, taken one after another.
pub(super) struct Draws {
    words: Vec<u64>,
    next: usize,
}

impl Draws {
    pub(super) const fn new(words: Vec<u64>) -> Self {
        Self { words, next: 0 }
    }

    fn word(&mut self) -> u64 {
        self.next += 1;
        self.words.get(self.next - 1).copied().unwrap_or(0)
    }

    fn flag(&mut self) -> bool {
        self.word() % 2 == 1
    }

    /// One of these, or near one of these.
    fn near(&mut self, choices: &[i64]) -> i64 {
        let word = self.word();
        let place = usize::try_from(word & 0xffff).expect("small") % choices.len();
        let off = i64::try_from(word >> 32 & 7).expect("small") - 3;
        let off = if off.abs() == 3 { 0 } else { off };
        choices[place].saturating_add(off)
    }
}

pub(super) fn draws() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(any::<u64>(), 64)
}

/// Large enough to leave 64 bits in products, small enough that three of them do not in sums.
const LARGE: i64 = 1 << 60;

/// Changes order and world at random; `most` bounds what lots and money may be.
pub(super) fn shake(r: &mut Rig, d: &mut Draws, most: i64) {
    shake_order(r, d, most);
    let lots = [0, 0, 50, 100, 300, 700, 800, 900, -100, -300, -700, most, -most];
    let sums = [0, 0, 0, E9, 80 * E9, 90 * E9, 190 * E9, 290 * E9, 390 * E9, 400 * E9, most];
    (r.symbol.position_lots, r.strategy.position_lots) = (d.near(&lots), d.near(&lots));
    let mut working = || d.near(&lots).max(0);
    (r.symbol.buy_lots, r.symbol.sell_lots) = (working(), working());
    (r.strategy.buy_lots, r.strategy.sell_lots) = (working(), working());
    (r.symbol.adv_lots, r.linked_lots) = (working().saturating_mul(200), working() % 200);
    (r.symbol.ask_depth_lots, r.symbol.bid_depth_lots) =
        (working().saturating_mul(2), working().saturating_mul(2));
    let mut money = || d.near(&sums);
    (r.symbol.open_e9, r.firm.exposure.open_e9) = (money(), money());
    (r.firm.exposure.gross_e9, r.symbol.contribution.gross_e9) = (money(), money());
    (r.firm.exposure.up_e9, r.firm.exposure.down_e9) = (money(), money());
    (r.firm.exposure.var_e9, r.firm.exposure.unknown_e9) = (money(), money());
    (r.firm.var_e9, r.venue.claimed_e9) = (money(), money());
    r.firm.unknown_orders = d.near(&[0, 1, 3]);
    r.symbol.open_orders = d.near(&[0, 9, 20]);
    r.firm.var_external = d.flag();
    r.firm.var_ns = NOW;
    r.symbol.var_slope_e9 = d.near(&[0, E9 / 2, -E9 / 2, most, -most]);
    let rates = [E9, E9, E9 / 3, 2 * E9, 1, 1 << 50];
    r.symbol.fx = FxRate::from_e9(d.near(&rates).max(1)).expect("positive");
    r.symbol.tick_value_e9 = d.near(&[10_000, 10_000, 4, most]).max(1);
    let balance = d.near(&[-1, 200 * E9, 20 * E9, most]);
    r.venue.set_balance(balance, r.firm.limits.credit_use_bp);
    shake_limits(r, d, most);
}

fn shake_order(r: &mut Rig, d: &mut Draws, most: i64) {
    r.order.side = if d.flag() { Side::Buy } else { Side::Sell };
    let place = usize::try_from(d.word() % 8).expect("small");
    r.order.ord_type = *OrdType::ALL.get(place).unwrap_or(&OrdType::Limit);
    let prices = [10_000, 10_000, 10_050, 9_950, 10_100, 9_900, 1, most, -most, i64::MIN];
    let (price, stop) = (d.near(&prices), d.near(&prices));
    (r.order.price_ticks, r.order.stop_px_ticks) = (PriceTicks(price), PriceTicks(stop));
    r.order.qty_lots = QtyLots(d.near(&[100, 100, 3, 200, 400, 900, most]));
    if d.flag() {
        let (cum_lots, leaves_lots) = (d.near(&[0, 40, 100]).max(0), d.near(&[0, 60, 100]).max(0));
        let value_e9 = d.near(&[0, 6 * E9, 10 * E9]).max(0);
        let status = OrdStatus::PartiallyFilled;
        r.amend =
            Some(Amend { cl_ord_id: ClOrdId::UNDEF, status, cum_lots, leaves_lots, value_e9 });
    }
    if d.flag() {
        r.order.parent_id = 1;
        r.parent = d.flag().then_some((d.near(&[400, most]), d.near(&[0, 300, most])));
    }
    let touch = [(9_999, 10_001), (9_950, 10_050), (0, 3), (-5, 9), (most - 4, most)];
    let (bid, ask) = touch[usize::try_from(d.word() % 5).expect("small")];
    r.symbol.set_touch(bid, ask);
    if d.word().is_multiple_of(8) {
        r.symbol.lose_book();
        let last = d.near(&[i64::MIN, 10_000, most, 0]);
        r.symbol.last_trade_ticks = last;
        r.symbol.prior_close_ticks = d.near(&[i64::MIN, 10_000]);
    }
}

/// Loosens some limits as far as their range goes.
fn shake_limits(r: &mut Rig, d: &mut Draws, most: i64) {
    use crate::limits::Row as _;
    let loose = d.word();
    let pick = |bit: u32| loose >> bit & 1 == 1;
    let (l, all) = (&mut r.symbol.limits, SymbolLimits::LOOSEST);
    if pick(0) {
        (l.max_long_lots, l.max_short_lots) = (all.max_long_lots, all.max_short_lots);
    }
    if pick(1) {
        l.max_order_notional_e9 = all.max_order_notional_e9;
        l.max_open_notional_e9 = all.max_open_notional_e9;
    }
    if pick(2) {
        (l.price_collar_bp, l.price_collar_ticks) = (all.price_collar_bp, all.price_collar_ticks);
        l.max_aggression_ticks = all.max_aggression_ticks;
    }
    if pick(3) {
        (l.max_adv_bp, l.max_depth_bp) = (all.max_adv_bp, all.max_depth_bp);
        l.max_order_qty_lots = all.max_order_qty_lots;
    }
    if pick(4) {
        r.strategy.limits = StrategyLimits { order_rate_per_s: 10, ..StrategyLimits::LOOSEST };
    }
    if pick(5) {
        r.firm.set_limits(FirmLimits { credit_use_bp: 5_000, ..FirmLimits::LOOSEST }, 1);
    }
    r.symbol.max_qty_lots = most;
}

/// What fails, by number, in 128 bits. Written from GATE.md.
struct Oracle<'a> {
    r: &'a Rig,
    failed: u64,
}

const TOO_LARGE: i128 = i128::MAX;

/// A sum of money, or more than any limit where it does not fit 64 bits.
fn fitting(e9: i128) -> i128 {
    if i64::try_from(e9).is_ok() { e9 } else { TOO_LARGE }
}

impl Oracle<'_> {
    fn hold(&mut self, id: u8, good: bool) {
        self.failed |= u64::from(!good) << id;
    }

    fn is_buy(&self) -> bool {
        self.r.order.side == Side::Buy
    }

    fn asked(&self) -> i128 {
        let (o, s) = (&self.r.order, &self.r.symbol);
        i128::from(match (o.ord_type, o.side) {
            (OrdType::Limit | OrdType::StopLimit, _) => o.price_ticks.get(),
            (OrdType::Stop, _) => o.stop_px_ticks.get(),
            (OrdType::Market, Side::Buy) => s.ask_ticks,
            (OrdType::Market, Side::Sell) => s.bid_ticks,
        })
    }

    fn price(&self) -> i128 {
        let limited = matches!(self.r.order.ord_type, OrdType::Limit | OrdType::StopLimit);
        let asked = self.asked();
        if limited || !self.is_buy() {
            asked
        } else {
            (asked + asked.div_euclid(32) + 1).max(i64::MIN.into())
        }
    }

    fn value(&self, lots: i128) -> i128 {
        let tick = i128::from(self.r.symbol.tick_value_e9);
        fitting(self.price().saturating_mul(lots).saturating_mul(tick))
    }

    fn base(&self, e9: i128) -> i128 {
        let rate = i128::from(self.r.symbol.fx.raw());
        if e9 == TOO_LARGE {
            return e9;
        }
        let product = e9 * rate;
        let up = product.div_euclid(1 << 32) + i128::from(product.rem_euclid(1 << 32) != 0);
        // A sum below nothing has no valid price: its own check denies, this one need not.
        if e9 < 0 { up.max(i64::MIN.into()) } else { fitting(up) }
    }

    fn sizes(&self) -> (i128, i128, i128, i128) {
        let (cum, own) = self.r.amend.map_or((0, 0), |a| (a.cum_lots.into(), a.leaves_lots.into()));
        let rest = i128::from(self.r.order.qty_lots.get()) - cum;
        (cum, own, rest, (rest - own).max(0))
    }

    fn opens(&self) -> bool {
        let s = &self.r.symbol;
        let (_, own, rest, _) = self.sizes();
        let (held, working) = if self.is_buy() {
            (-i128::from(s.position_lots), i128::from(s.buy_lots))
        } else {
            (i128::from(s.position_lots), i128::from(s.sell_lots))
        };
        rest > (held - working + i128::from(self.r.linked_lots) + own).min(held).max(0)
    }

    /// The worse of all buys filled and all sells filled, before and with the order.
    fn worst(&self, position: i64, buys: i64, sells: i64) -> (i128, i128) {
        let (p, b, s) = (i128::from(position), i128::from(buys), i128::from(sells));
        let added = self.sizes().3;
        let (with_b, with_s) = if self.is_buy() { (b + added, s) } else { (b, s + added) };
        let worse = |b: i128, s: i128| (p + b).abs().max((p - s).abs());
        (worse(b, s), worse(with_b, with_s))
    }

    fn reference_x2(&self) -> Option<i128> {
        let s = &self.r.symbol;
        let x2 = if s.book == BookState::Good {
            if s.bid_ticks <= 0 {
                return None;
            }
            i128::from(s.bid_ticks) + i128::from(s.ask_ticks)
        } else {
            let known = |ticks: i64| (ticks != i64::MIN).then(|| 2 * i128::from(ticks));
            known(s.last_trade_ticks).or(known(s.prior_close_ticks))?
        };
        (x2 > 0 && i64::try_from(x2).is_ok()).then_some(x2)
    }

    fn run(&mut self) {
        self.size();
        self.price_checks();
        self.exposure();
    }

    fn size(&mut self) {
        let r = self.r;
        let (qty, l) = (i128::from(r.order.qty_lots.get()), &r.symbol.limits);
        let (opens, added) = (self.opens(), self.sizes().3);
        let value = self.value(qty);
        let (before, after) =
            self.worst(r.symbol.position_lots, r.symbol.buy_lots, r.symbol.sell_lots);
        let t = &r.strategy;
        let of_strategy = self.worst(t.position_lots, t.buy_lots, t.sell_lots).1;
        let parts = [value, self.value((after - before).max(0)), self.value(of_strategy)];
        self.hold(14, parts.iter().all(|part| *part != TOO_LARGE));
        self.hold(23, qty <= l.max_order_qty_lots.into());
        let firm = self.base(value) <= r.firm.limits.max_order_notional_e9.into();
        self.hold(24, value <= l.max_order_notional_e9.into() && firm);
        let share = |bp: i64, whole: i64| {
            whole > 0
                && i64::try_from(qty * 10_000).is_ok()
                && qty * 10_000 <= i128::from(bp) * i128::from(whole)
        };
        self.hold(26, !opens || share(l.max_adv_bp, r.symbol.adv_lots));
        let depth = if self.is_buy() { r.symbol.ask_depth_lots } else { r.symbol.bid_depth_lots };
        self.hold(27, !opens || share(l.max_depth_bp, depth));
        if r.order.parent_id != 0 {
            let (all, used) = r.parent.unwrap_or((-1, 0));
            self.hold(30, i128::from(used) + added <= all.into());
        }
    }

    fn price_checks(&mut self) {
        let (o, s, l) = (&self.r.order, &self.r.symbol, &self.r.symbol.limits);
        let (price, stop) = (i128::from(o.price_ticks.get()), i128::from(o.stop_px_ticks.get()));
        let limited = matches!(o.ord_type, OrdType::Limit | OrdType::StopLimit);
        let reference = if o.ord_type == OrdType::StopLimit {
            (stop > 0 && i64::try_from(2 * stop).is_ok()).then_some(2 * stop)
        } else {
            self.reference_x2()
        };
        let near = reference.is_some_and(|reference| {
            let off = (2 * price - reference).abs();
            let bp = off * 10_000 <= i128::from(l.price_collar_bp) * reference;
            let near = bp || off <= 2 * i128::from(l.price_collar_ticks);
            // What cannot be told in basis points of 64 bits is not near.
            !limited || near && i64::try_from(off * 10_000).is_ok()
        });
        self.hold(28, near);
        let from = match (o.ord_type, o.side) {
            (OrdType::Limit, Side::Buy) => Some(s.ask_ticks),
            (OrdType::Limit, Side::Sell) => Some(s.bid_ticks),
            (OrdType::StopLimit, _) => Some(o.stop_px_ticks.get()),
            (OrdType::Market | OrdType::Stop, _) => None,
        };
        if let Some(from) = from.filter(|from| *from != i64::MIN) {
            let beyond = price - i128::from(from);
            let beyond = if self.is_buy() { beyond } else { -beyond };
            self.hold(29, beyond <= l.max_aggression_ticks.into());
        }
    }

    fn exposure(&mut self) {
        let r = self.r;
        let (s, strategy, firm) = (&r.symbol, &r.strategy, &r.firm);
        let (_, _, rest, added) = self.sizes();
        let opens = self.opens();
        let bound = |position: i64, working: (i64, i64), limits: (i64, i64)| {
            let p = i128::from(position);
            if self.is_buy() {
                p + i128::from(working.0) + added <= limits.0.into()
            } else {
                -p + i128::from(working.1) + added <= limits.1.into()
            }
        };
        let of_symbol = bound(
            s.position_lots,
            (s.buy_lots, s.sell_lots),
            (s.limits.max_long_lots, s.limits.max_short_lots),
        );
        let of_strategy = bound(
            strategy.position_lots,
            (strategy.buy_lots, strategy.sell_lots),
            (strategy.limits.max_long_lots, strategy.limits.max_short_lots),
        );
        let added_value = match r.amend {
            None => self.value(r.order.qty_lots.get().into()),
            Some(a) => match self.value(rest.max(0)) {
                TOO_LARGE => TOO_LARGE,
                fits => (fits - i128::from(a.value_e9)).max(0),
            },
        };
        let added_base = self.base(added_value);
        let (before, after) = self.worst(s.position_lots, s.buy_lots, s.sell_lots);
        let increase = (after - before).max(0);
        let increase_base = self.base(self.value(increase));
        let capital = self.base(
            self.value(self.worst(strategy.position_lots, strategy.buy_lots, strategy.sell_lots).1),
        );
        let sum = |so_far: i64, more: i128| fitting(i128::from(so_far).saturating_add(more));
        self.hold(40, of_symbol && of_strategy);
        let one = i64::from(r.amend.is_none());
        self.hold(41, s.open_orders + one <= s.limits.max_open_orders);
        let of_symbol = sum(s.open_e9, added_value) <= s.limits.max_open_notional_e9.into();
        let of_firm =
            sum(firm.exposure.open_e9, added_base) <= firm.limits.max_open_notional_e9.into();
        self.hold(42, of_symbol && of_firm);
        self.hold(
            49,
            firm.unknown_orders <= firm.limits.max_unknown_orders
                && firm.exposure.unknown_e9 <= firm.limits.max_unknown_notional_e9
                || !opens,
        );
        if !opens {
            return;
        }
        let gross = sum(firm.exposure.gross_e9, increase_base);
        self.hold(43, gross <= firm.limits.max_gross_e9.into());
        let net = if self.is_buy() { firm.exposure.up_e9 } else { firm.exposure.down_e9 };
        self.hold(44, sum(net, added_base) <= firm.limits.max_net_e9.into());
        let bp = i128::from(firm.limits.max_concentration_bp);
        let name = i128::from(firm.limits.max_gross_e9) * bp / 10_000;
        self.hold(45, sum(s.contribution.gross_e9, increase_base) <= name);
        let balance = i128::from(r.venue.balance_e9);
        // All of a debt, a share of a balance.
        let bp = if balance < 0 { 10_000 } else { i128::from(firm.limits.credit_use_bp) };
        let credit = balance * bp / 10_000;
        self.hold(46, sum(r.venue.claimed_e9, added_base) <= credit);
        self.hold(47, capital <= strategy.limits.capital_e9.into());
        let slope = i128::from(s.var_slope_e9);
        let signed = if self.is_buy() { added } else { -added };
        let (var, more) = if firm.var_external {
            (firm.var_e9, slope * signed)
        } else {
            (firm.exposure.var_e9, slope * increase)
        };
        let var = fitting(fitting(more).saturating_add(var.into()));
        self.hold(48, var <= firm.limits.var_limit_e9.into());
    }
}

/// The numbers the oracle knows.
const KNOWN: [u8; 18] = [14, 23, 24, 26, 27, 28, 29, 30, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49];

fn oracle(r: &Rig) -> u64 {
    let mut oracle = Oracle { r, failed: 0 };
    oracle.run();
    oracle.failed
}

fn known(mask: u64) -> Vec<&'static str> {
    codes(mask & KNOWN.iter().fold(0, |all, id| all | 1 << id))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn the_gate_equals_the_oracle(words in draws()) {
        let mut rig = Rig::new();
        shake(&mut rig, &mut Draws::new(words), LARGE);
        prop_assert_eq!(known(rig.verdict().mask), known(oracle(&rig)));
    }

    /// With any numbers at all: what the exact sums deny does not pass.
    #[test]
    fn nothing_that_the_exact_sums_deny_passes_at_the_extremes(words in draws()) {
        let mut rig = Rig::new();
        shake(&mut rig, &mut Draws::new(words), i64::MAX);
        if oracle(&rig) != 0 {
            prop_assert_ne!(rig.verdict().mask, 0);
        }
    }
}

/// The draws reach what they are meant to: each known check fails somewhere, and some orders pass.
#[test]
fn the_random_worlds_reach_every_known_check_and_a_pass() {
    let (mut seed, mut reached, mut passed) = (1_u64, 0_u64, 0);
    for _ in 0..20_000 {
        let words = (0..64).map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            seed.rotate_left(29) ^ seed
        });
        let mut rig = Rig::new();
        shake(&mut rig, &mut Draws::new(words.collect()), LARGE);
        let mask = oracle(&rig);
        reached |= mask;
        passed += usize::from(mask == 0);
    }
    assert_eq!(known(reached).len(), KNOWN.len(), "{:?}", known(reached));
    assert!(passed > 10, "{passed} pass");
}
