//! A small table of sockets whose numbers are never mistaken for an earlier socket's.
//!
//! Must never: reuse a token while an operation of the earlier owner may still be under way.
//! Used by both back ends on their polling thread; allocates only when it grows.

use crate::backend::Token;
use crate::error::IpcError;

/// Most sockets a back end holds.
pub(crate) const LIMIT: usize = 256;

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

/// Values by token.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    slots: Vec<Slot<T>>,
}

impl<T> Slots<T> {
    pub(crate) fn new() -> Self {
        Self { slots: Vec::new() }
    }

    /// Keeps a value and names it.
    pub(crate) fn insert(&mut self, value: T) -> Result<Token, IpcError> {
        let index = match self.slots.iter().position(|slot| slot.value.is_none()) {
            Some(free) => free,
            None if self.slots.len() < LIMIT => {
                self.slots.push(Slot { generation: 0, value: None });
                self.slots.len() - 1
            }
            None => return Err(IpcError::TooManySockets { limit: LIMIT }),
        };
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        let Some(slot) = self.slots.get_mut(index) else {
            return Err(IpcError::TooManySockets { limit: LIMIT });
        };
        slot.generation = slot.generation.wrapping_add(1);
        slot.value = Some(value);
        Ok(Token::new(number, slot.generation))
    }

    fn slot(&mut self, token: Token) -> Option<&mut Slot<T>> {
        let index = usize::try_from(token.index()).ok()?;
        self.slots.get_mut(index).filter(|slot| slot.generation == token.generation())
    }

    pub(crate) fn get_mut(&mut self, token: Token) -> Option<&mut T> {
        self.slot(token)?.value.as_mut()
    }

    pub(crate) fn get(&self, token: Token) -> Option<&T> {
        let slot = self.slots.get(usize::try_from(token.index()).ok()?)?;
        if slot.generation == token.generation() { slot.value.as_ref() } else { None }
    }

    pub(crate) fn remove(&mut self, token: Token) -> Option<T> {
        self.slot(token)?.value.take()
    }

    /// The token at a place, if a value stands there; for walking the table without borrowing it.
    pub(crate) fn token_at(&self, index: usize) -> Option<Token> {
        let slot = self.slots.get(index)?;
        slot.value.as_ref()?;
        Some(Token::new(u32::try_from(index).ok()?, slot.generation))
    }

    /// Places in the table, free ones included.
    pub(crate) fn places(&self) -> usize {
        self.slots.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freed_place_gets_a_new_name_and_the_old_name_is_dead() {
        let mut slots = Slots::new();
        let first = slots.insert('a').unwrap();
        assert_eq!(slots.remove(first), Some('a'));
        let second = slots.insert('b').unwrap();
        assert_ne!(first, second);
        assert_eq!(first.index(), second.index());
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get_mut(second), Some(&mut 'b'));
    }

    #[test]
    fn the_table_is_bounded() {
        let mut slots = Slots::new();
        for n in 0..LIMIT {
            slots.insert(n).unwrap();
        }
        assert!(matches!(slots.insert(0), Err(IpcError::TooManySockets { limit: LIMIT })));
    }
}
