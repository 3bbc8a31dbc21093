//! The book by order that messages build, and what of it an order book file can confirm.
//!
//! Owns: how far each side has been in sight. Must never: take a level from the file that should be
//! known. Allocates.

use super::message::{Kind, Message};
use super::{Row, level};
use venues::by_order::OrderBook;
use wire::PriceTicks;
use wire::market::{BookSide, Level};

const SIDES: [BookSide; 2] = [BookSide::Bid, BookSide::Ask];

/// The book, and the worst price of each side that has been in sight all the time; `None`: all of
/// the side.
#[derive(Debug)]
pub(super) struct Checked {
    book: OrderBook,
    horizon: [Option<PriceTicks>; 2],
}

impl Checked {
    pub(super) fn new() -> Self {
        Self { book: OrderBook::new(), horizon: [None; 2] }
    }

    /// Begins with the row after the first message, as it stood before that message where that can
    /// be told: without the order it added. Returns both sides.
    pub(super) fn begin(&mut self, row: &Row, first: &Message) -> [Vec<Level>; 2] {
        for ((side, levels), horizon) in SIDES.into_iter().zip(&row.sides).zip(&mut self.horizon) {
            for one in levels {
                let is_new = first.kind == Kind::Add
                    && first.side == side
                    && first.price == Some(one.price_ticks);
                let added = if is_new { first.qty.get() } else { 0 };
                let before = (one.qty_lots.get() - added).max(0);
                self.book.set_level(side, level(one.price_ticks, before));
            }
            *horizon = end_of_sight(levels, row.depth);
        }
        if let (Kind::Reduce { .. }, Some(price)) = (first.kind, first.price) {
            // What it took is back until it is applied.
            let before = self.book.qty_at(first.side, price).get() + first.qty.get();
            self.book.set_level(first.side, level(price, before));
        }
        SIDES.map(|side| self.book.levels(side).collect())
    }

    /// Applies a message that changes the book: its level after it, where there is one to change,
    /// and whether its order was known (an added one is).
    pub(super) fn apply(&mut self, message: &Message, price: PriceTicks) -> (Option<Level>, bool) {
        let (side, qty) = (message.side, message.qty.get());
        let held = self.book.qty_at(side, price).get();
        let was_known = match message.kind {
            Kind::Add => true,
            Kind::Reduce { .. } | Kind::Hidden | Kind::Halt(_) => {
                self.book.order(side, price, message.order_id).is_some()
            }
        };
        let after = if message.kind == Kind::Add { held + qty } else { (held - qty).max(0) };
        if after == held {
            return (None, was_known);
        }
        let after = level(price, after);
        self.book.change(side, message.order_id, after);
        (Some(after), was_known)
    }

    /// In words where the row shows something else than the book, as far as it was in sight.
    pub(super) fn difference(&self, row: &Row) -> Option<String> {
        for ((side, theirs), horizon) in SIDES.into_iter().zip(&row.sides).zip(self.horizon) {
            let in_sight = |one: &&Level| is_within(side, one.price_ticks, horizon);
            let theirs: Vec<Level> = theirs.iter().filter(in_sight).copied().collect();
            let ours = self.book.levels(side).filter(|one| in_sight(&one)).take(row.depth);
            let ours: Vec<Level> = ours.collect();
            if ours == theirs {
                continue;
            }
            let at = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
            let show = |levels: &[Level]| match levels.get(at) {
                Some(one) => format!("{} lots at {} ticks", one.qty_lots, one.price_ticks),
                None => "none".to_owned(),
            };
            return Some(format!(
                "its {} level {} is {}, the messages so far make it {}",
                side.name(),
                at + 1,
                show(&theirs),
                show(&ours)
            ));
        }
        None
    }

    /// Takes what the row shows beyond the horizon as it is. Returns the levels that changed by it.
    pub(super) fn reveal(&mut self, row: &Row) -> [Vec<Level>; 2] {
        let mut changed: [Vec<Level>; 2] = Default::default();
        for (n, side) in SIDES.into_iter().enumerate() {
            let theirs = &row.sides[n];
            let (old, new) = (self.horizon[n], end_of_sight(theirs, row.depth));
            let is_new = |price| !is_within(side, price, old) && is_within(side, price, new);
            let gone =
                self.book.levels(side).filter(|one| is_new(one.price_ticks)).filter(|one| {
                    !theirs.iter().any(|theirs| theirs.price_ticks == one.price_ticks)
                });
            let mut levels: Vec<Level> = gone.map(|one| level(one.price_ticks, 0)).collect();
            let shown = theirs.iter().filter(|one| is_new(one.price_ticks));
            let differs = |one: &&Level| self.book.qty_at(side, one.price_ticks) != one.qty_lots;
            levels.extend(shown.filter(differs));
            for one in &levels {
                self.book.set_level(side, *one);
            }
            self.horizon[n] = new;
            changed[n] = levels;
        }
        changed
    }
}

/// The worst price in sight; `None` where the row has room for more levels than there are.
fn end_of_sight(levels: &[Level], depth: usize) -> Option<PriceTicks> {
    levels.last().filter(|_| levels.len() == depth).map(|last| last.price_ticks)
}

fn is_within(side: BookSide, price: PriceTicks, horizon: Option<PriceTicks>) -> bool {
    horizon.is_none_or(|worst| match side {
        BookSide::Bid => price >= worst,
        BookSide::Ask => price <= worst,
    })
}
