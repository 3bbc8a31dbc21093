//! A saved state read back: the words that `hash_into` fed, in the same order.
//!
//! Owns: the reader, and why a state is refused. Must never: trust a word. Each is checked where it
//! is taken (a count against its bound, a code against its table, what the setup gives against the
//! setup), and no word leads to a panic. Not for the loop's turn.

use core::fmt;
use wire::TsNs;

/// Largest count of anything that is only counted up, so that it can go on.
const MOST: u64 = 1 << 62;

/// Why a saved state was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateError {
    /// The engine has taken inputs already.
    NotFresh,
    /// The words end inside the state.
    Short,
    /// Words are left over after the state.
    Long {
        /// How many the state has.
        words: usize,
    },
    /// A word that stands for nothing.
    Value {
        /// Its place, from 0.
        at: usize,
    },
    /// A word the setup gives is another: the state is of another setup, or of another build.
    Setup {
        /// Its place, from 0.
        at: usize,
    },
    /// A strategy cannot take its state back.
    Strategy {
        /// Its name; empty where it says so itself.
        name: String,
    },
    /// What was loaded is not what was saved.
    Differs {
        /// Place of the first word that differs, from 0.
        at: usize,
    },
    /// What was loaded has another state hash.
    Hash {
        /// The hash that was due.
        due: u64,
        /// The hash of what was loaded.
        made: u64,
    },
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFresh => f.write_str("the engine has taken inputs already"),
            Self::Short => f.write_str("the words end inside the state"),
            Self::Long { words } => write!(f, "the state has {words} words, more are there"),
            Self::Value { at } => write!(f, "word {at} stands for nothing"),
            Self::Setup { at } => write!(f, "word {at} is of another setup or another build"),
            Self::Strategy { name } => write!(f, "strategy {name} cannot take a state back"),
            Self::Differs { at } => write!(f, "word {at} was loaded as another"),
            Self::Hash { due, made } => {
                write!(f, "its state hash is {made:016x}, {due:016x} was due")
            }
        }
    }
}

impl core::error::Error for StateError {}

/// Reads the words of a saved state.
#[derive(Clone, Debug)]
pub struct StateReader<'a> {
    words: &'a [u64],
    at: usize,
}

impl<'a> StateReader<'a> {
    /// A reader at the first word.
    #[must_use]
    pub const fn new(words: &'a [u64]) -> Self {
        Self { words, at: 0 }
    }

    /// The next word.
    ///
    /// # Errors
    /// [`StateError::Short`].
    pub fn u64(&mut self) -> Result<u64, StateError> {
        let word = self.words.get(self.at).copied().ok_or(StateError::Short)?;
        self.at = self.at.saturating_add(1);
        Ok(word)
    }

    /// The next word, signed.
    ///
    /// # Errors
    /// [`StateError::Short`].
    pub fn i64(&mut self) -> Result<i64, StateError> {
        self.u64().map(u64::cast_signed)
    }

    /// The next two words as one signed number.
    ///
    /// # Errors
    /// [`StateError::Short`].
    pub fn i128(&mut self) -> Result<i128, StateError> {
        let (low, high) = (u128::from(self.u64()?), u128::from(self.u64()?));
        Ok((low | high << 64_u32).cast_signed())
    }

    /// The next word as a number of fewer bits.
    ///
    /// # Errors
    /// [`StateError::Short`], [`StateError::Value`] where it does not fit.
    pub fn fit<T: TryFrom<u64>>(&mut self) -> Result<T, StateError> {
        let word = self.u64()?;
        T::try_from(word).map_err(|_| self.bad())
    }

    /// The next word as a signed number of 32 bits.
    ///
    /// # Errors
    /// [`StateError::Short`], [`StateError::Value`] where it does not fit.
    pub fn i32(&mut self) -> Result<i32, StateError> {
        let word = self.i64()?;
        i32::try_from(word).map_err(|_| self.bad())
    }

    /// The next word as a truth value.
    ///
    /// # Errors
    /// [`StateError::Short`], [`StateError::Value`] where it is neither 0 nor 1.
    pub fn bool(&mut self) -> Result<bool, StateError> {
        match self.u64()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.bad()),
        }
    }

    /// The next word as a time.
    ///
    /// # Errors
    /// [`StateError::Short`].
    pub fn time(&mut self) -> Result<TsNs, StateError> {
        self.u64().map(TsNs)
    }

    /// The next word as a count of at most so many.
    ///
    /// # Errors
    /// [`StateError::Short`], [`StateError::Value`] where it is more.
    pub fn count(&mut self, most: usize) -> Result<usize, StateError> {
        let count: usize = self.fit()?;
        if count <= most { Ok(count) } else { Err(self.bad()) }
    }

    /// The next word as a number that only counts up.
    ///
    /// # Errors
    /// [`StateError::Short`], [`StateError::Value`] where it has no room left.
    pub fn counter(&mut self) -> Result<u64, StateError> {
        let word = self.u64()?;
        if word < MOST { Ok(word) } else { Err(self.bad()) }
    }

    /// The next word as a code of a table.
    ///
    /// # Errors
    /// [`StateError::Short`], [`StateError::Value`] where the table has no such code.
    pub fn code<T>(&mut self, of: impl FnOnce(u8) -> Option<T>) -> Result<T, StateError> {
        let code = self.fit()?;
        of(code).ok_or_else(|| self.bad())
    }

    /// The next word as four bytes.
    ///
    /// # Errors
    /// [`StateError::Short`], [`StateError::Value`] where it is more.
    pub fn bytes(&mut self) -> Result<[u8; 4], StateError> {
        self.fit().map(u32::to_le_bytes)
    }

    /// The next word, which must be this one: the setup gives it.
    ///
    /// # Errors
    /// [`StateError::Short`], [`StateError::Setup`] where it is another.
    pub fn same(&mut self, due: u64) -> Result<(), StateError> {
        if self.u64()? == due {
            return Ok(());
        }
        Err(StateError::Setup { at: self.at.saturating_sub(1) })
    }

    /// That the word just taken stands for nothing.
    #[must_use]
    pub const fn bad(&self) -> StateError {
        StateError::Value { at: self.at.saturating_sub(1) }
    }

    /// That nothing is left.
    ///
    /// # Errors
    /// [`StateError::Long`].
    pub const fn end(&self) -> Result<(), StateError> {
        if self.at == self.words.len() {
            return Ok(());
        }
        Err(StateError::Long { words: self.at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_word_is_checked_and_named_by_its_place() {
        let words = [1, 2, u64::MAX, 1 << 62, 0x0403_0201, 7, u64::MAX, u64::MAX];
        let mut reader = StateReader::new(&words);
        assert_eq!((reader.bool(), reader.bool()), (Ok(true), Err(StateError::Value { at: 1 })));
        assert_eq!(reader.fit::<u32>(), Err(StateError::Value { at: 2 }));
        assert_eq!(reader.counter(), Err(StateError::Value { at: 3 }));
        assert_eq!(reader.bytes(), Ok([1, 2, 3, 4]));
        assert_eq!(reader.end(), Err(StateError::Long { words: 5 }));
        assert_eq!(reader.same(8), Err(StateError::Setup { at: 5 }));
        assert_eq!(reader.i128(), Ok(-1));
        assert_eq!((reader.end(), reader.u64()), (Ok(()), Err(StateError::Short)));
        assert_eq!(StateReader::new(&[3]).count(2), Err(StateError::Value { at: 0 }));
        assert_eq!(StateReader::new(&[2]).count(2), Ok(2));
        let minus = StateReader::new(&[(-5_i64).cast_unsigned()]).i32();
        assert_eq!((minus, StateReader::new(&[1 << 31]).i32().is_err()), (Ok(-5), true));
    }
}
